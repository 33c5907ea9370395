"""A check sum a row: what something else than the store has changed counts as not there."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from xaicore.evaluation.encoding import in_utc
from xaicore.identity import text_bytes

DIGEST_BYTES = 16


def checksum_of(table: sa.Table, row: Mapping[str, Any]) -> str:
    """32 hex digits (BLAKE2b) over a row's other columns, the same in every database.

    Empty for a row that holds what its columns do not: no row is right that has none.
    """
    digest = hashlib.blake2b(table.name.encode(), digest_size=DIGEST_BYTES)
    for column in table.columns:
        if column.name == "checksum":
            continue
        value = row[column.name]
        if value is None and column.nullable:
            digest.update(b"-")
        elif isinstance(value, column.type.python_type):
            data = _to_bytes(value)
            # With its length, or a value could borrow from its neighbour.
            digest.update(f"{len(data)}:".encode() + data)
        else:
            return ""
    return digest.hexdigest()


def signed(table: sa.Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row with its check sum."""
    return {**row, "checksum": checksum_of(table, row)}


def is_whole(table: sa.Table, row: Mapping[str, Any]) -> bool:
    """Whether a row is as the store wrote it."""
    found = row["checksum"]
    return bool(found) and found == checksum_of(table, row)


def _to_bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, float):
        # SQLite does not tell −0 from 0.
        return (value + 0.0).hex().encode()
    if isinstance(value, datetime.datetime):
        return in_utc(value).isoformat().encode()
    return text_bytes(str(value))
