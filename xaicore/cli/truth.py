"""``truth``: maps of networks whose reasons are known; goes on where it was stopped."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tqdm import tqdm

from xaicore.cli.options import Commands, add_store, open_store, positive
from xaicore.networks.petnet import INPUT_SIZE
from xaicore.training.dataset import find_photos
from xaicore.training.train import decode, make_folder
from xaicore.truth.believe import judge
from xaicore.truth.measure import measure_truth
from xaicore.truth.planted import PLANTED, planted_pets
from xaicore.truth.results import load_truth, save_truth
from xaicore.truth.words import to_markdown


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "truth",
        help="hold maps and metrics against reasons that are known; goes on where it was stopped",
        description="Explain networks whose reasons are known with every method, hold the maps "
        "against the truth, and say which metric agrees with it. Writes truth.csv and truth.json.",
    )
    add_store(parser)
    parser.add_argument(
        "--planted",
        type=Path,
        metavar="DIR",
        help="take the cheating PetNets there, too, which 'plant' made (needs --data)",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="PATH",
        help="a folder or zip like Kaggle's PetImages, whose test part they are shown",
    )
    parser.add_argument(
        "--most",
        type=positive,
        metavar="N",
        help="photos a network, where that is fewer than it would have",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where the rows are written"
    )
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> None:
    make_folder(options.out)
    planted = list(PLANTED.values())
    if options.planted:
        if not options.data:
            options.parser.error("--planted needs --data, the photos that PetNets are shown")
        test, _ = decode(find_photos(options.data), "test", INPUT_SIZE)
        planted += planted_pets(options.planted, test)
    store = open_store(options)
    with tqdm(unit="photo", smoothing=0.1) as bar:

        def progress(done: int, total: int, partial: Any = None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        try:
            results = measure_truth(planted, store, options.most, progress)
        except KeyboardInterrupt as interrupt:
            raise KeyboardInterrupt(
                "Stopped. What was finished is kept; the same command goes on from there."
            ) from interrupt
    save_truth(results, options.out)
    print(to_markdown(judge(load_truth(options.out).rows)))
