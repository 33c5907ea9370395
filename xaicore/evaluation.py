"""Photos × methods × metrics, kept as they are found: stopped at any moment, it goes on from there.

Photos go through in chunks. What a chunk adds is written at once, so a chunk counts wholly or not
at all, and no score that the store holds is computed again.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import pandas as pd
from PIL import Image

from xaicore.classifier import Classifier
from xaicore.controls import CONTROLS
from xaicore.dataset import UNREADABLE, ListedFile, PhotoBytes, find_files, find_photos
from xaicore.explainers import EXPLAINERS, explain
from xaicore.explainers.base import describe
from xaicore.metrics import METRICS, choose_metrics, needs_of, score_trace
from xaicore.metrics.base import VERSION, MetricError
from xaicore.metrics.base import Protocol as MetricProtocol
from xaicore.metrics.focus import make_mosaics, measure_focus
from xaicore.metrics.perturbation import trace_maps
from xaicore.photos import load_photo
from xaicore.store import MapKey, PhotoRecord, Run, ScoreKey, Store, canonical

# Few enough that a killed evaluation loses a minute, enough that photos share forward batches.
CHUNK = 4
# Kept like a score: what a map cost belongs to the map.
SECONDS = "seconds"
FOCUS = "focus"


class EvaluationError(ValueError):
    """An evaluation that cannot run as asked; the message says why and what to do."""


class PhotoFile(Protocol):
    """One photo to evaluate: its true class, if known, the name it is shown by, and its bytes."""

    @property
    def label(self) -> str | None: ...

    @property
    def name(self) -> str: ...

    def read(self) -> bytes: ...


@dataclass(frozen=True)
class Plan:
    """What is computed for every photo, with each method's own settings.

    ``mosaics`` is their number at each of the two sizes that Focus is measured at.
    """

    methods: tuple[str, ...] = tuple(name for name, e in EXPLAINERS.items() if not e.extra)
    metrics: tuple[str, ...] = tuple(METRICS)
    protocol: MetricProtocol = field(default_factory=MetricProtocol)
    controls: bool = False
    mosaics: int = 0

    def __post_init__(self) -> None:
        for method in self.methods:
            EXPLAINERS[method]
        choose_metrics(self.metrics)
        if not self.methods or not self.metrics:
            raise EvaluationError("Choose at least one method and one metric.")

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "methods": list(self.methods),
            "metrics": list(self.metrics),
            "protocol": self.protocol.settings,
            "controls": self.controls,
            "mosaics": self.mosaics,
        }


@dataclass(frozen=True)
class Loaded:
    """A photo as it was read: its place in the list, and the picture or what was wrong with it."""

    position: int
    file: PhotoFile
    hash: str = ""
    photo: Image.Image | None = None
    error: str = ""


@dataclass(frozen=True)
class Chunk:
    """Photos that go through together; ``missing`` (place in the chunk, method) want scores."""

    photos: tuple[Loaded, ...]
    missing: frozenset[tuple[int, str]]


@dataclass(frozen=True)
class Found:
    """Probabilities [n, C] of a chunk's photos, and scores by (place in the chunk, method)."""

    probabilities: np.ndarray
    scores: dict[tuple[int, str], dict[str, float]]


Pulse = Callable[[], None]
Report = Callable[[int, int, int], None]
# Turns chunks into what was found, in any order: on this machine, or on many.
Engine = Callable[[Iterable[Chunk]], Iterator[tuple[Chunk, Found]]]
Answer = TypeVar("Answer")


def _idle() -> None:
    """The pulse of work that nobody stops."""


def choose_files(path: Path, split: str = "all", limit: int | None = None) -> list[ListedFile]:
    """The photos of a folder or zip, or those of one part of PetNet's data; the first ``limit``."""
    if split == "all":
        return find_files(path)[:limit]
    files = [file for file in find_photos(path) if file.split == split]
    if not files:
        raise EvaluationError(f"None of the photos in {path} falls in the {split} part.")
    return list(files[:limit])


def evaluate(
    classifier: Classifier,
    files: Sequence[PhotoFile],
    plan: Plan,
    store: Store,
    title: str = "",
    report: Report | None = None,
    pulse: Pulse = _idle,
    engine: Engine | None = None,
) -> Run:
    """Evaluate photos, or go on with the evaluation of the same ones that was stopped.

    ``report(done, total, errors)`` is told of every chunk of photos; ``pulse()`` is called often,
    and what either raises stops the work. ``engine`` does it elsewhere than in this process.
    """
    engine = engine or here(classifier, plan, pulse)
    run = store.start_run(make_spec(classifier, files, plan), title)
    try:
        _evaluate_photos(files, store, run, engine, report)
        if plan.mosaics:
            _evaluate_focus(classifier, files, plan, store, run, pulse)
    except BaseException:
        store.finish_run(run.id, "stopped")
        raise
    store.finish_run(run.id, "done")
    return store.run(run.id)


def make_spec(classifier: Classifier, files: Sequence[PhotoFile], plan: Plan) -> dict[str, Any]:
    """What makes two evaluations the same one: network, plan, versions and list of photos."""
    listed = hashlib.sha256()
    for file in files:
        own = file.data if isinstance(file, PhotoBytes) else b""
        listed.update(f"{file.label}/{file.name}/".encode() + hashlib.sha256(own).digest())
    return {
        **plan.settings,
        "weights": classifier.fingerprint,
        "labels": list(classifier.labels),
        "size": classifier.size,
        "explainers": {
            name: describe(
                EXPLAINERS[name],
                classifier,
                EXPLAINERS[name].settings({}),
                EXPLAINERS[name].targets[0],
            )
            for name in plan.methods
        },
        "photos": len(files),
        "list": listed.hexdigest()[:16],
    }


def here(classifier: Classifier, plan: Plan, pulse: Pulse = _idle, workers: int = 1) -> Engine:
    """The engine that works in this process, on ``workers`` chunks at a time."""

    def score(chunk: Chunk) -> tuple[Chunk, Found]:
        return chunk, score_chunk(classifier, plan, chunk, pulse)

    def work(chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, Found]]:
        if workers == 1:
            yield from map(score, chunks)
            return
        with ThreadPoolExecutor(workers) as pool:
            yield from in_flight(chunks, workers, lambda chunk: pool.submit(score, chunk).result)

    return work


def in_flight(
    chunks: Iterable[Chunk], count: int, start: Callable[[Chunk], Callable[[], Answer]]
) -> Iterator[Answer]:
    """Start chunks, ``count`` ahead of the one whose answer is waited for."""
    waiting: list[Callable[[], Answer]] = []
    for chunk in chunks:
        waiting.append(start(chunk))
        if len(waiting) > count:
            yield waiting.pop(0)()
    for answer in waiting:
        yield answer()


def _evaluate_photos(
    files: Sequence[PhotoFile],
    store: Store,
    run: Run,
    engine: Engine,
    report: Report | None,
) -> None:
    before = store.records(run.id)
    recorded = {record.position for record in before}
    done, errors = len(before), sum(bool(record.error) for record in before)

    def chunks() -> Iterator[Chunk]:
        parts = [part for part in cut(len(files)) if part[0] not in recorded]
        for part in _read_ahead(files, parts):
            whole = tuple(loaded for loaded in part if not loaded.error)
            missing = _missing(store, run.spec, [loaded.hash for loaded in whole])
            failed = tuple(loaded for loaded in part if loaded.error)
            yield Chunk(whole + failed, missing)

    for chunk, found in engine(chunks()):
        store.record(run.id, *_to_records(run.spec, chunk, found))
        done += len(chunk.photos)
        errors += sum(bool(loaded.error) for loaded in chunk.photos)
        if report:
            report(done, len(files), errors)


def cut(count: int) -> list[range]:
    """A list's positions in chunks, cut at the same places every time."""
    cuts = list(range(0, count, CHUNK))
    # A last photo alone would have no other photo's map beside it.
    if len(cuts) > 1 and count - cuts[-1] == 1:
        cuts.pop()
    return [range(a, b) for a, b in itertools.pairwise([*cuts, count])]


def _read_ahead(files: Sequence[PhotoFile], parts: Sequence[range]) -> Iterator[list[Loaded]]:
    """Read the photos of the next chunks while this one is worked on."""
    with ThreadPoolExecutor(max_workers=CHUNK) as pool:

        def submit(part: range) -> list[Future[Loaded]]:
            return [pool.submit(_load, position, files[position]) for position in part]

        waiting = [submit(part) for part in parts[:2]]
        for index in range(len(parts)):
            ready = [future.result() for future in waiting.pop(0)]
            if index + 2 < len(parts):
                waiting.append(submit(parts[index + 2]))
            yield ready


