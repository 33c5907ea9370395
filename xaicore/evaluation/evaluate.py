"""Photos × methods × metrics, kept as they are found: stopped at any moment, it goes on from there.

Photos go through in chunks. What a chunk adds is written at once, so a chunk counts wholly or not
at all, and no score that the store holds is computed again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from xaicore.evaluation.chunk import (
    CHUNK,
    Cell,
    Chunk,
    ChunkScores,
    LoadedPhoto,
    chunk_keys,
    cut,
    score_chunk,
    to_records,
)
from xaicore.evaluation.contents import Contents, load_listed
from xaicore.evaluation.mosaics import evaluate_focus, missing_focus
from xaicore.evaluation.patience import Patience
from xaicore.evaluation.plan import PhotoFile, Plan, check_methods, make_spec
from xaicore.evaluation.runs import DONE, STOPPED, Run
from xaicore.evaluation.store import OtherPhotosError, Store, StoreError
from xaicore.formatting import printable
from xaicore.networks.classifier import Classifier
from xaicore.progress import Progress, no_progress

# Turns chunks into what was found, in any order: on this machine, or on many. It calls progress
# often, with whatever numbers; what that raises stops it.
Engine = Callable[[Iterable[Chunk], Progress], Iterator[tuple[Chunk, ChunkScores]]]
Answer = TypeVar("Answer")


def evaluate(
    classifier: Classifier,
    files: Sequence[PhotoFile],
    plan: Plan,
    store: Store,
    progress: Progress = no_progress,
    engine: Engine | None = None,
) -> Run:
    """Evaluate photos, or go on with the evaluation of the same ones that was stopped.

    They are the same if their contents are: of photos that a run has, the files are read once and
    compared. One that was finished before is given back, as far as the store still holds it.
    ``progress(done, total, unread)`` is called once at the start with the photos that are done
    already, then often, and after every chunk of photos; ``unread`` is how many of the done ones
    could not be read. What it raises stops the work. ``engine`` does it elsewhere than in this
    process. Raises :class:`EvaluationError` before anything runs for a method that the network
    does not get.
    """
    check_methods(classifier, plan)
    spec = make_spec(classifier, files, plan)
    engine = engine or local_engine(classifier, plan)
    contents = Contents(files)
    # Runs of photos that only look the same in the list.
    others: set[str] = set()
    while True:
        run = _find_same(store, spec, contents, others)
        if run and _is_finished(store, run):
            _Count(store, run, [], progress)
            return run
        run = store.start_run(spec, printable(plan.title), others)
        try:
            return _go_on(classifier, contents, store, run, engine, progress)
        except OtherPhotosError:
            others.add(run.id)


def _go_on(
    classifier: Classifier,
    contents: Contents,
    store: Store,
    run: Run,
    engine: Engine,
    progress: Progress,
) -> Run:
    """Do what is left of a run."""
    try:
        parts = _unfinished(store, run)
        count = _Count(store, run, parts, progress)
        # Whoever stops the work stops the wait for the store, too.
        store = store.patient(store.patience.watched(count.tell))
        _evaluate_photos(contents.files, parts, store, run, engine, count)
        if run.spec["mosaics"]:
            evaluate_focus(classifier, contents.files, store, run, count.tell)
    except OtherPhotosError:
        # Somebody else's photos are at work in this run.
        raise
    except BaseException:
        # A store that is away was waited for: whoever asks later sees that nobody works on the run.
        with contextlib.suppress(StoreError):
            store.patient(Patience(0)).finish_run(run.id, STOPPED)
        raise
    store.finish_run(run.id, DONE)
    return store.run(run.id)


def _find_same(
    store: Store, spec: Mapping[str, Any], contents: Contents, others: set[str]
) -> Run | None:
    """The newest run of a spec whose photos are these; those of other photos join ``others``."""
    while run := store.find_run(spec, others):
        if contents.agree_with(store.records(run.id)):
            return run
        others.add(run.id)
    return None


def _is_finished(store: Store, run: Run) -> bool:
    """Whether a run has nothing left to do."""
    if run.status != DONE:
        return False
    return not (_unfinished(store, run) or any(missing_focus(store, run)))


def _unfinished(store: Store, run: Run) -> list[range]:
    """A run's chunks with a photo that is not recorded, or with a score that the store lacks."""
    records = {record.position: record for record in store.records(run.id)}

    def is_finished(part: range) -> bool:
        if not all(position in records for position in part):
            return False
        photos = [records[place].photo for place in part if not records[place].error]
        return not _missing(store, run.spec, photos)

    return [part for part in cut(run.spec["photos"]) if not is_finished(part)]


