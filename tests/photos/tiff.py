"""TIFFs of any values, as tifffile writes them."""

from __future__ import annotations

import io
from typing import Any

import tifffile


def tiff(values: Any, **options: Any) -> bytes:
    """A file of one array as a picture; ``options`` are tifffile's."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, **options)
    return buffer.getvalue()
