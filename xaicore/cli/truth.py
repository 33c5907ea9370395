"""``truth``: maps of networks whose reasons are known; goes on where it was stopped."""

from __future__ import annotations

import argparse

from xaicore.cli import values
from xaicore.cli.options import add_store, check_there, kept_in_store, open_store
from xaicore.cli.parser import Commands
from xaicore.cli.stopping import goes_on
from xaicore.cli.watching import watched
from xaicore.files import check_folder
from xaicore.progress import shown


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
        type=values.path,
        metavar="DIR",
        help="take the cheating PetNets there, too, which 'plant' made (needs --data)",
    )
    parser.add_argument(
        "--data",
        type=values.path,
        metavar="PATH",
        help="a folder or zip like Kaggle's PetImages, whose test part they are shown",
    )
    parser.add_argument(
        "--most",
        type=values.positive,
        metavar="N",
        help="photos a network, where that is fewer than it would have",
    )
    parser.add_argument(
        "--out", type=values.path, required=True, metavar="DIR", help="where the rows are written"
    )
    parser.set_defaults(run=run, parser=parser, stopped=goes_on)


def run(options: argparse.Namespace) -> None:
    if options.planted and not options.data:
        options.parser.error("--planted needs --data, the photos that PetNets are shown")
    if options.data and not options.planted:
        options.parser.error("--data is of use with --planted only")
    for place in filter(None, (options.planted, options.data)):
        check_there(place)
    check_folder(options.out)
    store = open_store(options)
    with shown("loading PyTorch"):
        from xaicore.networks.petnet import INPUT_SIZE
        from xaicore.training.dataset import find_photos
        from xaicore.training.train import decode
        from xaicore.truth.believe import judge
        from xaicore.truth.measure import measure_truth
        from xaicore.truth.planted import PLANTED, planted_pets
        from xaicore.truth.results import load_truth, save_truth
        from xaicore.truth.words import to_markdown
    planted = list(PLANTED.values())
    if options.planted:
        test, _ = decode(find_photos(options.data), "test", INPUT_SIZE)
        planted += planted_pets(options.planted, test)
    with kept_in_store(options):
        with watched("truth") as progress:
            results = measure_truth(planted, store, options.most, progress)
        save_truth(results, options.out)
    print(to_markdown(judge(load_truth(options.out).rows)))
