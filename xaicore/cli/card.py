"""``card``: trained weights measured again."""

from __future__ import annotations

import argparse
from pathlib import Path

from xaicore.cli import values
from xaicore.cli.options import add_data_and_device, check_there, check_weights, chosen_device
from xaicore.cli.parser import Commands
from xaicore.cli.stopping import starts_again
from xaicore.files import check_file
from xaicore.progress import shown

# The card that ships is not written over by default.
CARD_OF_BUNDLED = Path("runs/petnet.json")


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "card",
        help="measure trained weights again and write their model card",
        description="Measure accuracy, calibration and cost of trained weights on the validation "
        "and test photos, and write their model card.",
    )
    add_data_and_device(parser)
    parser.add_argument(
        "--weights",
        type=values.path,
        metavar="FILE",
        help="a .safetensors file with its card beside it (default: the bundled ones)",
    )
    parser.add_argument(
        "--out",
        type=values.path,
        metavar="FILE",
        help=f"where the card goes (default: beside --weights; {CARD_OF_BUNDLED} without them)",
    )
    parser.set_defaults(run=run, parser=parser, stopped=starts_again)


def run(options: argparse.Namespace) -> None:
    check_weights(options.weights)
    check_there(options.data)
    out = place_of(options)
    check_file(out)
    with shown("loading PyTorch"):
        from xaicore.networks.classifier import BUNDLED_WEIGHTS
        from xaicore.training.model_card import remeasure, summary

        device = chosen_device(options)
    card = remeasure(options.weights or BUNDLED_WEIGHTS, options.data, out, device)
    print(f"{summary(card)}\nWritten to {out}.")


def place_of(options: argparse.Namespace) -> Path:
    """Where the card goes: where it is asked for, or beside weights that are named."""
    beside = options.weights.with_suffix(".json") if options.weights else CARD_OF_BUNDLED
    return options.out or beside
