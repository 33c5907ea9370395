"""The photos that there are in a folder or zip: found by their names, read one by one."""

from __future__ import annotations

import heapq
import io
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from PIL import Image

from xaicore.errors import PetlensError, reason_of
from xaicore.photos import FORMATS, MAX_BYTES, SUFFIXES
from xaicore.training.naming import is_litter, label_of
from xaicore.zips import (
    Member,
    TooManyMembers,
    ZipError,
    ZipSource,
    list_members,
    read_member,
    read_start,
    why_unread,
)

MAX_MEMBERS = 50_000
# Enough to tell a picture by how it begins.
_START_BYTES = 32
# Photos hardly shrink; what shrinks a lot and is large was made to fill the memory.
_LARGE_BYTES = 4 * 2**20
_MOST_TIMES = 200
_ASKED = "Give the path of a folder or zip of photos."


class DatasetError(PetlensError):
    """A folder or zip that does not hold what was asked for; the message says what is missing."""


@dataclass(frozen=True)
class Found:
    """A file that may be a photo: its path inside, with forward slashes, its size in bytes.

    ``packed`` is where it lies in a zip.
    """

    name: str
    size: int
    packed: Member | None = None


def find_in(root: Path) -> list[Found]:
    """What may be photos in a folder or zip.

    Raises :class:`DatasetError` for what is neither.
    """
    try:
        if root.is_dir():
            return list(_walk(root))
        if root.is_file():
            return find_in_zip(root, MAX_MEMBERS)
        if not root.exists():
            raise DatasetError(f"There is nothing at {root}. {_ASKED}")
        raise ZipError(_ASKED)
    except TooManyMembers as error:
        raise DatasetError(f"{error} Unpack {root} and give the folder.") from error
    except ZipError as error:
        raise DatasetError(f"{root} is neither a folder nor a readable zip. {error}") from error
    except OSError as error:
        raise DatasetError(f"{root} cannot be read: {reason_of(error)}. {_ASKED}") from error


def find_in_zip(source: ZipSource, most: int) -> list[Found]:
    """What may be photos in a zip.

    Raises as :func:`~xaicore.zips.list_members` does, and :class:`ZipError` where none could be
    read, as in a zip with a password.
    """
    found = []
    for member in list_members(source, most):
        # Some programs write what their own system puts between folders.
        name = member.name.replace("\\", "/")
        if not is_litter(name) and _may_be_photo(name, source, member):
            found.append(Found(name, member.size, member))
    reasons = [why_unread(file.packed) for file in found if file.packed]
    if found and all(reasons):
        raise ZipError(f"Its files are {reasons[0]}.")
    return found


def read_file(path: Path) -> bytes:
    """A file to one byte more than photos may have; raises :class:`OSError`."""
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def read_packed(source: ZipSource, member: Member) -> bytes:
    """A zip's member as :func:`~xaicore.zips.read_member` does, of photos' size.

    Raises :class:`ZipError`, too, for a large one that shrinks as no photo does.
    """
    if MAX_BYTES >= member.size > max(_LARGE_BYTES, _MOST_TIMES * member.packed):
        raise ZipError(
            f"This file is more than {_MOST_TIMES} times smaller in its zip, as no photo is. "
            "Give the photo itself."
        )
    return read_member(source, member, MAX_BYTES)


def _walk(root: Path) -> Iterator[Found]:
    """The files of all folders inside, each folder once, whatever links lead to it.

    Folders of a class come first: what lies in one has its label, wherever else it is found.
    """
    seen: set[tuple[int, int]] = set()
    waiting = [(False, False, 0, "")]
    while waiting:
        *_, inside = heapq.heappop(waiting)
        try:
            place = (root / inside).stat()
            if (place.st_dev, place.st_ino) in seen:
                continue
            seen.add((place.st_dev, place.st_ino))
            entries = list(os.scandir(root / inside))
        except OSError:
            if not inside:
                raise
            # As a file it will be named with the reason.
            yield Found(inside, 0)
            continue
        for entry in entries:
            name = f"{inside}/{entry.name}" if inside else entry.name
            if is_litter(name):
                continue
            kind, size = _look_at(entry)
            if stat.S_ISDIR(kind):
                rank = (label_of(f"{name}/file") is None, entry.is_symlink(), name.count("/"), name)
                heapq.heappush(waiting, rank)
            elif stat.S_ISREG(kind) and _may_be_photo(name, root / name):
                yield Found(name, size)


def _look_at(entry: os.DirEntry[str]) -> tuple[int, int]:
    """What an entry or the end of its link is, and its size; a link to nothing counts as a file."""
    try:
        found = entry.stat()
    except OSError:
        return stat.S_IFREG, 0
    return found.st_mode, found.st_size


def _may_be_photo(name: str, source: ZipSource, member: Member | None = None) -> bool:
    """By the end of its name; what has none by how it begins, unless that cannot be read."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix:
        return suffix in SUFFIXES
    try:
        return _begins_as_picture(_start_of(source, member))
    except (ZipError, OSError):
        return True


def _start_of(source: ZipSource, member: Member | None) -> bytes:
    if member is not None:
        return read_start(source, member, _START_BYTES)
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        return file.read(_START_BYTES)


def _begins_as_picture(start: bytes) -> bool:
    if len(start) < _START_BYTES:
        return False
    Image.init()
    accepts = [Image.OPEN[form][1] for form in FORMATS if form in Image.OPEN]
    return any(accept is not None and accept(start) is True for accept in accepts)
