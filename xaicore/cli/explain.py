"""``explain``: one photo by several methods, as files."""

from __future__ import annotations

import argparse
from pathlib import Path

from xaicore.cli.options import Commands, add_methods, add_protocol, add_weights_and_device
from xaicore.export import explain_to_files
from xaicore.metrics.base import PROTOCOLS
from xaicore.networks.classifier import load_classifier
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
    add_weights_and_device(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the files go")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    make_folder(options.out)
    classifier = load_classifier(options.weights, options.device)
    explain_to_files(
        classifier, options.photo, options.methods, PROTOCOLS[options.protocol], options.out
    )
    print(f"Written to {options.out}.")
