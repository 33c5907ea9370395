"""Labelled photos of a folder or zip, and the part of the data that each is in."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TypeVar

from PIL import Image

from xaicore.errors import PetlensError
from xaicore.formatting import printable
from xaicore.identity import text_bytes
from xaicore.networks.petnet_facts import LABELS
from xaicore.photos import load_photo
from xaicore.training.listing import (
    DatasetError,
    find_in,
    find_in_zip,
    read_file,
    read_packed,
)
from xaicore.training.naming import Split, label_of, part_of
from xaicore.zips import Member, ZipError, ZipSource

MAX_UNPACKED_BYTES = 500 * 2**20
MAX_UPLOADED = 10_000
UNLABELLED = (
    "No class of these photos is known, so nothing is said of which answers are right: no folder "
    "is named for one, such as Cat and Dog, and no file, such as cat.1.jpg."
)
# What reading a photo raises.
UNREADABLE = (PetlensError, OSError)


@dataclass(frozen=True)
class ListedFile:
    """One photo of a folder or zip, its class and its part of the data where a name tells them.

    ``root`` is the folder or zip, ``member`` the path inside, ``packed`` where it lies in the zip.
    """

    label: str | None
    stem: str
    root: Path
    member: str
    size: int
    part: Split | None = None
    packed: Member | None = None

    @property
    def name(self) -> str:
        return printable(self.member)

    @property
    def clue(self) -> bytes:
        """What is known of the content unread: its size."""
        return str(self.size).encode()

    def read(self) -> bytes:
        if self.packed:
            return read_packed(self.root, self.packed)
        return read_file(self.root / self.member)


@dataclass(frozen=True)
class LabelledFile(ListedFile):
    """One photo of the set: ``label`` is an entry of ``LABELS``, ``split`` its part of the data."""

    label: str
    split: Split = "train"


File = TypeVar("File", bound=ListedFile)


@dataclass(frozen=True)
class PhotoBytes:
    """A photo that is at hand, such as an uploaded one; nothing but its hash is kept."""

    data: bytes
    name: str = ""
    label: str | None = None

    @property
    def clue(self) -> bytes:
        """The content itself."""
        return self.data

    def read(self) -> bytes:
        return self.data


@dataclass(frozen=True)
class ZippedPhoto:
    """A photo in a zip that is at hand; it is unpacked when it is read."""

    archive: ZipSource = field(repr=False)
    packed: Member
    label: str | None = None
    name: str = ""

    @property
    def clue(self) -> bytes:
        """What the zip says of the content: its size and its check sum."""
        return f"{self.packed.size} {self.packed.crc}".encode()

    def read(self) -> bytes:
        return read_packed(self.archive, self.packed)


def split_of(label: str, stem: str) -> Split:
    """Place a photo by its class and file name alone: 80 % train, 10 % validation, 10 % test.

    The same photo falls in the same part on every machine and in every picture format.
    """
    digest = hashlib.sha256(text_bytes(f"{label}/{stem}")).digest()
    bucket = int.from_bytes(digest[:8], "big") % 10
    return "test" if bucket == 9 else "validation" if bucket == 8 else "train"


def find_photos(path: str | Path) -> list[LabelledFile]:
    """List the photos of a folder or zip whose class is known, in a fixed order.

    Those in folders named for validation or test are these parts. A part that no folder is named
    for is taken from the others by :func:`split_of`; what is left is for training. Raises
    :class:`DatasetError` when there is no such path, or a class has no photo.
    """
    labelled = [file for file in find_files(path) if file.label is not None]
    for label in LABELS:
        if not any(file.label == label for file in labelled):
            raise DatasetError(
                f"{path} has no file in a folder named {label.capitalize()}, "
                f"and none that is called {label}."
            )
    there = {file.part for file in labelled}
    return [LabelledFile(**vars(file), split=_place(file, there)) for file in labelled]


def _place(file: ListedFile, there: Collection[Split | None]) -> Split:
    """A photo's part of the data, where ``there`` are the parts that folders are named for."""
    if file.part in ("validation", "test"):
        return file.part
    drawn = split_of(str(file.label), file.stem)
    return "train" if drawn in there else drawn


def find_files(path: str | Path) -> list[ListedFile]:
    """List all photos of a folder or zip, in a fixed order, with the class of those that have one.

    What is a photo is judged by the names alone; whether it is whole shows when it is read. Raises
    :class:`DatasetError` when there is no such path, or nothing in it.
    """
    root = Path(path)
    called = root.absolute().stem if root.is_file() else root.absolute().name
    files = [
        ListedFile(
            label_of(found.name, called),
            PurePosixPath(found.name).stem,
            root,
            found.name,
            found.size,
            part_of(found.name),
            found.packed,
        )
        for found in find_in(root)
    ]
    if not files:
        raise DatasetError(f"There is no file in {root} that can be a photo.")
    return sorted(files, key=lambda file: (file.stem.zfill(12), file.label or "", file.member))


def unzip_photos(data: bytes) -> list[ZippedPhoto]:
    """The photos of an uploaded zip, without their names; they are unpacked when they are read.

    Together they give no more than what is allowed, for none gives more than the zip says of it.
    Raises :class:`DatasetError` for what is no zip, is empty, or would unpack to too much.
    """
    try:
        found = find_in_zip(data, MAX_UPLOADED)
    except ZipError as error:
        raise DatasetError(f"This zip cannot be read. {error}") from error
    if not found:
        raise DatasetError("There is no file in this zip that can be a photo.")
    if sum(file.size for file in found) > MAX_UNPACKED_BYTES:
        raise DatasetError(
            f"This zip unpacks to more than {MAX_UNPACKED_BYTES // 2**20} MB. "
            "Give fewer photos at a time."
        )
    return [ZippedPhoto(data, f.packed, label_of(f.name)) for f in found if f.packed]


def require_both(labels: Collection[str], split: Split) -> None:
    """Raise :class:`DatasetError` unless every class is among the labels found in a split."""
    for label in LABELS:
        if label not in labels:
            raise DatasetError(
                f"No readable {label} falls in the {split} part of this data. "
                f"Check that the {label.capitalize()} folder holds enough whole pictures."
            )


def read_photos(
    files: Sequence[File], size: int | None = None, workers: int = 4
) -> Iterator[tuple[File, Image.Image | None]]:
    """Decode files in order; ``None`` stands for a corrupt one.

    With a ``size``, each photo is resized to ``size``×``size`` pixels.
    """

    def read(file: File) -> tuple[File, Image.Image | None]:
        try:
            photo = load_photo(file.read())
        except UNREADABLE:
            return file, None
        if size is not None and photo.size != (size, size):
            photo = photo.resize((size, size), Image.Resampling.BILINEAR)
        return file, photo

    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(read, files)
