"""What can be wrong with a database, in words, and whether it may be over soon."""

from __future__ import annotations

import sqlite3

import sqlalchemy as sa

from xaicore.errors import PetlensError, reason_of


class StoreError(PetlensError):
    """A store that cannot be used; the message says why and what to do.

    ``passing`` is what may be over soon, such as a lock, a full disk or a server's restart.
    """

    def __init__(self, message: str, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing


# What SQLite says of a file that is itself broken, not busy or out of reach.
DAMAGES = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_SQLITE_PASSING = {
    sqlite3.SQLITE_BUSY: "it is locked by another program",
    sqlite3.SQLITE_LOCKED: "it is locked by another program",
    sqlite3.SQLITE_READONLY: "it may not be written",
    sqlite3.SQLITE_PERM: "it may not be read or written",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_CANTOPEN: "it cannot be reached",
    sqlite3.SQLITE_IOERR: "the disk fails to read or write it",
}
_SQLITE_LASTING = {
    sqlite3.SQLITE_CORRUPT: "it is damaged",
    sqlite3.SQLITE_NOTADB: "it is no store",
    sqlite3.SQLITE_CONSTRAINT: "it does not take what was to be kept",
}
# By PostgreSQL's codes, or by their class, which is their first two characters.
_POSTGRES_PASSING = {
    "08": "it cannot be reached",
    "25": "it may not be written",
    "28": "it refuses this user or password",
    "40": "it is locked by another program",
    "42501": "it may not be read or written",
    "53": "it is full",
    "55": "it is locked by another program",
    "57014": "it takes too long to answer",
    "57": "it is being shut down",
    "58": "the disk fails to read or write it",
}
_POSTGRES_LASTING = {
    "22": "it does not take what was to be kept",
    "23": "it does not take what was to be kept",
    "3D": "it is not there",
    "42": "it has another form than it should",
    "XX": "it is damaged",
}


def describe_fault(error: Exception) -> tuple[str, bool]:
    """Why a database cannot be used, as the end of a sentence, and whether that may pass."""
    cause = getattr(error, "orig", error)
    if isinstance(cause, sqlite3.Error):
        code = error_code(cause)
        lasting = _SQLITE_LASTING.get(code, "it has another form than it should")
        return _SQLITE_PASSING.get(code, lasting), code in _SQLITE_PASSING
    if isinstance(cause, OSError):
        return reason_of(cause), True
    if isinstance(cause, UnicodeDecodeError):  # of a message that holds a part of a damaged file
        return _SQLITE_LASTING[sqlite3.SQLITE_CORRUPT], False
    state = getattr(cause, "sqlstate", None)
    if not state:
        if isinstance(error, sa.exc.OperationalError | sa.exc.InterfaceError):
            return "it cannot be reached, or refuses this user", True
        return "it does not take what was to be kept", False
    for kind in (state, state[:2]):
        if kind in _POSTGRES_PASSING:
            return _POSTGRES_PASSING[kind], True
    return _POSTGRES_LASTING.get(state[:2], "it refuses what was asked"), False


def error_code(error: object) -> int:
    """SQLite's code of an error, 0 for any other: its lowest byte, the others say it finer."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF
