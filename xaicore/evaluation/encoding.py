"""How values are written into a database, and read again as they were."""

from __future__ import annotations

import datetime
import io
import math
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import sqlalchemy as sa

# What numpy and zipfile raise for data that is not what compress wrote.
_DAMAGES = (
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    KeyError,
    EOFError,
    OSError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def in_utc(moment: datetime.datetime) -> datetime.datetime:
    """SQLite forgets the zone that it was given."""
    return moment.astimezone(datetime.UTC) if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


def to_null(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def from_null(value: float | None) -> float:
    return math.nan if value is None else value


def compress(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, array=array, allow_pickle=False)
    return buffer.getvalue()


def decompress(data: bytes) -> np.ndarray | None:
    """What :func:`compress` was given; none for data that is damaged."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as kept:
            array = kept["array"]
    except _DAMAGES:
        return None
    # Of what is no array at all numpy gives the bytes.
    return array if isinstance(array, np.ndarray) else None


def select_plain(table: sa.Table) -> sa.Select[Any]:
    """All columns, moments as text: one that is none would end the reading of all rows."""
    return sa.select(
        *(sa.cast(c, sa.Text).label(c.name) if _is_moment(c) else c for c in table.columns)
    )


def plain_row(table: sa.Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of :func:`select_plain`; what is no moment stays text."""
    moments = {c.name: _to_moment(row[c.name]) for c in table.columns if _is_moment(c)}
    return {**row, **moments}


def _is_moment(column: sa.ColumnElement[Any]) -> bool:
    return isinstance(column.type, sa.DateTime)


def _to_moment(text: Any) -> Any:
    try:
        return in_utc(datetime.datetime.fromisoformat(text))
    except (ValueError, TypeError, OverflowError):
        return text