class _Count:
    """How many photos of a run are done, and how many of these could not be read."""

    def __init__(
        self, store: Store, run: Run, unfinished: Sequence[range], progress: Progress
    ) -> None:
        left = {position for part in unfinished for position in part}
        kept = [record for record in store.records(run.id) if record.position not in left]
        self.done = len(kept)
        self.unread = sum(bool(record.error) for record in kept)
        self.total = run.spec["photos"]
        self.progress = progress
        self.tell()

    def add(self, chunk: Chunk) -> None:
        self.done += len(chunk.photos)
        self.unread += sum(bool(loaded.error) for loaded in chunk.photos)
        self.tell()

    def tell(self, done: int = 0, total: int = 0, partial: Any = None) -> None:
        """Report the count as it stands, whatever part of a chunk is done."""
        self.progress(self.done, self.total, self.unread)


def local_engine(classifier: Classifier, plan: Plan, workers: int = 1) -> Engine:
    """The engine that works in this process, on ``workers`` chunks at a time."""

    def work(chunks: Iterable[Chunk], progress: Progress) -> Iterator[tuple[Chunk, ChunkScores]]:
        def score(chunk: Chunk) -> tuple[Chunk, ChunkScores]:
            return chunk, score_chunk(classifier, plan, chunk, progress)

        if workers == 1:
            yield from map(score, chunks)
            return
        with ThreadPoolExecutor(workers) as pool:

            def start(chunk: Chunk) -> Callable[[], tuple[Chunk, ChunkScores]]:
                # With whoever watches the steps.
                return pool.submit(copy_context().run, score, chunk).result

            yield from in_flight(chunks, workers, start)

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
    parts: Sequence[range],
    store: Store,
    run: Run,
    engine: Engine,
    count: _Count,
) -> None:
    def chunks() -> Iterator[Chunk]:
        for part in _read_ahead(files, parts):
            whole = tuple(loaded for loaded in part if not loaded.error)
            missing = _missing(store, run.spec, [loaded.hash for loaded in whole])
            failed = tuple(loaded for loaded in part if loaded.error)
            yield Chunk(whole + failed, missing)

    for chunk, found in engine(chunks(), count.tell):
        store.record(run.id, *to_records(run.spec, chunk, found))
        count.add(chunk)


def _read_ahead(files: Sequence[PhotoFile], parts: Sequence[range]) -> Iterator[list[LoadedPhoto]]:
    """Read the photos of the next chunks while this one is worked on."""
    with ThreadPoolExecutor(max_workers=CHUNK) as pool:

        def submit(part: range) -> list[Future[LoadedPhoto]]:
            return [pool.submit(load_listed, position, files[position]) for position in part]

        waiting = [submit(part) for part in parts[:2]]
        for index in range(len(parts)):
            ready = [future.result() for future in waiting.pop(0)]
            if index + 2 < len(parts):
                waiting.append(submit(parts[index + 2]))
            yield ready


def _missing(store: Store, spec: Mapping[str, Any], photos: Sequence[str]) -> frozenset[Cell]:
    """The cells of a chunk that the store does not know all scores of."""
    cells = chunk_keys(spec, photos)
    known = store.scores(key for keys in cells.values() for key in keys.values())
    return frozenset(
        cell for cell, keys in cells.items() if any(key not in known for key in keys.values())
    )
