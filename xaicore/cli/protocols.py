"""``protocols``: the same maps scored under other protocols; goes on where it was stopped."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from xaicore.cli import values
from xaicore.cli.options import (
    add_device,
    add_photos,
    add_store,
    check_there,
    chosen_device,
    kept_in_store,
    open_store,
)
from xaicore.cli.parser import Commands
from xaicore.cli.stopping import goes_on
from xaicore.cli.unread import name_unread
from xaicore.cli.watching import watched
from xaicore.files import check_folder
from xaicore.formatting import plural
from xaicore.progress import shown

if TYPE_CHECKING:
    from xaicore.evaluation.protocols import Protocols


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "protocols",
        help="score the same maps under other protocols; goes on where it was stopped",
        description="Score PetNet's maps of photos under every protocol that differs from ours in "
        "one thing: what a removed pixel shows, what insertion starts from, the number of steps, "
        "the mask, the explained score. Writes protocols.csv and protocols.json.",
    )
    add_photos(parser)
    add_store(parser)
    parser.add_argument(
        "--out", type=values.path, required=True, metavar="DIR", help="where the rows are written"
    )
    add_device(parser)
    parser.set_defaults(run=run, parser=parser, stopped=goes_on)


def run(options: argparse.Namespace) -> int:
    check_there(options.photos)
    check_folder(options.out)
    store = open_store(options)
    with shown("loading the network"):
        from xaicore.evaluation.plan import choose_files
        from xaicore.evaluation.protocols import measure_protocols, save_protocols
        from xaicore.networks.classifier import load_classifier

        files = choose_files(options.photos, options.split, options.limit)
        classifier = load_classifier(device=chosen_device(options))
    with kept_in_store(options):
        with watched("protocols") as progress:
            protocols = measure_protocols(classifier, files, store, progress)
        if not protocols.rows.empty:
            save_protocols(protocols, options.out)
    print("No photo could be read." if protocols.rows.empty else _means(protocols))
    return name_unread(protocols.unread)


def _means(protocols: Protocols) -> str:
    """Mean of every metric by variant and method."""
    from xaicore.evaluation.protocols import SCORES

    means = protocols.rows.groupby(["variant", "method"], sort=False)[list(SCORES)].mean()
    return f"{means.round(3).to_string()}\n\n{plural(protocols.about['photos'], 'photo')}."
