"""What was computed, under which key: the only place that writes results.

Photos are never kept, only their hashes.
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from xaicore.evaluation import database as db
from xaicore.evaluation.database import Database, StoreError
from xaicore.evaluation.encoding import compress, decompress, from_null, in_utc, now, to_null
from xaicore.explainers.base import library_versions
from xaicore.identity import canonical, hash_array
from xaicore.metrics.base import PerturbationProtocol, PerturbationTrace

# Raised when a change to the code changes traces: those of different versions never mix.
TRACE_VERSION = 2
# Keys asked for in one statement; SQLite allows 32,766 values, others fewer.
MOST_KEYS = 5000

RUNNING, DONE, STOPPED = "running", "done", "stopped"


_NO_RUN = "There is no such run any more. Choose another from the list."


@dataclass(frozen=True)
class MapKey:
    """Which map: network, photo, method or control, and all its settings.

    ``network`` is a classifier's fingerprint, ``photo`` the hash of the photo's file, ``settings``
    a string by :func:`~xaicore.identity.canonical`.
    """

    network: str
    photo: str
    explainer: str
    settings: str

    @property
    def digest(self) -> str:
        return _digest(self.network, self.photo, self.explainer, self.settings)


@dataclass(frozen=True)
class ScoreKey:
    """Which score of which map, by which protocol."""

    map: MapKey
    metric: str
    protocol: str

    @property
    def digest(self) -> str:
        return _digest(self.map.digest, self.metric, self.protocol)


@dataclass(frozen=True)
class PhotoRecord:
    """One photo of a run: ``label`` is its true class if known, ``error`` why it was left out."""

    position: int
    photo: str
    label: str | None
    name: str
    predicted: str
    probability: float
    error: str = ""


@dataclass(frozen=True)
class Run:
    """One evaluation: what it was asked (``spec``), how it ended, how many photos it has."""

    id: str
    title: str
    note: str
    spec: dict[str, Any]
    status: str
    started: datetime.datetime
    finished: datetime.datetime | None
    photos: int


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


class Store:
    """Scores, arrays and runs in a database; one may be used by many threads and processes.

    ``url`` is SQLAlchemy's, by default the setting ``XAICORE_STORE``, else a file in the user's
    data folder. ``notice`` is a sentence where a damaged file had to be set aside. Raises
    :class:`StoreError` for a store of a newer version, or a database that cannot be reached.
    """

    def __init__(self, url: str | None = None) -> None:
        self._database = Database(url)
        self.url = self._database.url
        self.notice = self._database.notice

    def __reduce__(self) -> tuple[type[Store], tuple[str]]:
        """Another process opens the store for itself."""
        return Store, (self.url,)

    def scores(self, keys: Iterable[ScoreKey]) -> dict[ScoreKey, float]:
        """The scores that are known of these; NaN for one that is known to be undefined."""
        wanted = {key.digest: key for key in keys}
        found: dict[ScoreKey, float] = {}
        ids = list(wanted)
        with self._database.reading() as connection:
            for start in range(0, len(ids), MOST_KEYS):
                part = ids[start : start + MOST_KEYS]
                rows = connection.execute(
                    sa.select(db.scores.c.id, db.scores.c.value).where(db.scores.c.id.in_(part))
                )
                found |= {wanted[id]: from_null(value) for id, value in rows}
        return found

    def put_scores(self, scores: Mapping[ScoreKey, float]) -> None:
        """Keep scores, all or none; one that is known already is written over."""
        with self._database.writing() as connection:
            self._write_scores(connection, scores)

    def all_arrays(self, key: MapKey) -> dict[str, np.ndarray]:
        """All arrays kept with a map, by name."""
        with self._database.reading() as connection:
            rows = connection.execute(
                sa.select(db.arrays.c.name, db.arrays.c.data).where(db.arrays.c.map == key.digest)
            ).all()
        return {name: decompress(data) for name, data in rows}

    def put_arrays(self, key: MapKey, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep arrays with a map, compressed, all or none."""
        rows = [
            {"map": key.digest, "name": name, "data": compress(array)}
            for name, array in arrays.items()
        ]
        with self._database.writing() as connection:
            self._write_maps(connection, [key])
            self._database.upsert(connection, db.arrays, rows)

    def start_run(self, spec: Mapping[str, Any], title: str) -> Run:
        """Begin a run, or give back the unfinished one of the same spec to go on with."""
        wanted = canonical(spec)
        with self._database.writing() as connection:
            self._database.take_turn(connection)
            id = connection.execute(
                sa.select(db.runs.c.id).where(db.runs.c.spec == wanted, db.runs.c.status != DONE)
            ).scalar()
            if id is None:
                id = uuid.uuid4().hex
                connection.execute(
                    db.runs.insert().values(
                        id=id,
                        title=title,
                        note="",
                        spec=wanted,
                        status=RUNNING,
                        started=now(),
                    )
                )
            else:
                connection.execute(
                    db.runs.update().where(db.runs.c.id == id).values(status=RUNNING, finished=None)
                )
        return self.run(id)

    def runs(self) -> list[Run]:
        """All runs, newest first."""
        with self._database.reading() as connection:
            rows = connection.execute(_select_runs().order_by(db.runs.c.started.desc())).all()
        return [_to_run(row) for row in rows]

    def run(self, id: str) -> Run:
        """One run; raises :class:`StoreError` if there is none of that id."""
        with self._database.reading() as connection:
            row = connection.execute(_select_runs().where(db.runs.c.id == id)).one_or_none()
        if row is None:
            raise StoreError(_NO_RUN)
        return _to_run(row)

    def record(
        self, run_id: str, records: Sequence[PhotoRecord], scores: Mapping[ScoreKey, float]
    ) -> None:
        """Add photos to a run together with their scores, all or none.

        Raises :class:`StoreError` if the run was deleted meanwhile.
        """
        rows = [
            {
                "run": run_id,
                "position": record.position,
                "photo": record.photo,
                "label": record.label,
                "name": record.name,
                "predicted": record.predicted,
                "probability": to_null(record.probability),
                "error": record.error,
            }
            for record in records
        ]
        with self._database.writing() as connection:
            found = connection.execute(sa.select(db.runs.c.id).where(db.runs.c.id == run_id))
            if found.first() is None:
                raise StoreError(_NO_RUN)
            self._write_scores(connection, scores)
            self._database.upsert(connection, db.photos, rows)

    def records(self, run_id: str) -> list[PhotoRecord]:
        """A run's photos, in order."""
        with self._database.reading() as connection:
            rows = connection.execute(
                sa.select(db.photos).where(db.photos.c.run == run_id).order_by(db.photos.c.position)
            ).all()
        return [
            PhotoRecord(
                row.position,
                row.photo,
                row.label,
                row.name,
                row.predicted,
                from_null(row.probability),
                row.error,
            )
            for row in rows
        ]

    def finish_run(self, run_id: str, status: str) -> None:
        """Say how a run ended: "done" or "stopped"."""
        self._change_run(run_id, status=status, finished=now())

    def annotate(self, run_id: str, note: str) -> None:
        self._change_run(run_id, note=note)

    def rename(self, run_id: str, title: str) -> None:
        self._change_run(run_id, title=title)

    def delete_run(self, run_id: str) -> None:
        """Forget a run and its list of photos; scores stay, for other runs may share them."""
        with self._database.writing() as connection:
            connection.execute(db.photos.delete().where(db.photos.c.run == run_id))
            connection.execute(db.runs.delete().where(db.runs.c.id == run_id))

    def _change_run(self, run_id: str, **values: Any) -> None:
        with self._database.writing() as connection:
            connection.execute(db.runs.update().where(db.runs.c.id == run_id).values(**values))

    def _write_scores(self, connection: sa.Connection, scores: Mapping[ScoreKey, float]) -> None:
        self._write_maps(connection, {key.map for key in scores})
        rows = [
            {
                "id": key.digest,
                "map": key.map.digest,
                "metric": key.metric,
                "protocol": key.protocol,
                "value": to_null(value),
            }
            for key, value in scores.items()
        ]
        self._database.upsert(connection, db.scores, rows)

    def _write_maps(self, connection: sa.Connection, keys: Iterable[MapKey]) -> None:
        rows = [
            {
                "id": key.digest,
                "network": key.network,
                "photo": key.photo,
                "explainer": key.explainer,
                "settings": key.settings,
            }
            for key in keys
        ]
        self._database.upsert(connection, db.maps, rows)


