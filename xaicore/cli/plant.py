"""``plant``: PetNets that cheat, made and measured."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from xaicore.cli import values
from xaicore.cli.options import add_data_and_device, check_there, chosen_device
from xaicore.cli.parser import Commands, Names
from xaicore.cli.stopping import goes_on
from xaicore.cli.watching import say_once
from xaicore.files import check_folder
from xaicore.progress import shown
from xaicore.truth.kinds import KINDS, Recipe

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
        type=values.path,
        default=Path("runs/planted"),
        metavar="DIR",
        help="where a weights file and a card a network go (default: %(default)s)",
    )
    parser.add_argument(
        "--kind",
        action=Names,
        names=tuple(KINDS),
        default=list(KINDS),
        help=f"any of {', '.join(KINDS)} (default: all)",
    )
    parser.add_argument(
        "--seed",
        nargs="+",
        type=values.seed,
        default=list(SEEDS),
        metavar="N",
        help="starts of all random numbers, one a network of each kind "
        f"(default: {' '.join(map(str, SEEDS))})",
    )
    for field, words in (("photos", "training photos"), ("epochs", "times every photo is seen")):
        default = getattr(Recipe, field)
        parser.add_argument(
            f"--{field}",
            type=values.positive,
            default=default,
            metavar="N",
            help=f"{words} (default: {default})",
        )
    parser.set_defaults(run=run, parser=parser, stopped=goes_on)


def run(options: argparse.Namespace) -> None:
    check_there(options.data)
    check_folder(options.out)
    with shown("loading PyTorch"):
        from xaicore.training.model_card import read_card
        from xaicore.truth.planting import plant, summary

        device = chosen_device(options)
    recipe = dataclasses.replace(Recipe(), photos=options.photos, epochs=options.epochs)
    jobs = [(KINDS[kind], seed) for seed in options.seed for kind in options.kind]
    made = plant(options.data, options.out, recipe, jobs, device, say_once("network"))
    for weights in made:
        print(f"{weights.stem}: {summary(read_card(weights))}")
