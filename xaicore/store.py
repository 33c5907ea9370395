"""What was computed, under which key: the only place that writes results.

SQLite by default, any database that SQLAlchemy knows by the setting ``XAICORE_STORE``. Photos are
never kept, only their hashes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import io
import itertools
import json
import math
import os
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from xaicore.metrics.base import Trace

VARIABLE = "XAICORE_STORE"
VERSION = 1
# Keys asked for in one statement; SQLite allows 32,766 values, others fewer.
MOST_KEYS = 5000
BUSY_SECONDS = 60

RUNNING, DONE, STOPPED = "running", "done", "stopped"


_NO_RUN = "There is no such run any more. Choose another from the list."
# What SQLite says of a file that is itself broken, not busy or out of reach.
_DAMAGES = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class StoreError(ValueError):
    """A store that cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class MapKey:
    """Which map: network, photo, method or control, and all its settings.

    ``weights`` is a fingerprint, ``photo`` the hash of the photo's file, ``settings`` a string by
    :func:`canonical`.
    """

    weights: str
    photo: str
    explainer: str
    settings: str

    @property
    def digest(self) -> str:
        return _digest(self.weights, self.photo, self.explainer, self.settings)


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


def canonical(settings: Mapping[str, Any]) -> str:
    """Settings as one string, the same for the same settings."""
    return json.dumps(settings, sort_keys=True, separators=(",", ":"))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


