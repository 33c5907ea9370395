"""Labelled photos in the layout of the Kaggle archive, and their split by file name."""

from __future__ import annotations

import functools
import hashlib
import io
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from PIL import Image

from xaicore.errors import PetlensError
from xaicore.networks.petnet_facts import LABELS
from xaicore.photos import PhotoError, load_photo

Split = Literal["train", "validation", "test"]

# What Windows leaves in folders of pictures; the Kaggle archive itself holds two.
LITTER = ("thumbs.db", "desktop.ini")
MAX_UNPACKED_BYTES = 500 * 2**20
# An encrypted member of a zip raises RuntimeError.
UNREADABLE = (PhotoError, OSError, zipfile.BadZipFile, zlib.error, RuntimeError)


class DatasetError(PetlensError):
    """A folder or zip that does not hold what was asked for; the message says what is missing."""


@dataclass(frozen=True)
class ListedFile:
    """One file of a folder or zip: its class, if the folder it lies in names one."""

    label: str | None
    stem: str
    root: Path
    member: str

    @property
    def name(self) -> str:
        return self.member

    def read(self) -> bytes:
        if self.root.is_dir():
            return (self.root / self.member).read_bytes()
        return _archive(self.root).read(self.member)


@dataclass(frozen=True)
class LabelledFile(ListedFile):
    """One file of the set: ``label`` (an entry of ``LABELS``), and where its bytes are."""

    label: str

    @property
    def split(self) -> Split:
        return split_of(self.label, self.stem)


@dataclass(frozen=True)
class PhotoBytes:
    """A photo that is at hand, such as an uploaded one; nothing but its hash is kept."""

    data: bytes
    name: str = ""
    label: str | None = None

    def read(self) -> bytes:
        return self.data


@functools.lru_cache(maxsize=2)
def _archive(path: Path) -> zipfile.ZipFile:
    """Keep the archive open: listing its members anew for every photo would cost minutes."""
    return zipfile.ZipFile(path)


def split_of(label: str, stem: str) -> Split:
    """Place a photo by its class and file name alone: 80 % train, 10 % validation, 10 % test.

    The same photo falls in the same part on every machine and in every picture format.
    """
    digest = hashlib.sha256(f"{label}/{stem}".encode()).digest()
    bucket = int.from_bytes(digest[:8], "big") % 10
    return "test" if bucket == 9 else "validation" if bucket == 8 else "train"


def find_photos(path: str | Path) -> list[LabelledFile]:
    """List the files of a folder or zip that lie in a ``Cat`` or ``Dog`` folder, in a fixed order.

    Hidden files and the system's own are left out; whether the others are pictures shows when
    they are read. Raises :class:`DatasetError` when there is no such path, or a class has no file.
    """
    files = [
        LabelledFile(file.label, file.stem, file.root, file.member)
        for file in find_files(path)
        if file.label is not None
    ]
    for label in LABELS:
        if not any(file.label == label for file in files):
            raise DatasetError(f"{path} has no file in a folder named {label.capitalize()}.")
    return files


def find_files(path: str | Path) -> list[ListedFile]:
    """List all files of a folder or zip, in a fixed order, with the class of those that have one.

    Raises :class:`DatasetError` when there is no such path, or nothing in it.
    """
    root = Path(path)
    files = []
    for name in _names(root):
        if not _is_litter(name):
            files.append(ListedFile(_label(name), PurePosixPath(name).stem, root, name))
    if not files:
        raise DatasetError(f"There is no file in {root}.")
    return sorted(files, key=lambda file: (file.stem.zfill(12), file.label or "", file.member))


def unzip_photos(data: bytes) -> list[PhotoBytes]:
    """The photos of an uploaded zip, without their names; ``Cat`` and ``Dog`` folders are labels.

    Raises :class:`DatasetError` for what is no zip, is empty, or unpacks to too much.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [
                e for e in archive.infolist() if not e.is_dir() and not _is_litter(e.filename)
            ]
            if sum(entry.file_size for entry in entries) > MAX_UNPACKED_BYTES:
                raise DatasetError(
                    f"This zip unpacks to more than {MAX_UNPACKED_BYTES // 2**20} MB. "
                    "Give fewer photos at a time."
                )
            photos = [
                PhotoBytes(archive.read(entry), label=_label(entry.filename)) for entry in entries
            ]
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        raise DatasetError("This zip cannot be read. Make it again, without a password.") from error
    if not photos:
        raise DatasetError("There is no file in this zip.")
    return photos


def _label(name: str) -> str | None:
    """The class that the folder of a file names, if it names one."""
    folder = PurePosixPath(name).parent.name.lower()
    return folder if folder in LABELS else None


def _is_litter(name: str) -> bool:
    place = PurePosixPath(name)
    return place.name.startswith(".") or place.name.lower() in LITTER


def _names(root: Path) -> list[str]:
    """Paths of all files in a folder or zip, relative to it, with forward slashes."""
    layout = "Give the path of PetImages, with a folder Cat and a folder Dog inside."
    if not root.exists():
        raise DatasetError(f"There is nothing at {root}. {layout}")
    if root.is_dir():
        return [file.relative_to(root).as_posix() for file in root.rglob("*") if file.is_file()]
    try:
        with zipfile.ZipFile(root) as archive:
            return [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    except (zipfile.BadZipFile, OSError) as error:
        raise DatasetError(f"{root} is neither a folder nor a readable zip. {layout}") from error


def require_both(labels: Collection[str], split: Split) -> None:
    """Raise :class:`DatasetError` unless every class is among the labels found in a split."""
    for label in LABELS:
        if label not in labels:
            raise DatasetError(
                f"No readable {label} falls in the {split} part of this data. "
                f"Check that the {label.capitalize()} folder holds enough whole pictures."
            )


def read_photos(
    files: Sequence[LabelledFile], size: int | None = None, workers: int = 4
) -> Iterator[tuple[LabelledFile, Image.Image | None]]:
    """Decode files in order; ``None`` stands for a corrupt one.

    With a ``size``, each photo is resized to ``size``×``size`` pixels.
    """

    def read(file: LabelledFile) -> tuple[LabelledFile, Image.Image | None]:
        try:
            photo = load_photo(file.read())
        except UNREADABLE:
            return file, None
        if size is not None and photo.size != (size, size):
            photo = photo.resize((size, size), Image.Resampling.BILINEAR)
        return file, photo

    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(read, files)
