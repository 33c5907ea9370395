"""What was computed, under which key: the only place that writes results.

Photos are never kept, only their hashes.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from xaicore.evaluation import owner
from xaicore.evaluation import tables as db
from xaicore.evaluation.checksums import is_whole, signed
from xaicore.evaluation.database import Database
from xaicore.evaluation.encoding import (
    compress,
    decompress,
    from_null,
    now,
    to_null,
)
from xaicore.evaluation.faults import StoreError
from xaicore.evaluation.patience import Patience
from xaicore.evaluation.runs import RUNNING, Run, change_run, find_runs, newest_of
from xaicore.identity import canonical

# Keys asked for in one statement; SQLite allows 32,766 values, others fewer.
MOST_KEYS = 5000

_NO_RUN = "There is no such run any more. Choose another from the list."


class OtherPhotosError(StoreError):
    """A run into which somebody writes whose photos only look the same in the list."""


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


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


class Store:
    """Scores, arrays and runs in a database; one may be used by many threads and processes.

    ``url`` is SQLAlchemy's, by default the setting ``XAICORE_STORE``, else a file in the user's
    data folder; ``patience`` says how long it is waited for when it is away. ``notice`` is a
    sentence where a damaged file had to be set aside. What something else has changed counts as
    not there. Raises :class:`StoreError` for a store of a newer version, what is no store, or a
    database that cannot be reached.
    """

    def __init__(self, url: str | None = None, patience: Patience | None = None) -> None:
        self._database = Database(url, patience or Patience())
        self.url = self._database.url
        self.notice = self._database.notice

    def __reduce__(self) -> tuple[type[Store], tuple[str]]:
        """Another process opens the store for itself."""
        return Store, (self.url,)

    @property
    def patience(self) -> Patience:
        """How long this store is waited for when it is away."""
        return self._database.patience

    def patient(self, patience: Patience) -> Store:
        """The same store for somebody who has more or less time."""
        other = copy.copy(self)
        other._database = self._database.patient(patience)
        return other

    def scores(self, keys: Iterable[ScoreKey]) -> dict[ScoreKey, float]:
        """The scores that are known of these; NaN for one that is known to be undefined."""
        wanted = {key.digest: key for key in keys}
        ids = list(wanted)
        found: dict[ScoreKey, float] = {}
        for start in range(0, len(ids), MOST_KEYS):
            part = ids[start : start + MOST_KEYS]
            rows = self._select(sa.select(db.scores).where(db.scores.c.id.in_(part)))
            found |= {
                wanted[row["id"]]: from_null(row["value"])
                for row in rows
                if is_whole(db.scores, row)
            }
        return found

    def put_scores(self, scores: Mapping[ScoreKey, float]) -> None:
        """Keep scores, all or none; one that is known already is written over."""
        self._database.write(lambda connection: self._write_scores(connection, scores))

    def all_arrays(self, key: MapKey) -> dict[str, np.ndarray]:
        """All arrays kept with a map, by name; none if one of them is damaged."""
        rows = self._select(sa.select(db.arrays).where(db.arrays.c.map == key.digest))
        whole = [row for row in rows if is_whole(db.arrays, row)]
        found = {row["name"]: decompress(row["data"]) for row in whole}
        intact = {name: array for name, array in found.items() if array is not None}
        return intact if len(intact) == len(rows) else {}

    def put_arrays(self, key: MapKey, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep arrays with a map, compressed, all or none, in place of those it had."""
        rows = [
            signed(db.arrays, {"map": key.digest, "name": name, "data": compress(array)})
            for name, array in arrays.items()
        ]

        def put(connection: sa.Connection) -> None:
            self._write_maps(connection, [key])
            connection.execute(db.arrays.delete().where(db.arrays.c.map == key.digest))
            self._database.upsert(connection, db.arrays, rows)

        self._database.write(put)

    def start_run(self, spec: Mapping[str, Any], title: str, but: Collection[str] = ()) -> Run:
        """Begin a run, or give back the newest of the same spec to go on with.

        ``but`` are the ids of runs that are not meant.
        """
        wanted = canonical(spec)

        def start(connection: sa.Connection) -> str:
            self._database.take_turn(connection)
            run = newest_of(connection, wanted, but)
            id = run.id if run else uuid.uuid4().hex
            values: dict[str, Any] = {"status": RUNNING, "finished": None, "owner": owner.take(id)}
            if run:
                change_run(connection, id, values)
            else:
                values |= {"id": id, "title": title, "note": "", "spec": wanted, "started": now()}
                connection.execute(db.runs.insert().values(signed(db.runs, values)))
            return id

        return self.run(self._database.write(start))

    def find_run(self, spec: Mapping[str, Any], but: Collection[str] = ()) -> Run | None:
        """The newest run of a spec, if there is one besides those of the ids ``but``."""
        return self._database.read(lambda connection: newest_of(connection, canonical(spec), but))

    def runs(self) -> list[Run]:
        """All runs, newest first, those that cannot be read among them."""
        return self._database.read(lambda connection: find_runs(connection))

    def run(self, id: str) -> Run:
        """One run; raises :class:`StoreError` if there is none of that id."""
        found = self._database.read(lambda connection: find_runs(connection, db.runs.c.id == id))
        if not found:
            raise StoreError(_NO_RUN)
        return found[0]

    def record(
        self, run_id: str, records: Sequence[PhotoRecord], scores: Mapping[ScoreKey, float]
    ) -> None:
        """Add photos to a run together with their scores, all or none.

        Raises :class:`StoreError` if the run was deleted meanwhile, :class:`OtherPhotosError` if it
        has got other photos in their places.
        """
        rows = [
            signed(
                db.photos,
                {"run": run_id, **vars(record), "probability": to_null(record.probability)},
            )
            for record in records
        ]

        def add(connection: sa.Connection) -> None:
            # Held, so that nobody else writes between this look and what follows.
            held = sa.select(db.runs.c.id).where(db.runs.c.id == run_id).with_for_update()
            if connection.execute(held).first() is None:
                raise StoreError(_NO_RUN)
            self._refuse_others(connection, run_id, records)
            self._write_scores(connection, scores)
            self._database.upsert(connection, db.photos, rows)

        self._database.write(add)

    def _refuse_others(
        self, connection: sa.Connection, run_id: str, records: Sequence[PhotoRecord]
    ) -> None:
        photos = {record.position: record.photo for record in records}
        there = sa.select(db.photos).where(
            db.photos.c.run == run_id, db.photos.c.position.in_(list(photos))
        )
        for row in map(dict, connection.execute(there).mappings()):
            if is_whole(db.photos, row) and row["photo"] != photos[row["position"]]:
                raise OtherPhotosError("This run has other photos by now. Start it once more.")

    def records(self, run_id: str) -> list[PhotoRecord]:
        """A run's photos, in order."""
        names = [field.name for field in dataclasses.fields(PhotoRecord)]
        rows = self._select(
            sa.select(db.photos).where(db.photos.c.run == run_id).order_by(db.photos.c.position)
        )
        return [
            PhotoRecord(
                **{name: row[name] for name in names}
                | {"probability": from_null(row["probability"])}
            )
            for row in rows
            if is_whole(db.photos, row)
        ]

    def finish_run(self, run_id: str, status: str) -> None:
        """Say how a run ended: "done" or "stopped"."""
        # Even if that cannot be written: this process works on it no more.
        owner.leave(run_id)
        self._change(run_id, status=status, finished=now())

    def annotate(self, run_id: str, note: str) -> None:
        self._change(run_id, note=note)

    def rename(self, run_id: str, title: str) -> None:
        self._change(run_id, title=title)

    def delete_run(self, run_id: str) -> None:
        """Forget a run and its list of photos; scores stay, for other runs may share them."""

        def delete(connection: sa.Connection) -> None:
            connection.execute(db.photos.delete().where(db.photos.c.run == run_id))
            connection.execute(db.runs.delete().where(db.runs.c.id == run_id))

        self._database.write(delete)

    def _select(self, statement: sa.Select[Any]) -> list[dict[str, Any]]:
        def select(connection: sa.Connection) -> list[dict[str, Any]]:
            return [dict(row) for row in connection.execute(statement).mappings()]

        return self._database.read(select)

    def _change(self, run_id: str, **values: Any) -> None:
        self._database.write(lambda connection: change_run(connection, run_id, values))

    def _write_scores(self, connection: sa.Connection, scores: Mapping[ScoreKey, float]) -> None:
        self._write_maps(connection, {key.map for key in scores})
        rows = [
            signed(
                db.scores,
                {
                    "id": key.digest,
                    "map": key.map.digest,
                    "metric": key.metric,
                    "protocol": key.protocol,
                    "value": to_null(value),
                },
            )
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