_tables = sa.MetaData()
_meta = sa.Table("meta", _tables, sa.Column("version", sa.Integer, nullable=False))
_maps = sa.Table(
    "maps",
    _tables,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("weights", sa.String(64), nullable=False),
    sa.Column("photo", sa.String(64), nullable=False),
    sa.Column("explainer", sa.Text, nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
)
_scores = sa.Table(
    "scores",
    _tables,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("map", sa.ForeignKey("maps.id"), nullable=False),
    sa.Column("metric", sa.Text, nullable=False),
    sa.Column("protocol", sa.Text, nullable=False),
    sa.Column("value", sa.Float(53)),  # null: undefined
)
_arrays = sa.Table(
    "arrays",
    _tables,
    sa.Column("map", sa.ForeignKey("maps.id"), primary_key=True),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
)
_runs = sa.Table(
    "runs",
    _tables,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("spec", sa.Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("started", sa.DateTime(timezone=True), nullable=False),
    sa.Column("finished", sa.DateTime(timezone=True)),
)
_photos = sa.Table(
    "photos",
    _tables,
    sa.Column("run", sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("photo", sa.String(64), nullable=False),
    sa.Column("label", sa.Text),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("predicted", sa.Text, nullable=False),
    sa.Column("probability", sa.Float(53)),
    sa.Column("error", sa.Text, nullable=False),
)

# What turns a store of version n (the key) into one of version n + 1.
_MIGRATIONS: dict[int, Callable[[sa.Connection], None]] = {}


class Store:
    """Scores, arrays and runs in a database; one may be used by many threads and processes.

    ``url`` is SQLAlchemy's, by default the setting ``XAICORE_STORE``, else a file in the user's
    data folder. ``notice`` is a sentence where a damaged file had to be set aside. Raises
    :class:`StoreError` for a store of a newer version, or a database that cannot be reached.
    """

    def __init__(self, url: str | None = None) -> None:
        self.url = url or os.environ.get(VARIABLE) or _default_url()
        self.notice = ""
        self._engine = _connect(self.url)
        with self._in_words(), _opening(self._engine):
            if _is_damaged(self._engine):
                aside = _set_aside(Path(self._engine.url.database or ""))
                self.notice = f"The store was damaged. It is kept as {aside}; a new one was begun."
            self._prepare()

    def __reduce__(self) -> tuple[type[Store], tuple[str]]:
        """Another process opens the store for itself."""
        return Store, (self.url,)

    def _prepare(self) -> None:
        """Make the tables, or bring an older store to this version."""
        with self._writing() as connection:
            self._take_turn(connection)
            if not sa.inspect(connection).has_table("meta"):
                _tables.create_all(connection)
                connection.execute(_meta.insert().values(version=VERSION))
                return
            version = connection.execute(sa.select(_meta.c.version)).scalar_one()
            if version > VERSION:
                raise StoreError(
                    f"This store was written by a newer Petlens (version {version} of its form; "
                    f"this one knows {VERSION}). Update Petlens, or set {VARIABLE} to another."
                )
            for old in range(version, VERSION):
                _MIGRATIONS[old](connection)
            connection.execute(_meta.update().values(version=VERSION))

    def scores(self, keys: Iterable[ScoreKey]) -> dict[ScoreKey, float]:
        """The scores that are known of these; NaN for one that is known to be undefined."""
        wanted = {key.digest: key for key in keys}
        found: dict[ScoreKey, float] = {}
        ids = list(wanted)
        with self._reading() as connection:
            for start in range(0, len(ids), MOST_KEYS):
                part = ids[start : start + MOST_KEYS]
                rows = connection.execute(
                    sa.select(_scores.c.id, _scores.c.value).where(_scores.c.id.in_(part))
                )
                found |= {wanted[id]: _from_null(value) for id, value in rows}
        return found

    def put_scores(self, scores: Mapping[ScoreKey, float]) -> None:
        """Keep scores, all or none; one that is known already is written over."""
        with self._writing() as connection:
            self._write_scores(connection, scores)

    def arrays(self, key: MapKey, name: str) -> np.ndarray | None:
        """An array kept with a map, such as the map itself; none if there is none."""
        with self._reading() as connection:
            data = connection.execute(
                sa.select(_arrays.c.data).where(_arrays.c.map == key.digest, _arrays.c.name == name)
            ).scalar()
        return None if data is None else _decompress(data)

    def all_arrays(self, key: MapKey) -> dict[str, np.ndarray]:
        """All arrays kept with a map, by name."""
        with self._reading() as connection:
            rows = connection.execute(
                sa.select(_arrays.c.name, _arrays.c.data).where(_arrays.c.map == key.digest)
            ).all()
        return {name: _decompress(data) for name, data in rows}

    def put_arrays(self, key: MapKey, arrays: Mapping[str, np.ndarray]) -> None:
        """Keep arrays with a map, compressed, all or none."""
        rows = [
            {"map": key.digest, "name": name, "data": _compress(array)}
            for name, array in arrays.items()
        ]
        with self._writing() as connection:
            self._write_maps(connection, [key])
            self._upsert(connection, _arrays, rows)

    def start_run(self, spec: Mapping[str, Any], title: str) -> Run:
        """Begin a run, or give back the unfinished one of the same spec to go on with."""
        wanted = canonical(spec)
        with self._writing() as connection:
            self._take_turn(connection)
            id = connection.execute(
                sa.select(_runs.c.id).where(_runs.c.spec == wanted, _runs.c.status != DONE)
            ).scalar()
            if id is None:
                id = uuid.uuid4().hex
                connection.execute(
                    _runs.insert().values(
                        id=id,
                        title=title,
                        note="",
                        spec=wanted,
                        status=RUNNING,
                        started=_now(),
                    )
                )
            else:
                connection.execute(
                    _runs.update().where(_runs.c.id == id).values(status=RUNNING, finished=None)
                )
        return self.run(id)

    def runs(self) -> list[Run]:
        """All runs, newest first."""
        with self._reading() as connection:
            rows = connection.execute(_select_runs().order_by(_runs.c.started.desc())).all()
        return [_to_run(row) for row in rows]

    def run(self, id: str) -> Run:
        """One run; raises :class:`StoreError` if there is none of that id."""
        with self._reading() as connection:
            row = connection.execute(_select_runs().where(_runs.c.id == id)).one_or_none()
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
                "probability": _to_null(record.probability),
                "error": record.error,
            }
            for record in records
        ]
        with self._writing() as connection:
            found = connection.execute(sa.select(_runs.c.id).where(_runs.c.id == run_id))
            if found.first() is None:
                raise StoreError(_NO_RUN)
            self._write_scores(connection, scores)
            self._upsert(connection, _photos, rows)

    def records(self, run_id: str) -> list[PhotoRecord]:
        """A run's photos, in order."""
        with self._reading() as connection:
            rows = connection.execute(
                sa.select(_photos).where(_photos.c.run == run_id).order_by(_photos.c.position)
            ).all()
        return [
            PhotoRecord(
                row.position,
                row.photo,
                row.label,
                row.name,
                row.predicted,
                _from_null(row.probability),
                row.error,
            )
            for row in rows
        ]

    def finish_run(self, run_id: str, status: str) -> None:
        """Say how a run ended: "done" or "stopped"."""
        self._change_run(run_id, status=status, finished=_now())

    def annotate(self, run_id: str, note: str) -> None:
        self._change_run(run_id, note=note)

    def rename(self, run_id: str, title: str) -> None:
        self._change_run(run_id, title=title)

    def delete_run(self, run_id: str) -> None:
        """Forget a run and its list of photos; scores stay, for other runs may share them."""
        with self._writing() as connection:
            connection.execute(_photos.delete().where(_photos.c.run == run_id))
            connection.execute(_runs.delete().where(_runs.c.id == run_id))

    def _change_run(self, run_id: str, **values: Any) -> None:
        with self._writing() as connection:
            connection.execute(_runs.update().where(_runs.c.id == run_id).values(**values))

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self._in_words(), _read(self._engine) as connection:
            yield connection

    @contextlib.contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """One transaction: all that is done in it is kept, or nothing is."""
        with self._in_words(), self._engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        """Turn a database's errors into a :class:`StoreError`; the address without its password."""
        try:
            yield
        except (sa.exc.DBAPIError, sqlite3.Error, OSError) as error:
            reason = str(getattr(error, "orig", error)).partition("\n")[0]
            raise StoreError(
                f"The store at {self._engine.url.render_as_string()} cannot be used ({reason}). "
                f"Check that it is there, may be written and has room, "
                f"or set {VARIABLE} to another."
            ) from error

    def _take_turn(self, connection: sa.Connection) -> None:
        """Hold off all that look first and write after; SQLite's writers take turns anyway."""
        if self._engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(7364)))

    def _write_scores(self, connection: sa.Connection, scores: Mapping[ScoreKey, float]) -> None:
        self._write_maps(connection, {key.map for key in scores})
        rows = [
            {
                "id": key.digest,
                "map": key.map.digest,
                "metric": key.metric,
                "protocol": key.protocol,
                "value": _to_null(value),
            }
            for key, value in scores.items()
        ]
        self._upsert(connection, _scores, rows)

    def _write_maps(self, connection: sa.Connection, keys: Iterable[MapKey]) -> None:
        rows = [
            {
                "id": key.digest,
                "weights": key.weights,
                "photo": key.photo,
                "explainer": key.explainer,
                "settings": key.settings,
            }
            for key in keys
        ]
        self._upsert(connection, _maps, rows)

    def _upsert(
        self, connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]
    ) -> None:
        if not rows:
            return
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(table)
        keys = [column.name for column in table.primary_key]
        rest = {
            column.name: statement.excluded[column.name]
            for column in table.columns
            if column.name not in keys
        }
        # In one order everywhere, or two writers could wait for each other's rows.
        ordered = sorted(rows, key=lambda row: tuple(row[key] for key in keys))
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=rest), ordered)


