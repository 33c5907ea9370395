"""The file under an SQLite store: whether it is one, how it is opened, and set aside if damaged."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from xaicore.evaluation.faults import DAMAGES, StoreError, error_code
from xaicore.evaluation.migrations import check_tables

HEADER = b"SQLite format 3\0"
# A writer waits for others as long as this; whoever has more patience tries again.
BUSY_SECONDS = 2
# Opening takes turns, and one of those may bring a large store to a new version.
OPENING_SECONDS = 60


def listen(engine: sa.Engine) -> None:
    """Set up every connection to a file."""
    sa.event.listen(engine, "do_connect", _address_existing)
    sa.event.listen(engine, "connect", _set_up)
    sa.event.listen(engine, "begin", _begin)


@contextlib.contextmanager
def opening(file: Path) -> Iterator[None]:
    """Open files one process at a time, or two would set aside each other's new store.

    The system ends the turn of a process that is killed. What was never a store is refused and
    left as it is: raises :class:`StoreError`.
    """
    lock = Path(f"{file}.lock")
    if not lock.exists():
        # No store's process was ever here: another program's folder stays as it is, too.
        _refuse_others(file)
    turn = sqlite3.connect(lock, OPENING_SECONDS, isolation_level=None)
    with contextlib.closing(turn):
        turn.execute("BEGIN EXCLUSIVE")
        _refuse_others(file)
        file.touch()
        yield


def is_damaged(engine: sa.Engine) -> bool:
    """Whether a store's file is broken."""
    try:
        with engine.connect().execution_options(reading=True) as connection:
            return connection.exec_driver_sql("PRAGMA quick_check(1)").scalar() != "ok"
    except UnicodeDecodeError:  # what SQLite says of it holds a part of it
        return True
    except (sa.exc.DBAPIError, sqlite3.Error) as error:
        if error_code(getattr(error, "orig", error)) in DAMAGES:
            return True
        raise


def set_aside(file: Path) -> Path:
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
    file.touch()
    return aside


def _refuse_others(file: Path) -> None:
    if not file.is_file() or not file.stat().st_size:
        return
    with file.open("rb") as opened:
        if opened.read(len(HEADER)) != HEADER:
            raise StoreError(
                f"{file} is no store: it is not an SQLite database. "
                "It was left as it is. Name another file."
            )
    # Whoever only reads a file that others are writing into makes files beside it.
    others = file.with_name(f"{file.name}-wal").exists()
    address = f"{file.absolute().as_uri()}?{'mode=ro' if others else 'immutable=1'}"
    with (
        contextlib.suppress(sqlite3.Error, UnicodeDecodeError),
        contextlib.closing(sqlite3.connect(address, BUSY_SECONDS, uri=True)) as connection,
    ):
        connection.text_factory = _to_text
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master")]
        check_tables(str(file), names)


def _address_existing(
    _dialect: object, _record: object, arguments: list[str], options: dict[str, Any]
) -> None:
    """A file that was taken away is not begun anew behind the back of whoever brings it back."""
    arguments[0] = f"{Path(arguments[0]).as_uri()}?mode=rw"
    options["uri"] = True


def _set_up(connection: Any, _record: object) -> None:
    # Transactions are begun below: Python's own would begin too late to be safe.
    connection.isolation_level = None
    # One damaged text would end the reading of all rows; its check sum tells it.
    connection.text_factory = _to_text
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")


def _to_text(data: bytes) -> str:
    return data.decode(errors="replace")


def _begin(connection: sa.Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    # A writer takes its turn at once: one that reads first could not go on beside another.
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
