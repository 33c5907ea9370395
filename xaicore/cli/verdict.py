"""``verdict``: how far to trust each method, and how often that is right; goes on where stopped."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from xaicore.cli import values
from xaicore.cli.parser import Commands, Names
from xaicore.cli.stopping import goes_on
from xaicore.cli.watching import watched
from xaicore.files import check_folder, replace_file
from xaicore.names import PLANTED
from xaicore.photos import load_photo
from xaicore.progress import shown

if TYPE_CHECKING:
    import pandas as pd

    from xaicore.truth.rates import Rate

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
        type=values.positive,
        default=DRAWS,
        metavar="N",
        help="draws of photos on each planted network (default: %(default)s)",
    )
    parser.add_argument(
        "--networks",
        action=Names,
        names=PLANTED,
        default=list(PLANTED),
        help=f"any of {', '.join(PLANTED)} (default: all)",
    )
    parser.add_argument(
        "--no-samples", action="store_true", help="leave out PetNet on the sample photos"
    )
    parser.add_argument(
        "--out", type=values.path, required=True, metavar="DIR", help="where the rows are written"
    )
    parser.set_defaults(run=run, stopped=goes_on)


def run(options: argparse.Namespace) -> None:
    check_folder(options.out)
    with shown("loading PyTorch"):
        from xaicore.truth.draws import FIRST_SEED, PHOTOS, measure_draws
        from xaicore.truth.evidence import SETTINGS
    seeds = range(FIRST_SEED, FIRST_SEED + options.draws)
    with watched("verdict", "draw") as progress:
        rows = measure_draws(seeds, options.out, options.networks, progress)
    if not options.no_samples:
        rows = _measure_samples(options.out)
    rates = _rates(rows)
    about = {"first_seed": FIRST_SEED, "photos": PHOTOS, **SETTINGS, "failed": _plain(rates)}
    replace_file(options.out / "verdict.json", json.dumps(about, indent=2) + "\n")
    print(_in_words(rates))


def _measure_samples(folder: Path) -> pd.DataFrame:
    """The same for PetNet on the sample photos."""
    from xaicore.networks.classifier import load_classifier
    from xaicore.truth.draws import measure_samples

    with shown("PetNet on the samples"):
        classifier = load_classifier(device="cpu")
        # The marked photo is for the PetNet that cheats.
        files = sorted(set(SAMPLES.glob("*.jpg")) - set(SAMPLES.glob("marked-*")))
        photos = [load_photo(file) for file in files]
        return measure_samples(classifier, classifier.preprocess(photos), folder)


def _rates(rows: pd.DataFrame) -> dict[str, dict[str, Rate]]:
    """What is failed: broken maps, sound ones, and sound ones that cannot find the reason."""
    from xaicore.truth.rates import broken_rates, judged, sound_rates, together, unable_rates

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
