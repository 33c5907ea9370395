"""``protocols``: the same maps scored under other protocols; goes on where it was stopped."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tqdm import tqdm

from xaicore.cli.options import Commands, add_device, add_photos, add_store, open_store
from xaicore.evaluation.plan import choose_files
from xaicore.evaluation.protocols import SCORES, Protocols, measure_protocols, save_protocols
from xaicore.networks.classifier import load_classifier
from xaicore.training.train import make_folder


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
        "--out", type=Path, required=True, metavar="DIR", help="where the rows are written"
    )
    add_device(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    files = choose_files(options.photos, options.split, options.limit)
    make_folder(options.out)
    classifier = load_classifier(device=options.device)
    store = open_store(options)
    with tqdm(total=len(files), unit="photo", smoothing=0.1) as bar:

        def progress(done: int, total: int, partial: Any = None) -> None:
            bar.update(done - bar.n)

        try:
            protocols = measure_protocols(classifier, files, store, progress)
        except KeyboardInterrupt as interrupt:
            raise KeyboardInterrupt(
                "Stopped. What was finished is kept; the same command goes on from there."
            ) from interrupt
    if protocols.rows.empty:
        print("No photo could be read.")
        return
    save_protocols(protocols, options.out)
    print(_means(protocols))


def _means(protocols: Protocols) -> str:
    """Mean of every metric by variant and method."""
    means = protocols.rows.groupby(["variant", "method"], sort=False)[list(SCORES)].mean()
    return f"{means.round(3).to_string()}\n\n{protocols.about['photos']} photos."
