"""Photos of evaluations that wait or run, on disk: memory is for those who look at pages."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dashboard.shared.bounds import bounds
from xaicore import PetlensError
from xaicore.errors import reason_of
from xaicore.training.dataset import PhotoBytes, ZippedPhoto

# Photos that are at hand, in memory.
AtHand = PhotoBytes | ZippedPhoto


@dataclass(frozen=True)
class SpooledPhoto:
    """A photo in a file of its own, for as long as its evaluation."""

    path: Path
    name: str = ""
    label: str | None = None

    @property
    def clue(self) -> bytes:
        """The content itself, as of the photo that it was."""
        return self.read()

    def read(self) -> bytes:
        return self.path.read_bytes()


class Spool:
    """Holds the photos of one evaluation from ``with`` to its end, or until nothing refers to it.

    Raises a :class:`PetlensError` where the disk, or what may lie on it, is full.
    """

    _taken = 0
    _lock = threading.Lock()

    def __init__(self, photos: Sequence[AtHand]) -> None:
        files = {id(_data_of(photo)): _data_of(photo) for photo in photos}
        self._size = sum(map(len, files.values()))
        self._reserve()
        try:
            self._folder = tempfile.TemporaryDirectory(prefix="petlens-")
            paths = {name: Path(self._folder.name, str(name)) for name in files}
            for name, path in paths.items():
                path.write_bytes(files[name])
        except OSError as error:
            self._release()
            raise PetlensError(
                f"The photos cannot be kept for the evaluation: {reason_of(error)}. Try again "
                "later."
            ) from error
        self.photos = [_moved(photo, paths[id(_data_of(photo))]) for photo in photos]

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()
        self._release()

    def __del__(self) -> None:
        # Of an evaluation that was cancelled while it waited.
        self._release()

    def _reserve(self) -> None:
        most = bounds().waiting_megabytes
        with Spool._lock:
            if Spool._taken + self._size > most * 2**20:
                self._size = 0
                raise PetlensError(
                    f"The photos of all evaluations that wait here may take {most} MB together, "
                    "and these would go beyond. Try again when one has ended, or with fewer "
                    "photos."
                )
            Spool._taken += self._size

    def _release(self) -> None:
        with Spool._lock:
            Spool._taken -= self._size
            self._size = 0


def _data_of(photo: AtHand) -> bytes:
    if isinstance(photo, PhotoBytes):
        return photo.data
    # An upload's: it was in memory until now.
    assert isinstance(photo.archive, bytes)
    return photo.archive


def _moved(photo: AtHand, path: Path) -> SpooledPhoto | ZippedPhoto:
    if isinstance(photo, ZippedPhoto):
        return replace(photo, archive=path)
    return SpooledPhoto(path, photo.name, photo.label)