def keep_trace(store: Store, key: MapKey, trace: Trace) -> None:
    """Keep what the network said while a map was tested."""
    fields = {field.name: getattr(trace, field.name) for field in dataclasses.fields(trace)}
    store.put_arrays(key, {name: values for name, values in fields.items() if values is not None})


def find_trace(store: Store, key: MapKey) -> Trace | None:
    """The trace that was kept, if there is one."""
    names = [field.name for field in dataclasses.fields(Trace)]
    kept = store.all_arrays(key)
    found = {name: kept.get(name) for name in names}
    fractions, saliency, clean = (found.pop(n) for n in ("fractions", "saliency", "clean"))
    if fractions is None or saliency is None or clean is None:
        return None
    return Trace(fractions, saliency, clean, **found)


def _default_url() -> str:
    try:
        folder = platformdirs.user_data_path("petlens", appauthor=False, ensure_exists=True)
    except OSError as error:
        raise StoreError(
            f"The folder for the store cannot be made ({error}). "
            f"Set {VARIABLE} to a database, such as sqlite:///results.db."
        ) from error
    return f"sqlite:///{folder / 'results.db'}"


def _connect(url: str) -> sa.Engine:
    try:
        address = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        # The address stays unsaid, there and here: it may hold a password.
        raise StoreError(
            f"The store's setting is not the address of a database. Write it as SQLAlchemy does, "
            f"such as sqlite:///results.db or postgresql+psycopg://user@host/name, in {VARIABLE}."
        ) from None
    kind = address.get_backend_name()
    # Without a connection that is kept, a database in memory would be forgotten at once.
    in_memory = kind == "sqlite" and address.database in (None, "", ":memory:")
    if kind not in ("sqlite", "postgresql") or in_memory:
        raise StoreError(
            f"{VARIABLE} must name an SQLite file or a PostgreSQL database, "
            f"such as sqlite:///results.db or postgresql+psycopg://user@host/name."
        )
    try:
        # A connection that is kept and carried over a fork loses what the child writes, and one
        # that is kept over a server's restart is dead; so none outlives its transaction.
        engine = sa.create_engine(address, poolclass=sa.NullPool)
    except (sa.exc.ArgumentError, ImportError) as error:
        raise StoreError(
            f"The driver for {address.drivername} is not installed. For PostgreSQL: "
            f"pip install 'petlens[postgres]', and begin {VARIABLE} with postgresql+psycopg://."
        ) from error
    if kind == "sqlite":
        sa.event.listen(engine, "connect", _set_up_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: object) -> None:
    # Transactions are begun below: Python's own would begin too late to be safe.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")


