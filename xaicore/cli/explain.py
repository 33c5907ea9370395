"""``explain``: one photo by several methods, as files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from xaicore.cli.options import (
    Commands,
    add_methods,
    add_network,
    add_protocol,
    check_network,
    load_chosen,
)
from xaicore.export import explain_to_files
from xaicore.metrics.base import PROTOCOLS
from xaicore.training.train import make_folder


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "explain",
        help="explain one photo: overlays, maps and scores as files",
        description="Explain one photo by several methods and score every map. Writes an overlay "
        "a method (PNG), all maps (maps.npz) and the verdict, proofs and scores (scores.json).",
    )
    parser.add_argument("photo", type=Path, help="the photo's file")
    add_methods(parser)
    add_protocol(parser)
    add_network(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the files go")
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> None:
    check_network(options)
    make_folder(options.out)
    classifier = load_chosen(options)
    refused = explain_to_files(
        classifier, options.photo, options.methods, PROTOCOLS[options.protocol], options.out
    )
    for sentence in refused.values():
        print(sentence, file=sys.stderr)
    print(f"Written to {options.out}.")
