"""``plant``: PetNets that cheat, made and measured."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from xaicore.cli.options import Commands, add_data_and_device, positive
from xaicore.training.model_card import read_card
from xaicore.truth.cheating import KINDS, Recipe
from xaicore.truth.planting import plant, summary

SEEDS = (0, 1, 2)


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "plant",
        help="fine-tune PetNets that look at a mark; goes on where it was stopped",
        description="Fine-tune PetNet on photos with a small mark that decides the answer (tells), "
        "says nothing (idle) or is not there (none), and measure how far the mark leads it. "
        "Networks that are there already are kept.",
    )
    add_data_and_device(parser)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/planted"),
        metavar="DIR",
        help="where a weights file and a card a network go (default: %(default)s)",
    )
    parser.add_argument(
        "--kind",
        nargs="+",
        choices=list(KINDS),
        default=list(KINDS),
        metavar="K",
        help=f"any of {', '.join(KINDS)} (default: all)",
    )
    parser.add_argument(
        "--seed",
        nargs="+",
        type=int,
        default=list(SEEDS),
        metavar="N",
        help="starts of all random numbers, one a network of each kind "
        f"(default: {' '.join(map(str, SEEDS))})",
    )
    for field, words in (("photos", "training photos"), ("epochs", "times every photo is seen")):
        default = getattr(Recipe, field)
        parser.add_argument(
            f"--{field}",
            type=positive,
            default=default,
            metavar="N",
            help=f"{words} (default: {default})",
        )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    recipe = dataclasses.replace(Recipe(), photos=options.photos, epochs=options.epochs)
    jobs = [(KINDS[kind], seed) for seed in options.seed for kind in options.kind]
    try:
        made = plant(options.data, options.out, recipe, jobs, options.device)
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(
            "Stopped. What was finished is kept; the same command goes on from there."
        ) from interrupt
    for weights in made:
        print(f"{weights.stem}: {summary(read_card(weights))}")
