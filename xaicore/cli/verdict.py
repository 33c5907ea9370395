"""``verdict``: how far to trust each method, and how often that is right; goes on where stopped."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from xaicore.cli.options import Commands, positive
from xaicore.networks.classifier import load_classifier
from xaicore.photos import load_photo
from xaicore.training.train import make_folder
from xaicore.truth.draws import FIRST_SEED, PHOTOS, measure_draws, measure_samples
from xaicore.truth.evidence import SETTINGS
from xaicore.truth.planted import PLANTED
from xaicore.truth.rates import (
    Rate,
    broken_rates,
    judged,
    sound_rates,
    together,
    unable_rates,
)

SAMPLES = Path(__file__).parents[2] / "assets" / "samples"
DRAWS = 12


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "verdict",
        help="how far to trust each method; goes on where it was stopped",
        description="Hold every method, and maps that are broken on purpose, against networks "
        "whose reasons are known. Adds to verdict.csv what it lacks, writes verdict.json, and says "
        "how often the broken ones are failed and the sound ones are not.",
    )
    parser.add_argument(
        "--draws",
        type=positive,
        default=DRAWS,
        metavar="N",
        help="draws of photos on each planted network (default: %(default)s)",
    )
    parser.add_argument(
        "--networks",
        nargs="+",
        choices=list(PLANTED),
        default=list(PLANTED),
        metavar="NAME",
        help=f"any of {', '.join(PLANTED)} (default: all)",
    )
    parser.add_argument(
        "--no-samples", action="store_true", help="leave out PetNet on the sample photos"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where the rows are written"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    make_folder(options.out)
    seeds = range(FIRST_SEED, FIRST_SEED + options.draws)
    with tqdm(total=len(seeds) * len(options.networks), unit="draw", smoothing=0.1) as bar:

        def progress(done: int, total: int, partial: Any = None) -> None:
            bar.update(done - bar.n)

        try:
            rows = measure_draws(seeds, options.out, options.networks, progress)
        except KeyboardInterrupt as interrupt:
            raise KeyboardInterrupt(
                "Stopped. What was finished is kept; the same command goes on from there."
            ) from interrupt
    if not options.no_samples:
        classifier = load_classifier(device="cpu")
        # The marked photo is for the PetNet that cheats.
        files = sorted(set(SAMPLES.glob("*.jpg")) - set(SAMPLES.glob("marked-*")))
        photos = [load_photo(file) for file in files]
        rows = measure_samples(classifier, classifier.preprocess(photos), options.out)
    rates = _rates(rows)
    about = {"first_seed": FIRST_SEED, "photos": PHOTOS, **SETTINGS, "failed": _plain(rates)}
    text = json.dumps(about, indent=2) + "\n"
    (options.out / "verdict.json").write_text(text, encoding="utf-8")
    print(_in_words(rates))


def _rates(rows: pd.DataFrame) -> dict[str, dict[str, Rate]]:
    """What is failed: broken maps, sound ones, and sound ones that cannot find the reason."""
    known = judged(rows)
    rates = {
        "broken": broken_rates(known),
        "sound": sound_rates(known),
        "unable": unable_rates(known),
    }
    return {name: {**own, "all": together(own.values())} for name, own in rates.items() if own}


def _plain(rates: Mapping[str, Mapping[str, Rate]]) -> dict[str, dict[str, list[int]]]:
    return {
        name: {which: [rate.failed, rate.draws] for which, rate in own.items()}
        for name, own in rates.items()
    }


def _in_words(rates: Mapping[str, Mapping[str, Rate]]) -> str:
    titles = {
        "broken": "Broken maps that are failed (more is better)",
        "sound": "Sound maps that are failed (less is better)",
        "unable": "Failed where the method cannot find the reason",
    }
    return "\n".join(
        "\n".join([titles[name], *(f"  {which}: {rate}" for which, rate in own.items())])
        for name, own in rates.items()
    )
