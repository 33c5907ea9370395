"""A few photos that go through together: explained, scored, and where each score is kept."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image

from xaicore.evaluation.plan import PhotoFile, Plan
from xaicore.evaluation.store import MapKey, PhotoRecord, ScoreKey
from xaicore.explainers import EXPLAINERS, explain
from xaicore.formatting import printable
from xaicore.identity import canonical
from xaicore.metrics import choose_metrics, needs_of, score_trace
from xaicore.metrics.base import VERSION, MetricError
from xaicore.metrics.controls import CONTROLS, mean_map
from xaicore.metrics.remaking import Remake, by_control, by_method
from xaicore.metrics.tracing import trace_needs
from xaicore.networks.classifier import Classifier
from xaicore.progress import Progress, name_step

# Few enough that a killed evaluation loses a minute, enough that photos share forward batches.
CHUNK = 4
# Kept like a score: what a map cost belongs to the map.
SECONDS = "seconds"

# A photo's place in its chunk, and a method or control.
Cell = tuple[int, str]
Scores = dict[Cell, dict[str, float]]


@dataclass(frozen=True)
class LoadedPhoto:
    """A photo as it was read: its place in the list, and the picture or what was wrong with it."""

    position: int
    file: PhotoFile
    hash: str = ""
    photo: Image.Image | None = None
    error: str = ""


@dataclass(frozen=True)
class Chunk:
    """Photos that go through together; ``missing`` cells want scores."""

    photos: tuple[LoadedPhoto, ...]
    missing: frozenset[Cell]


@dataclass(frozen=True)
class ChunkScores:
    """Probabilities [n, C] of a chunk's photos, and scores by cell and metric."""

    probabilities: np.ndarray
    scores: Scores


def cut(count: int) -> list[range]:
    """A list's positions in chunks, cut at the same places every time."""
    cuts = list(range(0, count, CHUNK))
    # A last photo alone would have no other photo's map beside it.
    if len(cuts) > 1 and count - cuts[-1] == 1:
        cuts.pop()
    return [range(a, b) for a, b in itertools.pairwise([*cuts, count])]


def map_key(spec: Mapping[str, Any], name: str, photos: Sequence[str], place: int) -> MapKey:
    """The key of a method's or control's map of one photo among the hashes of its chunk."""
    if name in CONTROLS:
        settings = {"control": name, "draw": 0, "version": VERSION}
        if CONTROLS[name].derived:
            # Once each: the same photo twice is no other photo.
            others = list(dict.fromkeys(photos))
            settings |= {"explainers": spec["explainers"], "chunk": others}
    else:
        settings = dict(spec["explainers"][name])
    settings["class"] = "predicted"
    return MapKey(network_of(spec), photos[place], name, canonical(settings))


def network_of(spec: Mapping[str, Any]) -> str:
    """The network of a run; older ones name it by its weights alone."""
    return spec.get("network", spec["weights"])


def chunk_keys(spec: Mapping[str, Any], photos: Sequence[str]) -> dict[Cell, dict[str, ScoreKey]]:
    """Where all scores of a chunk's photos are kept, by cell and metric."""
    names = [*spec["methods"], *(CONTROLS if spec["controls"] else ())]
    return {
        (place, name): _keys_of(spec, name, photos, place)
        for place in range(len(photos))
        for name in names
    }


def _keys_of(
    spec: Mapping[str, Any], name: str, photos: Sequence[str], place: int
) -> dict[str, ScoreKey]:
    """Where each score of one photo's map is kept."""
    made = map_key(spec, name, photos, place)
    protocol = canonical(spec["protocol"])
    keys = {metric: ScoreKey(made, metric, protocol) for metric in spec["metrics"]}
    if name in EXPLAINERS:
        keys[SECONDS] = ScoreKey(made, SECONDS, "")
    return keys


def score_chunk(
    classifier: Classifier, plan: Plan, chunk: Chunk, progress: Progress
) -> ChunkScores:
    """Explain and score the photos of a chunk, as far as scores are missing."""
    photos = [loaded.photo for loaded in chunk.photos if loaded.photo]
    if not photos:
        return ChunkScores(np.empty((0, len(classifier.labels))), {})
    batch = classifier.preprocess(photos)
    probabilities = classifier.predict(batch)
    work = _ChunkWork(classifier, plan, batch, probabilities.argmax(1), chunk.missing, progress)
    return ChunkScores(probabilities, work.run())


