"""``train``: PetNet from random weights to a measured model card."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from xaicore.cli.options import Commands, add_data_and_device, positive
from xaicore.networks.classifier import BUNDLED_WEIGHTS
from xaicore.training.model_card import finish, summary
from xaicore.training.train import (
    CHECKPOINT,
    Recipe,
    load_checkpoint,
    make_folder,
    saved_recipe,
    train,
)


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "train",
        help="train PetNet on cats and dogs, then calibrate and measure it",
        description="Train PetNet from random weights, fold and calibrate it, and write its "
        "weights and model card. A checkpoint is kept after every epoch.",
    )
    add_data_and_device(parser)
    parser.add_argument(
        "--out",
        type=Path,
        default=BUNDLED_WEIGHTS.parent,
        metavar="DIR",
        help="where the weights and the model card go (default: %(default)s)",
    )
    parser.add_argument(
        "--checkpoints",
        type=Path,
        default=Path("runs/petnet"),
        metavar="DIR",
        help="where the checkpoint is kept (default: %(default)s)",
    )
    parser.add_argument(
        "--epochs",
        type=positive,
        metavar="N",
        help=f"times every photo is seen (default: {Recipe.epochs}, or what is resumed had)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        metavar="N",
        help=f"start of all random numbers (default: {Recipe.seed}); a resumed run keeps its own",
    )
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> None:
    if options.resume and options.seed is not None:
        options.parser.error("--seed cannot be changed by --resume")
    checkpoint = options.checkpoints / CHECKPOINT
    recipe = saved_recipe(load_checkpoint(checkpoint)) if options.resume else Recipe()
    given = {"epochs": options.epochs, "seed": options.seed}
    recipe = dataclasses.replace(
        recipe, **{name: value for name, value in given.items() if value is not None}
    )
    # Better now than after hours of training.
    make_folder(options.out)
    try:
        train(options.data, options.checkpoints, recipe, options.resume, options.device)
        card = finish(checkpoint, options.data, options.out, options.device)
    except KeyboardInterrupt as interrupt:
        kept = (
            f"Stopped. The last checkpoint is kept at {checkpoint}; go on from it with --resume."
            if checkpoint.exists()
            else "Stopped before the first checkpoint; nothing was written."
        )
        raise KeyboardInterrupt(kept) from interrupt
    print(summary(card))
