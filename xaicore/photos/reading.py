"""A photo's file, wherever it is → its bytes, read once and to a limit."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import IO

from xaicore.photos.errors import MAX_BYTES, PhotoError, empty, no_file, opened_as_text, too_large

FileSource = bytes | bytearray | memoryview | str | os.PathLike[str] | IO[bytes]


def read(source: FileSource) -> bytes:
    """Bytes as they are, or those of a path, a pipe or an open file, which is read from its start.

    Raises :class:`PhotoError` for what is not there, is empty or is larger than 40 MB.
    """
    data = _bytes_of(source)
    if not data:
        raise empty()
    if len(data) > MAX_BYTES:
        raise too_large()
    return data


def _bytes_of(source: FileSource) -> bytes:
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    try:
        if isinstance(source, str | os.PathLike):
            with Path(source).open("rb") as file:
                return _read_to_limit(file)
        return _read_to_limit(source)
    except (OSError, ValueError) as error:  # ValueError: a null character, or a closed file
        if isinstance(error, PhotoError):
            raise
        # A path has a name, too, which is its end only.
        is_path = isinstance(source, str | os.PathLike)
        raise no_file(source if is_path else getattr(source, "name", source)) from error


def _read_to_limit(file: IO[bytes]) -> bytes:
    with contextlib.suppress(OSError, AttributeError):  # a pipe has no start to go back to
        file.seek(0)
    parts, left = [], MAX_BYTES + 1
    # A pipe gives what it has, which may be less than one asks for.
    while left and (part := file.read(left)):
        if isinstance(part, str):
            raise opened_as_text()
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