def _load(position: int, file: PhotoFile) -> Loaded:
    try:
        data = file.read()
        photo = load_photo(data)
    except UNREADABLE as error:
        return Loaded(position, file, error=str(error) or "This file cannot be read.")
    return Loaded(position, file, hash=hash_photo(data), photo=photo)


def hash_photo(data: bytes) -> str:
    """16 hex digits that name a photo file's content."""
    return hashlib.sha256(data).hexdigest()[:16]


def map_key(spec: Mapping[str, Any], name: str, photos: Sequence[str], place: int) -> MapKey:
    """The key of a method's or control's map of one photo among the hashes of its chunk."""
    if name in CONTROLS:
        settings = {"control": name, "draw": 0, "version": VERSION}
        if CONTROLS[name].derived:
            settings |= {"explainers": spec["explainers"], "chunk": list(photos)}
    else:
        settings = dict(spec["explainers"][name])
    settings["class"] = "predicted"
    return MapKey(spec["weights"], photos[place], name, canonical(settings))


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


def _chunk_keys(
    spec: Mapping[str, Any], photos: Sequence[str]
) -> dict[tuple[int, str], dict[str, ScoreKey]]:
    """Where all scores of a chunk's photos are kept, by (place in the chunk, method)."""
    names = [*spec["methods"], *(CONTROLS if spec["controls"] else ())]
    return {
        (place, name): _keys_of(spec, name, photos, place)
        for place in range(len(photos))
        for name in names
    }


def _missing(
    store: Store, spec: Mapping[str, Any], photos: Sequence[str]
) -> frozenset[tuple[int, str]]:
    cells = _chunk_keys(spec, photos)
    known = store.scores(key for keys in cells.values() for key in keys.values())
    return frozenset(
        cell for cell, keys in cells.items() if any(key not in known for key in keys.values())
    )


def score_chunk(classifier: Classifier, plan: Plan, chunk: Chunk, pulse: Pulse) -> Found:
    """Explain and score the photos of a chunk, as far as scores are missing."""
    photos = [loaded.photo for loaded in chunk.photos if loaded.photo]
    missing = chunk.missing
    if not photos:
        return Found(np.empty((0, len(classifier.labels))), {})
    batch = classifier.preprocess(photos)
    probabilities = classifier.predict(batch)
    targets = probabilities.argmax(1)
    scores: dict[tuple[int, str], dict[str, float]] = {cell: {} for cell in missing}
    derived = any(name in CONTROLS and CONTROLS[name].derived for _, name in missing)
    maps: dict[str, np.ndarray] = {}
    for name in plan.methods:
        places = [i for i in range(len(photos)) if derived or (i, name) in scores]
        if not places:
            continue
        explanation = explain(
            classifier, batch[places], name, targets[places], progress=lambda *_: pulse()
        )
        maps[name] = np.zeros((len(photos), *batch.shape[2:]), dtype=np.float32)
        maps[name][places] = explanation.maps
        for place, seconds in zip(places, explanation.checks["seconds"], strict=True):
            if (place, name) in scores:
                scores[place, name][SECONDS] = float(seconds)
    if derived:
        maps |= _derived_controls(batch, maps)
    blank = np.zeros((len(photos), *batch.shape[2:]), dtype=np.float32)
    for name in {name for _, name in missing} - set(maps):
        maps[name] = CONTROLS[name].make(batch, blank, 0)
    cells = sorted(cell for cell in missing if np.isfinite(maps[cell[1]][cell[0]]).all())
    metrics = choose_metrics(plan.metrics)
    if cells:
        trace = trace_maps(
            classifier,
            batch,
            np.stack([maps[name][place] for place, name in cells]),
            targets,
            plan.protocol,
            needs_of(metrics),
            photos=[place for place, _ in cells],
            report=lambda *_: pulse(),
        )
        columns = score_trace(trace, metrics)
        for row, cell in enumerate(cells):
            scores[cell] |= {metric: float(values[row]) for metric, values in columns.items()}
    for cell in set(missing) - set(cells):
        scores[cell] |= dict.fromkeys(plan.metrics, float("nan"))
    return Found(probabilities, scores)


