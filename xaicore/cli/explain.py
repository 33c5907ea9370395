"""``explain``: one photo by several methods, as files."""

from __future__ import annotations

import argparse

from xaicore.cli import values
from xaicore.cli.options import add_methods, add_network, add_protocol, check_network, load_chosen
from xaicore.cli.parser import Commands
from xaicore.cli.stopping import starts_again
from xaicore.cli.watching import watched
from xaicore.files import check_folder
from xaicore.photos import load_photo
from xaicore.photos.reading import read
from xaicore.progress import shown, tell


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "explain",
        help="explain one photo: overlays, maps and scores as files",
        description="Explain one photo by several methods and score every map. Writes an overlay "
        "a method (PNG), all maps (maps.npz) and the verdict, proofs and scores (scores.json).",
    )
    parser.add_argument("photo", type=values.path, help="the photo's file")
    add_methods(parser)
    add_protocol(parser)
    add_network(parser)
    parser.add_argument(
        "--out", type=values.path, required=True, metavar="DIR", help="where the files go"
    )
    parser.set_defaults(run=run, parser=parser, stopped=starts_again)


def run(options: argparse.Namespace) -> None:
    check_network(options)
    data = read(options.photo)
    load_photo(data)
    check_folder(options.out)
    with shown("loading the network"):
        from xaicore.export import explain_to_files
        from xaicore.metrics.base import PROTOCOLS

        classifier = load_chosen(options)
    protocol = PROTOCOLS[options.protocol]
    with watched("explaining", "step") as progress:
        refused = explain_to_files(
            classifier, data, options.methods, protocol, options.out, progress
        )
    for sentence in refused.values():
        tell(sentence)
    print(f"Written to {options.out}.")