class _ChunkWork:
    """What is done for the missing cells of one chunk of photos."""

    def __init__(
        self,
        classifier: Classifier,
        plan: Plan,
        batch: torch.Tensor,
        class_indices: np.ndarray,
        missing: frozenset[Cell],
        progress: Progress,
    ) -> None:
        self.classifier = classifier
        self.plan = plan
        self.batch = batch
        self.class_indices = class_indices
        self.progress = progress
        self.scores: Scores = {cell: {} for cell in missing}
        self.maps: dict[str, np.ndarray] = {}

    def run(self) -> Scores:
        self._make_maps()
        self._make_controls()
        self._score()
        return self.scores

    @property
    def _derived(self) -> bool:
        """Whether a control is missing that is made of the methods' maps."""
        return any(name in CONTROLS and CONTROLS[name].derived for _, name in self.scores)

    def _blank(self) -> np.ndarray:
        return np.zeros((len(self.batch), *self.batch.shape[2:]), dtype=np.float32)

    def _make_maps(self) -> None:
        for name in self.plan.methods:
            places = [
                i for i in range(len(self.batch)) if self._derived or (i, name) in self.scores
            ]
            if not places:
                continue
            name_step(EXPLAINERS[name].label)
            chosen = self.class_indices[places]
            explanation = explain(
                self.classifier, self.batch[places], name, chosen, progress=self.progress
            )
            self.maps[name] = self._blank()
            self.maps[name][places] = explanation.maps
            for place, seconds in zip(places, explanation.checks[SECONDS], strict=True):
                if (place, name) in self.scores:
                    self.scores[place, name][SECONDS] = float(seconds)

    def _make_controls(self) -> None:
        if self._derived:
            self.maps |= _derived_controls(self.batch, self.maps)
        for name in {name for _, name in self.scores} - set(self.maps):
            self.maps[name] = CONTROLS[name].make(self.batch, self._blank(), 0)

    def _score(self) -> None:
        whole = {cell for cell in self.scores if np.isfinite(self.maps[cell[1]][cell[0]]).all()}
        for cell in set(self.scores) - whole:
            self.scores[cell] |= dict.fromkeys(self.plan.metrics, float("nan"))
        cells = sorted(whole)
        if not cells:
            return
        name_step("scores")
        metrics = choose_metrics(self.plan.metrics)
        remakes = {name: self._remake(name) for _, name in cells}
        trace = trace_needs(
            self.classifier,
            self.batch,
            np.stack([self.maps[name][place] for place, name in cells]),
            self.class_indices,
            self.plan.protocol,
            needs_of(metrics),
            photos=[place for place, _ in cells],
            remakes=[remakes[name] for _, name in cells],
            progress=self.progress,
        )
        columns = score_trace(trace, metrics)
        for row, cell in enumerate(cells):
            self.scores[cell] |= {metric: float(values[row]) for metric, values in columns.items()}

    def _remake(self, name: str) -> Remake | None:
        """Makes a method's or control's maps once more; none for those that are made of maps."""
        if name in CONTROLS:
            return by_control(CONTROLS[name])
        return by_method(name, self.progress)


def _derived_controls(batch: torch.Tensor, maps: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The controls made of maps, from what the methods say on average."""
    mean = mean_map(list(maps.values()))
    made = {}
    for name, control in CONTROLS.items():
        if not control.derived:
            continue
        try:
            made[name] = control.make(batch, mean, 0)
        except MetricError:  # one photo alone has no other photo's map
            made[name] = np.full_like(mean, np.nan)
    return made


def to_records(
    spec: Mapping[str, Any], chunk: Chunk, found: ChunkScores
) -> tuple[list[PhotoRecord], dict[ScoreKey, float]]:
    """What a run keeps of a chunk: its photos in order, and all scores by key."""
    records = [
        _to_record(spec, loaded, found.probabilities[place : place + 1])
        for place, loaded in enumerate(chunk.photos)
    ]
    hashes = [loaded.hash for loaded in chunk.photos if not loaded.error]
    scores: dict[ScoreKey, float] = {}
    for (place, name), values in found.scores.items():
        keys = _keys_of(spec, name, hashes, place)
        scores |= {keys[metric]: value for metric, value in values.items()}
    return records, scores


def _to_record(
    spec: Mapping[str, Any], loaded: LoadedPhoto, probabilities: np.ndarray
) -> PhotoRecord:
    """``probabilities`` [1, C]; empty for a photo that could not be read."""
    predicted, probability = "", float("nan")
    # A class that the network does not know can be neither right nor wrong.
    label = loaded.file.label if loaded.file.label in spec["labels"] else None
    if not loaded.error:
        best = int(probabilities[0].argmax())
        predicted, probability = spec["labels"][best], float(probabilities[0, best])
    return PhotoRecord(
        position=loaded.position,
        photo=loaded.hash,
        label=label,
        name=printable(loaded.file.name),
        predicted=predicted,
        probability=probability,
        error=loaded.error,
    )
