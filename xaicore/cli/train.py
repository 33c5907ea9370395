"""``train``: PetNet from random weights to a measured model card."""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
from pathlib import Path

from xaicore.cli import values
from xaicore.cli.options import add_data_and_device, check_there, chosen_device
from xaicore.cli.parser import Commands
from xaicore.cli.stopping import starts_again
from xaicore.files import check_folder
from xaicore.progress import shown, tell
from xaicore.training.recipe import CHECKPOINT, Recipe

# Not where the weights lie that ship.
FOLDER = Path("runs/petnet")


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
        type=values.path,
        default=FOLDER,
        metavar="DIR",
        help="where the weights and the model card go (default: %(default)s)",
    )
    parser.add_argument(
        "--checkpoints",
        type=values.path,
        default=FOLDER,
        metavar="DIR",
        help="where the checkpoint is kept (default: %(default)s)",
    )
    parser.add_argument(
        "--epochs",
        type=values.positive,
        metavar="N",
        help=f"times every photo is seen (default: {Recipe.epochs}, or what is resumed had)",
    )
    parser.add_argument(
        "--seed",
        type=values.seed,
        metavar="N",
        help=f"start of all random numbers (default: {Recipe.seed}); a resumed run keeps its own",
    )
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.set_defaults(run=run, parser=parser, stopped=stopped)


def run(options: argparse.Namespace) -> None:
    if options.resume and options.seed is not None:
        options.parser.error("--seed cannot be changed by --resume")
    checkpoint = options.checkpoints / CHECKPOINT
    if options.resume and not checkpoint.is_file():
        options.parser.error(f"There is no checkpoint at {checkpoint}; train without --resume")
    if checkpoint.exists() and not options.resume:
        options.parser.error(
            f"{checkpoint} holds an earlier run; go on from it with --resume, or give other "
            "--checkpoints"
        )
    check_there(options.data)
    # Better now than after hours of training.
    check_folder(options.out)
    check_folder(options.checkpoints)
    with shown("loading PyTorch"):
        from xaicore.training.model_card import finish, summary
        from xaicore.training.train import load_checkpoint, saved_recipe, train

        device = chosen_device(options)
    recipe = Recipe()
    if options.resume:
        state = load_checkpoint(checkpoint)
        recipe = saved_recipe(state)
        tell(f"Going on after epoch {state['epoch']}.")
    given = {"epochs": options.epochs, "seed": options.seed}
    recipe = dataclasses.replace(
        recipe, **{name: value for name, value in given.items() if value is not None}
    )
    train(options.data, options.checkpoints, recipe, options.resume, device)
    card = finish(checkpoint, options.data, options.out, device)
    print(f"{summary(card)}\nWritten to {options.out}.")


def stopped(options: argparse.Namespace) -> str:
    """What is kept, and the command that goes on: that of before, but for the seed it kept."""
    checkpoint = options.checkpoints / CHECKPOINT
    if not checkpoint.exists():
        return starts_again(options)
    words = [sys.executable, "-m", "xaicore", "train", "--resume"]
    for name in ("data", "out", "checkpoints", "epochs", "device"):
        value = getattr(options, name)
        words += [] if value is None else [f"--{name}", str(value)]
    return f"The last checkpoint is kept at {checkpoint}; go on with: {shlex.join(words)}"
