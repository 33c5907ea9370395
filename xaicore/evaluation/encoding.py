"""How values are written into a database, and read again as they were."""

from __future__ import annotations

import datetime
import io
import math

import numpy as np


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


def decompress(data: bytes) -> np.ndarray:
    with np.load(io.BytesIO(data), allow_pickle=False) as kept:
        return kept["array"]
