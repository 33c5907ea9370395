"""The command line: ``python -m xaicore train`` and ``python -m xaicore card``."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import torch

from xaicore.classifier import BUNDLED_WEIGHTS, ClassifierError, choose_device
from xaicore.dataset import DatasetError
from xaicore.model_card import finish, remeasure, summary
from xaicore.photos import PhotoError
from xaicore.training import (
    CHECKPOINT,
    Recipe,
    TrainingError,
    load_checkpoint,
    make_folder,
    saved_recipe,
    train,
)

# Errors made for people to read: one sentence is all they need.
PLAIN_ERRORS = (DatasetError, TrainingError, ClassifierError, PhotoError)
USAGE_STATUS = 2
INTERRUPTED_STATUS = 130


class Parser(argparse.ArgumentParser):
    """Answers a bad argument with one sentence instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_STATUS, f"{self.prog}: {message}; see --help\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    options = build_parser().parse_args(arguments)
    try:
        options.run(options)
    except PLAIN_ERRORS as error:
        print(error, file=sys.stderr)
        return USAGE_STATUS
    except KeyboardInterrupt as interrupt:
        print(f"\n{str(interrupt) or 'Stopped.'}", file=sys.stderr)
        return INTERRUPTED_STATUS
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m xaicore", description="Train PetNet, and measure it.")
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_train(commands)
    _add_card(commands)
    return parser


def _add_train(commands: argparse._SubParsersAction[Parser]) -> None:
    parser = commands.add_parser(
        "train",
        help="train PetNet on cats and dogs, then calibrate and measure it",
        description="Train PetNet from random weights, fold and calibrate it, and write its "
        "weights and model card. A checkpoint is kept after every epoch.",
    )
    _add_data_and_device(parser)
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
        type=_positive,
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
    parser.set_defaults(run=_train, parser=parser)


def _add_card(commands: argparse._SubParsersAction[Parser]) -> None:
    parser = commands.add_parser(
        "card",
        help="measure trained weights again and rewrite their model card",
        description="Measure accuracy, calibration and cost of trained weights on the validation "
        "and test photos, and rewrite the model card beside them.",
    )
    _add_data_and_device(parser)
    parser.add_argument(
        "--weights",
        type=Path,
        default=BUNDLED_WEIGHTS,
        metavar="FILE",
        help="a .safetensors file with its card beside it (default: %(default)s)",
    )
    parser.set_defaults(run=_card)


def _add_data_and_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="PATH",
        help="a folder or zip with a folder Cat and a folder Dog, as Kaggle's PetImages",
    )
    parser.add_argument(
        "--device",
        type=_device,
        default="auto",
        help="auto (a GPU where there is one), cpu or cuda (default: %(default)s)",
    )


def _train(options: argparse.Namespace) -> None:
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


def _card(options: argparse.Namespace) -> None:
    print(summary(remeasure(options.weights, options.data, options.device)))


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _device(text: str) -> torch.device:
    try:
        device = choose_device(text)
        torch.empty(0, device=device)
    except Exception as error:  # torch raises many types for a device it does not have
        raise argparse.ArgumentTypeError(f"there is no device {text!r} here") from error
    return device


if __name__ == "__main__":
    sys.exit(main())