def _derived_controls(batch: Any, maps: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The controls made of maps, from what the methods say on average."""
    peaks = [np.abs(m).max((1, 2), keepdims=True) for m in maps.values()]
    scaled = [m / np.where(peak > 0, peak, 1) for m, peak in zip(maps.values(), peaks, strict=True)]
    mean = np.asarray(np.mean(scaled, axis=0, dtype=np.float32))
    made = {}
    for name, control in CONTROLS.items():
        if not control.derived:
            continue
        try:
            made[name] = control.make(batch, mean, 0)
        except MetricError:  # one photo alone has no other photo's map
            made[name] = np.full_like(mean, np.nan)
    return made


def _to_records(
    spec: Mapping[str, Any], chunk: Chunk, found: Found
) -> tuple[list[PhotoRecord], dict[ScoreKey, float]]:
    records: list[PhotoRecord] = []
    scores: dict[ScoreKey, float] = {}
    hashes = [loaded.hash for loaded in chunk.photos if not loaded.error]
    for place, loaded in enumerate(chunk.photos):
        predicted, probability = "", float("nan")
        if not loaded.error:
            best = int(found.probabilities[place].argmax())
            predicted = spec["labels"][best]
            probability = float(found.probabilities[place, best])
        records.append(
            PhotoRecord(
                position=loaded.position,
                photo=loaded.hash,
                label=loaded.file.label,
                name=loaded.file.name,
                predicted=predicted,
                probability=probability,
                error=loaded.error,
            )
        )
    for (place, name), values in found.scores.items():
        keys = _keys_of(spec, name, hashes, place)
        scores |= {keys[metric]: value for metric, value in values.items()}
    return records, scores


def _evaluate_focus(
    classifier: Classifier,
    files: Sequence[PhotoFile],
    plan: Plan,
    store: Store,
    run: Run,
    pulse: Pulse,
) -> None:
    for mosaic in plan_mosaics(run.spec, store.records(run.id)):
        for name in plan.methods:
            keys = mosaic.keys(run.spec, name)
            if set(store.scores(keys)) == set(keys):
                continue
            pulse()
            photos = [load_photo(files[position].read()) for position in mosaic.positions]
            (made,) = make_mosaics(photos, mosaic.labels, 1, mosaic.size, seed=mosaic.seed)
            values = measure_focus(classifier, [made], name, progress=lambda *_: pulse())[0]
            store.put_scores(dict(zip(keys, values.tolist(), strict=True)))


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
        photo = hash_photo(repr((self.photos, self.size, self.seed)).encode())
        settings = spec["explainers"][method]
        return [
            ScoreKey(
                MapKey(spec["weights"], photo, method, canonical({**settings, "class": label})),
                FOCUS,
                str(VERSION),
            )
            for label in sorted(set(self.labels))
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


def to_rows(store: Store, run: Run) -> pd.DataFrame:
    """A run's scores, one row a photo and method: what the leaderboard is made of.

    Columns: position, photo, label, predicted, probability, method, control, seconds, metrics.
    Photos that could not be read are left out.
    """
    records = {r.position: r for r in store.records(run.id) if not r.error}
    rows = []
    for part in cut(run.spec["photos"]):
        chunk = [records[position] for position in part if position in records]
        cells = _chunk_keys(run.spec, [record.photo for record in chunk])
        known = store.scores(key for keys in cells.values() for key in keys.values())
        for (place, name), keys in cells.items():
            record = chunk[place]
            rows.append(
                {
                    "position": record.position,
                    "photo": record.photo,
                    "label": record.label,
                    "predicted": record.predicted,
                    "probability": record.probability,
                    "method": name,
                    "control": name in CONTROLS,
                    SECONDS: np.nan,
                    **{metric: known.get(key, np.nan) for metric, key in keys.items()},
                }
            )
    return pd.DataFrame(rows)


def to_focus_rows(store: Store, run: Run) -> pd.DataFrame:
    """A run's Focus, one row a mosaic, class and method: mosaic, size, target, method, focus."""
    rows = []
    for index, mosaic in enumerate(plan_mosaics(run.spec, store.records(run.id))):
        targets = [run.spec["labels"][label] for label in sorted(set(mosaic.labels))]
        for name in run.spec["methods"]:
            keys = mosaic.keys(run.spec, name)
            known = store.scores(keys)
            rows += [
                {
                    "mosaic": index,
                    "size": mosaic.size,
                    "target": target,
                    "method": name,
                    FOCUS: known.get(key, np.nan),
                }
                for target, key in zip(targets, keys, strict=True)
            ]
    return pd.DataFrame(rows, columns=["mosaic", "size", "target", "method", FOCUS])
