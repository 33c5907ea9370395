"""What photos' files hold, each read once; whether they are those that a run has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from xaicore.errors import PetlensError, reason_of
from xaicore.evaluation.chunk import LoadedPhoto
from xaicore.evaluation.plan import PhotoFile
from xaicore.evaluation.store import PhotoRecord
from xaicore.identity import hash_bytes
from xaicore.photos import load_photo


def load_listed(position: int, file: PhotoFile) -> LoadedPhoto:
    """Read a photo, or note what was wrong with it; the hash is empty if nothing could be read."""
    data, error = _read(file)
    if data is None:
        return LoadedPhoto(position, file, error=error)
    try:
        return LoadedPhoto(position, file, hash_bytes(data), load_photo(data))
    except PetlensError as problem:
        return LoadedPhoto(position, file, hash_bytes(data), error=str(problem))


def _read(file: PhotoFile) -> tuple[bytes | None, str]:
    """A file's bytes, or why there are none."""
    try:
        return file.read(), ""
    except PetlensError as error:
        return None, str(error)
    except OSError as error:
        return None, f"This file cannot be read: {reason_of(error)}."


class Contents:
    """The contents of photos by their hash: what was read is not read again."""

    def __init__(self, files: Sequence[PhotoFile]) -> None:
        self.files = files
        self._hashes: dict[int, str] = {}

    def agree_with(self, records: Iterable[PhotoRecord]) -> bool:
        """Whether the photos that a run has, read or not, are those in the files today."""
        return all(record.photo == self._hash(record.position) for record in records)

    def _hash(self, position: int) -> str:
        if position not in self._hashes:
            data, _ = _read(self.files[position])
            self._hashes[position] = "" if data is None else hash_bytes(data)
        return self._hashes[position]