def trace_key(
    network: str, photo: str, class_index: int, protocol: PerturbationProtocol, maps: np.ndarray
) -> MapKey:
    """Where the trace of a photo's maps [M, H, W] is kept: under the bytes of what it tests."""
    settings = {
        "class": class_index,
        "protocol": protocol.settings,
        "maps": hash_array(maps),
        "version": TRACE_VERSION,
        "libraries": dict(library_versions()),
    }
    return MapKey(network, photo, "trace", canonical(settings))


def keep_trace(store: Store, key: MapKey, trace: PerturbationTrace) -> None:
    """Keep what the network said while a map was tested."""
    fields = {field.name: getattr(trace, field.name) for field in dataclasses.fields(trace)}
    store.put_arrays(key, {name: values for name, values in fields.items() if values is not None})


def find_trace(store: Store, key: MapKey) -> PerturbationTrace | None:
    """The trace that was kept, if there is one."""
    names = [field.name for field in dataclasses.fields(PerturbationTrace)]
    kept = store.all_arrays(key)
    found = {name: kept.get(name) for name in names}
    fractions, saliency, clean = (found.pop(n) for n in ("fractions", "saliency", "clean"))
    if fractions is None or saliency is None or clean is None:
        return None
    return PerturbationTrace(fractions, saliency, clean, **found)


def _select_runs() -> sa.Select[Any]:
    count = sa.select(sa.func.count()).where(db.photos.c.run == db.runs.c.id).scalar_subquery()
    return sa.select(db.runs, count.label("photos"))


def _to_run(row: sa.Row[Any]) -> Run:
    return Run(
        row.id,
        row.title,
        row.note,
        json.loads(row.spec),
        row.status,
        in_utc(row.started),
        in_utc(row.finished) if row.finished else None,
        row.photos,
    )
