"""The database under the store: its tables, how it is opened, mended and brought up to date.

SQLite by default, any PostgreSQL by the setting ``XAICORE_STORE``.
"""

from __future__ import annotations

import contextlib
import datetime
import itertools
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import platformdirs
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from xaicore.errors import PetlensError, reason_of

VARIABLE = "XAICORE_STORE"
VERSION = 2
BUSY_SECONDS = 60
# Names a lock that no other program is likely to use.
_TURN = 7364

# What SQLite says of a file that is itself broken, not busy or out of reach.
_DAMAGES = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_SQLITE_REASONS = {
    sqlite3.SQLITE_BUSY: "it is locked by another program",
    sqlite3.SQLITE_LOCKED: "it is locked by another program",
    sqlite3.SQLITE_READONLY: "it may not be written",
    sqlite3.SQLITE_PERM: "it may not be read or written",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_CANTOPEN: "it cannot be reached",
    sqlite3.SQLITE_IOERR: "the disk fails to read or write it",
    sqlite3.SQLITE_CORRUPT: "it is damaged",
    sqlite3.SQLITE_NOTADB: "it is no store",
    sqlite3.SQLITE_CONSTRAINT: "it does not take what was to be kept",
}
# By the class of PostgreSQL's codes, their first two characters.
_POSTGRES_REASONS = {
    "08": "it cannot be reached",
    "22": "it does not take what was to be kept",
    "23": "it does not take what was to be kept",
    "25": "it may not be written",
    "28": "it refuses this user or password",
    "3D": "it is not there",
    "40": "it is locked by another program",
    "42": "it may not be written, or has another form than it should",
    "53": "it is full",
    "55": "it is locked by another program",
    "57": "it is being shut down",
}


class StoreError(PetlensError):
    """A store that cannot be used; the message says why and what to do."""


_tables = sa.MetaData()
meta = sa.Table("meta", _tables, sa.Column("version", sa.Integer, nullable=False))
maps = sa.Table(
    "maps",
    _tables,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("network", sa.String(64), nullable=False),
    sa.Column("photo", sa.String(64), nullable=False),
    sa.Column("explainer", sa.Text, nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
)
scores = sa.Table(
    "scores",
    _tables,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("map", sa.ForeignKey("maps.id"), nullable=False),
    sa.Column("metric", sa.Text, nullable=False),
    sa.Column("protocol", sa.Text, nullable=False),
    sa.Column("value", sa.Float(53)),  # null: undefined
)
arrays = sa.Table(
    "arrays",
    _tables,
    sa.Column("map", sa.ForeignKey("maps.id"), primary_key=True),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
)
runs = sa.Table(
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
photos = sa.Table(
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


def _to_fingerprints(connection: sa.Connection) -> None:
    """Version 1 named networks by their weights, and traces by the settings believed of a map."""
    connection.exec_driver_sql("ALTER TABLE maps RENAME COLUMN weights TO network")
    trials = sa.select(maps.c.id).where(maps.c.explainer == "trial")
    for table in (arrays, scores):
        connection.execute(table.delete().where(table.c.map.in_(trials)))
    connection.execute(maps.delete().where(maps.c.explainer == "trial"))


# What turns a store of version n (the key) into one of version n + 1.
MIGRATIONS: dict[int, Callable[[sa.Connection], None]] = {1: _to_fingerprints}


class Database:
    """The tables of one store, opened; ``notice`` says where a damaged file was set aside.

    Raises :class:`StoreError` for a store of a newer version, or one that cannot be reached.
    """

    def __init__(self, url: str | None = None) -> None:
        self.url = url or os.environ.get(VARIABLE) or _default_url()
        self.notice = ""
        self.engine = _connect(self.url)
        with self._in_words(), _opening(self.engine):
            if _is_damaged(self.engine):
                aside = _set_aside(Path(self.engine.url.database or ""))
                self.notice = f"The store was damaged. It is kept as {aside}; a new one was begun."
            self._prepare()

    def _prepare(self) -> None:
        """Make the tables, or bring an older store to this version."""
        with self.writing() as connection:
            self.take_turn(connection)
            if not sa.inspect(connection).has_table("meta"):
                _tables.create_all(connection)
                connection.execute(meta.insert().values(version=VERSION))
                return
            version = connection.execute(sa.select(meta.c.version)).scalar_one()
            if version > VERSION:
                raise StoreError(
                    f"This store was written by a newer Petlens (version {version} of its form; "
                    f"this one knows {VERSION}). Update Petlens, or set {VARIABLE} to another."
                )
            for old in range(version, VERSION):
                MIGRATIONS[old](connection)
            connection.execute(meta.update().values(version=VERSION))

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        with self._in_words(), _read(self.engine) as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction: all that is done in it is kept, or nothing is."""
        with self._in_words(), self.engine.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        """Turn a database's errors into a :class:`StoreError`; the address without its password."""
        try:
            yield
        except (sa.exc.DBAPIError, sqlite3.Error, OSError) as error:
            raise StoreError(
                f"The store at {self.engine.url.render_as_string()} cannot be used: "
                f"{_reason_of(error)}. Check that it is there, may be written and has room, "
                f"or set {VARIABLE} to another."
            ) from error

    def take_turn(self, connection: sa.Connection) -> None:
        """Hold off all that look first and write after; SQLite's writers take turns anyway."""
        if self.engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_TURN)))

    def upsert(
        self, connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]
    ) -> None:
        """Write rows, over those that have the same keys."""
        if not rows:
            return
        dialect = postgresql if self.engine.dialect.name == "postgresql" else sqlite
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


def _reason_of(error: Exception) -> str:
    """Why a database cannot be used, as the end of a sentence about it."""
    cause = getattr(error, "orig", error)
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        return _SQLITE_REASONS.get(code, "it has another form than it should")
    if isinstance(cause, OSError):
        return reason_of(cause)
    state = getattr(cause, "sqlstate", None)
    if not state:
        return "it cannot be reached, or refuses this user"
    return _POSTGRES_REASONS.get(state[:2], "it refuses what was asked")


def _default_url() -> str:
    try:
        folder = platformdirs.user_data_path("petlens", appauthor=False, ensure_exists=True)
    except OSError as error:
        raise StoreError(
            f"The folder for the store cannot be made: {reason_of(error)}. "
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
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d-%H%M%S")
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
