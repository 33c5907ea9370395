"""The mosaics of an evaluation, and a method's Focus on each of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from xaicore.evaluation.chunk import network_of
from xaicore.evaluation.contents import load_listed
from xaicore.evaluation.plan import EvaluationError, PhotoFile
from xaicore.evaluation.store import MapKey, PhotoRecord, Run, ScoreKey, Store
from xaicore.explainers import EXPLAINERS
from xaicore.formatting import printable
from xaicore.identity import canonical, hash_bytes
from xaicore.metrics.base import VERSION
from xaicore.metrics.focus import make_mosaics, measure_focus
from xaicore.networks.classifier import Classifier
from xaicore.progress import Progress, name_step

FOCUS = "focus"


@dataclass(frozen=True)
class PlannedMosaic:
    """Which photos make a mosaic: two of each class, ``labels`` [4] as class indices."""

    positions: tuple[int, ...]
    labels: tuple[int, ...]
    photos: tuple[str, ...]
    size: int
    seed: int

    def keys(self, spec: Mapping[str, Any], method: str) -> list[ScoreKey]:
        """Where a method's Focus is kept, for each of the two classes in ascending order."""
        photo = hash_bytes(repr((self.photos, self.size, self.seed)).encode())
        made = [
            canonical({**spec["explainers"][method], "class": label})
            for label in sorted(set(self.labels))
        ]
        network = network_of(spec)
        return [
            ScoreKey(MapKey(network, photo, method, settings), FOCUS, str(VERSION))
            for settings in made
        ]


def plan_mosaics(spec: Mapping[str, Any], records: Sequence[PhotoRecord]) -> list[PlannedMosaic]:
    """The mosaics of a run, the same every time: at the network's input size, then at twice it."""
    labels = spec["labels"]
    whole = [record for record in records if not record.error and record.label in labels]
    groups = [[record for record in whole if record.label == label] for label in labels]
    two = [group for group in groups if len(group) >= 2][:2]
    if len(two) < 2:
        return []
    planned = []
    for size in (spec["size"], 2 * spec["size"]):
        generator = np.random.default_rng(size)
        for seed in range(spec["mosaics"]):
            drawn = [group[i] for group in two for i in generator.choice(len(group), 2, False)]
            planned.append(
                PlannedMosaic(
                    tuple(record.position for record in drawn),
                    tuple(labels.index(record.label) for record in drawn),
                    tuple(record.photo for record in drawn),
                    size,
                    seed,
                )
            )
    return planned


def evaluate_focus(
    classifier: Classifier, files: Sequence[PhotoFile], store: Store, run: Run, progress: Progress
) -> None:
    """Measure every method's Focus on a run's mosaics, as far as the store does not hold it."""
    for mosaic, name in missing_focus(store, run):
        progress(0, 0)
        name_step(f"{EXPLAINERS[name].label}, Focus")
        photos = [
            _load_again(position, files[position], photo)
            for position, photo in zip(mosaic.positions, mosaic.photos, strict=True)
        ]
        (made,) = make_mosaics(photos, mosaic.labels, 1, mosaic.size, seed=mosaic.seed)
        values = measure_focus(classifier, [made], name, progress=progress)[0]
        keys = mosaic.keys(run.spec, name)
        store.put_scores(dict(zip(keys, values.tolist(), strict=True)))


def _load_again(position: int, file: PhotoFile, photo: str) -> Image.Image:
    """A photo that was read before; :class:`EvaluationError` if it is not the same any more."""
    loaded = load_listed(position, file)
    if loaded.hash != photo or loaded.photo is None:
        raise EvaluationError(
            f"Photo {position} ({printable(file.name)}) has changed since it was evaluated. "
            "Evaluate the photos once more."
        )
    return loaded.photo


def missing_focus(store: Store, run: Run) -> Iterator[tuple[PlannedMosaic, str]]:
    """A run's mosaics and methods whose Focus the store does not hold."""
    for mosaic in plan_mosaics(run.spec, store.records(run.id)):
        for name in run.spec["methods"]:
            keys = mosaic.keys(run.spec, name)
            if set(store.scores(keys)) != set(keys):
                yield mosaic, name