def _begin_sqlite(connection: sa.Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    # A writer takes its turn at once: one that reads first could not go on beside another.
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _read(engine: sa.Engine) -> sa.Connection:
    return engine.connect().execution_options(reading=True)


@contextlib.contextmanager
def _opening(engine: sa.Engine) -> Iterator[None]:
    """Open files one process at a time, or two would set aside each other's new store.

    The system ends the turn of a process that is killed.
    """
    if engine.dialect.name != "sqlite":
        yield
        return
    turn = sqlite3.connect(f"{engine.url.database}.lock", BUSY_SECONDS, isolation_level=None)
    with contextlib.closing(turn):
        turn.execute("BEGIN EXCLUSIVE")
        yield


def _is_damaged(engine: sa.Engine) -> bool:
    """Whether a store's file is broken; a server looks after its own."""
    if engine.dialect.name != "sqlite":
        return False
    try:
        with _read(engine) as connection:
            return connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() != "ok"
    except sa.exc.DBAPIError as error:
        # The lowest byte is the error, the others its finer kind.
        if getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _DAMAGES:
            return True
        raise


def _set_aside(file: Path) -> Path:
    """Rename a damaged file, and what SQLite keeps beside it, to a name that is free."""
    stamp = _now().strftime("%Y%m%d-%H%M%S")
    for count in itertools.count():
        extra = f"-{count}" if count else ""
        aside = file.with_name(f"{file.stem}.damaged-{stamp}{extra}{file.suffix}")
        if not aside.exists():
            break
    # The file last: what is left beside a new store would be read into it.
    for suffix in ("-journal", "-wal", "-shm", ""):
        beside = file.with_name(file.name + suffix)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + suffix))
    return aside


def _select_runs() -> sa.Select[Any]:
    count = sa.select(sa.func.count()).where(_photos.c.run == _runs.c.id).scalar_subquery()
    return sa.select(_runs, count.label("photos"))


def _to_run(row: sa.Row[Any]) -> Run:
    return Run(
        row.id,
        row.title,
        row.note,
        json.loads(row.spec),
        row.status,
        _in_utc(row.started),
        _in_utc(row.finished) if row.finished else None,
        row.photos,
    )


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _in_utc(moment: datetime.datetime) -> datetime.datetime:
    """SQLite forgets the zone that it was given."""
    return moment.astimezone(datetime.UTC) if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def _to_null(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _from_null(value: float | None) -> float:
    return math.nan if value is None else value


def _compress(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, array=array, allow_pickle=False)
    return buffer.getvalue()


def _decompress(data: bytes) -> np.ndarray:
    with np.load(io.BytesIO(data), allow_pickle=False) as kept:
        return kept["array"]
