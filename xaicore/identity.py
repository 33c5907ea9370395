"""Names for contents: two things with one key are the same thing, here and in every process."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

DIGITS = 16


def hash_bytes(data: bytes) -> str:
    """16 hex digits of the SHA-256 of bytes, such as a photo's file."""
    return hashlib.sha256(data).hexdigest()[:DIGITS]


def text_bytes(text: str) -> bytes:
    """Text as UTF-8; of file names that are no UTF-8, too, the same for the same name."""
    return text.encode("utf-8", "surrogatepass")


def hash_array(array: np.ndarray) -> str:
    """16 hex digits that name an array by its type, shape and values."""
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()[:DIGITS]


def canonical(settings: Any) -> str:
    """Plain values as one string, the same for the same settings."""
    return json.dumps(settings, sort_keys=True, separators=(",", ":"))
