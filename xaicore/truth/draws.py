"""Draws: sound and broken maps on planted networks, each with its evidence; a row a draw."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from xaicore.evaluation.results import BUNDLED_RESULTS, DECIMALS
from xaicore.files import replace_file
from xaicore.networks.classifier import Classifier
from xaicore.progress import Progress, name_step, no_progress
from xaicore.truth.broken import Candidate, broken, sound
from xaicore.truth.evidence import KINDS, Evidence, Finding, Trial, measure, prepare
from xaicore.truth.planted import PLANTED
from xaicore.truth.scenes import PlantedPhotos

PHOTOS = 12
# The rule of the verdict was set on seed 0; what is reported is drawn anew.
FIRST_SEED = 100
# Where the reason is at the same place in every photo, another photo's map is not broken.
ONE_PLACE = ("colour",)
# What takes as long as all others together is drawn once in so many seeds.
SPARED = {"lime": 3}
FILE = "verdict.csv"
WHICH = ("network", "seed", "kind", "candidate")
FIGURES = ("figure", "gain", "low", "high")
COLUMNS = (*WHICH, *(f"{kind}_{figure}" for kind in KINDS for figure in FIGURES))


def measure_draws(
    seeds: Sequence[int],
    folder: Path,
    networks: Sequence[str] = tuple(PLANTED),
    progress: Progress = no_progress,
) -> pd.DataFrame:
    """Add a row for every network, seed and candidate that a folder's file lacks; give all rows.

    ``progress(done, total)`` is called once with the networks and seeds that are done already, then
    after each; what it raises stops the work, and what was finished is kept.
    """
    known = set(read_draws(folder)[list(WHICH)].itertuples(index=False, name=None))
    lacking = {
        (network, seed): [
            candidate
            for candidate in (*broken(seed), *sound())
            if _is_drawn(candidate, network, seed)
            and (network, seed, candidate.kind, candidate.name) not in known
        ]
        for seed in seeds
        for network in networks
    }
    left = {pair: candidates for pair, candidates in lacking.items() if candidates}
    there = len(lacking) - len(left)
    progress(there, len(lacking))
    for done, ((network, seed), candidates) in enumerate(left.items(), start=there + 1):
        planted = PLANTED[network]
        trial = prepare(load_planted(network), planted.draw(seed, PHOTOS), seed)
        for candidate in candidates:
            name_step(f"{planted.label}, {candidate.name}")
            # At once, so that the work goes on where it was stopped.
            _append(folder, _row(network, seed, candidate, trial))
        progress(done, len(lacking))
    return read_draws(folder)


def measure_samples(classifier: Classifier, batch: torch.Tensor, folder: Path) -> pd.DataFrame:
    """The same for all methods on a network that was not planted, named by its weights' hash."""
    targets = classifier.predict(batch).argmax(1)
    unknown = np.zeros((len(batch), *batch.shape[2:]), dtype=bool)
    trial = prepare(classifier, PlantedPhotos(batch, unknown, targets), 0)
    network = classifier.weights_hash
    known = set(read_draws(folder).query("network == @network")["candidate"])
    for candidate in sound():
        if candidate.name not in known:
            _append(folder, _row(network, 0, candidate, trial))
    return read_draws(folder)


def read_draws(folder: Path = BUNDLED_RESULTS) -> pd.DataFrame:
    """The rows of a folder's file; none where there is no file."""
    file = folder / FILE
    return pd.read_csv(file) if file.exists() else pd.DataFrame(columns=list(COLUMNS))


def evidence_of(row: pd.Series) -> Evidence:
    """What a row holds."""
    return {
        kind: Finding(*(float(row[f"{kind}_{figure}"]) for figure in FIGURES)) for kind in KINDS
    }


@functools.cache
def load_planted(network: str) -> Classifier:
    """A planted network, always the same one: what is known of it is not found out anew."""
    return PLANTED[network].load()


def _is_drawn(candidate: Candidate, network: str, seed: int) -> bool:
    if candidate.kind == "other photo" and network in ONE_PLACE:
        return False
    return candidate.name not in SPARED or seed % SPARED[candidate.name] == 0


def _row(network: str, seed: int, candidate: Candidate, trial: Trial) -> dict[str, Any]:
    found = measure(candidate, trial)
    return dict(zip(WHICH, (network, seed, candidate.kind, candidate.name), strict=True)) | {
        f"{kind}_{figure}": getattr(finding, figure)
        for kind, finding in found.items()
        for figure in FIGURES
    }


def _append(folder: Path, row: Mapping[str, Any]) -> None:
    """Add a row to a folder's file, which is whole at any moment."""
    file = folder / FILE
    table = pd.DataFrame([row], columns=list(COLUMNS)).round(DECIMALS)
    before = file.read_text("utf-8") if file.exists() else ""
    replace_file(file, before + table.to_csv(header=not before, index=False))
