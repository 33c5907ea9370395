"""The database under the store: how it is reached, opened, read and written.

SQLite by default, any PostgreSQL by the setting ``XAICORE_STORE``.
"""

from __future__ import annotations

import contextlib
import copy
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import platformdirs
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from xaicore.errors import reason_of
from xaicore.evaluation import sqlite_file
from xaicore.evaluation.faults import StoreError, describe_fault
from xaicore.evaluation.migrations import bring_up, is_current
from xaicore.evaluation.patience import Patience, cut_after

VARIABLE = "XAICORE_STORE"
# A PostgreSQL that does not answer in this time cannot be reached.
CONNECT_SECONDS = 3
LOCK_SECONDS = 2
# Names a lock that no other program is likely to use.
_TURN = 7364

Answer = TypeVar("Answer")


class Database:
    """The tables of one store, opened; ``notice`` says where a damaged file was set aside.

    What is read or written goes through ``patience``. Raises :class:`StoreError` for a store of
    a newer version, what is none, or one that cannot be reached.
    """

    def __init__(self, url: str | None, patience: Patience) -> None:
        self.url = url or os.environ.get(VARIABLE) or _default_url()
        self.patience = patience
        self.notice = ""
        self.engine = _make_engine(self.url)
        with self._in_words():
            if self._is_server:
                self._prepare()
            else:
                self._open_file(Path(self.engine.url.database or ""))

    def patient(self, patience: Patience) -> Database:
        """The same database for somebody who has more or less time."""
        other = copy.copy(self)
        other.patience = patience
        return other

    @property
    def _is_server(self) -> bool:
        return self.engine.dialect.name == "postgresql"

    def _open_file(self, file: Path) -> None:
        with sqlite_file.opening(file):
            if sqlite_file.is_damaged(self.engine):
                aside = sqlite_file.set_aside(file)
                self.notice = f"The store was damaged. It is kept as {aside}; a new one was begun."
            self._prepare()

    def _prepare(self) -> None:
        """Make the tables, or bring an older store to this version."""
        if not self._try(is_current, reading=True):
            # However long that takes, and once however many ask for it.
            with self.engine.begin() as connection:
                self.take_turn(connection)
                bring_up(connection)

    def read(self, work: Callable[[sa.Connection], Answer]) -> Answer:
        """What is found in one transaction that only reads."""
        return self.patience(lambda: self._try(work, reading=True))

    def write(self, work: Callable[[sa.Connection], Answer]) -> Answer:
        """One transaction, perhaps tried again: all that is done in it is kept, or nothing is."""
        return self.patience(lambda: self._try(work, reading=False))

    def _try(self, work: Callable[[sa.Connection], Answer], reading: bool) -> Answer:
        with self._in_words(), self.engine.connect() as connection:
            connection.execution_options(reading=reading)
            if not self._is_server:
                with connection.begin():
                    return work(connection)
            with cut_after(connection, self.patience.attempt), connection.begin():
                connection.exec_driver_sql(
                    f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s';"
                    f"SET LOCAL statement_timeout = '{self.patience.attempt:.0f}s'"
                )
                return work(connection)

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        """Turn a database's errors into a :class:`StoreError`; the address without its password."""
        try:
            yield
        except (sa.exc.DBAPIError, sqlite3.Error, OSError, UnicodeError) as error:
            reason, passing = describe_fault(error)
            raise StoreError(
                f"The store at {self.engine.url.render_as_string()} cannot be used: "
                f"{reason}. Check that it is there, may be written and has room, "
                f"or set {VARIABLE} to another.",
                passing,
            ) from error

    def take_turn(self, connection: sa.Connection) -> None:
        """Hold off all that look first and write after; SQLite's writers take turns anyway."""
        if self._is_server:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_TURN)))

    def upsert(
        self, connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]
    ) -> None:
        """Write rows, over those that have the same keys."""
        if not rows:
            return
        dialect = postgresql if self._is_server else sqlite
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


def _default_url() -> str:
    try:
        folder = platformdirs.user_data_path("petlens", appauthor=False, ensure_exists=True)
    except OSError as error:
        raise StoreError(
            f"The folder for the store cannot be made: {reason_of(error)}. "
            f"Set {VARIABLE} to a database, such as sqlite:///results.db."
        ) from error
    return f"sqlite:///{folder / 'results.db'}"


def _make_engine(url: str) -> sa.Engine:
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
    database = address.database or ":memory:"
    no_file = kind == "sqlite" and database.startswith((":memory:", "file:"))
    if kind not in ("sqlite", "postgresql") or no_file:
        raise StoreError(
            f"{VARIABLE} must name an SQLite file or a PostgreSQL database, "
            f"such as sqlite:///results.db or postgresql+psycopg://user@host/name."
        )
    limits = {"connect_timeout": CONNECT_SECONDS} if kind == "postgresql" else {}
    try:
        # A connection that is kept and carried over a fork loses what the child writes, and one
        # that is kept over a server's restart is dead; so none outlives its transaction.
        engine = sa.create_engine(address, poolclass=sa.NullPool, connect_args=limits)
    except (sa.exc.ArgumentError, ImportError) as error:
        raise StoreError(
            f"The driver for {address.drivername} is not installed. For PostgreSQL: "
            f"pip install 'petlens[postgres]', and begin {VARIABLE} with postgresql+psycopg://."
        ) from error
    if kind == "sqlite":
        sqlite_file.listen(engine)
    return engine
