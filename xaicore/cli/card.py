"""``card``: trained weights measured again."""

from __future__ import annotations

import argparse
from pathlib import Path

from xaicore.cli.options import Commands, add_data_and_device
from xaicore.networks.classifier import BUNDLED_WEIGHTS
from xaicore.training.model_card import remeasure, summary


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "card",
        help="measure trained weights again and rewrite their model card",
        description="Measure accuracy, calibration and cost of trained weights on the validation "
        "and test photos, and rewrite the model card beside them.",
    )
    add_data_and_device(parser)
    parser.add_argument(
        "--weights",
        type=Path,
        default=BUNDLED_WEIGHTS,
        metavar="FILE",
        help="a .safetensors file with its card beside it (default: %(default)s)",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    print(summary(remeasure(options.weights, options.data, options.device)))
