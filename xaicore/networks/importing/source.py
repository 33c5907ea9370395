"""A path or bytes from outside → bytes of bounded size, and what lies beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from xaicore.networks.errors import NetworkError
from xaicore.zips import TooManyMembers, ZipError, list_members, read_member

MAX_BYTES = 250 * 2**20
MAX_MEMBERS = 1000
TOO_LARGE = (
    f"larger than {MAX_BYTES // 2**20} MB, the most that is read. Bring a smaller network, or the "
    "same with 16-bit weights."
)


@dataclass(frozen=True)
class Files:
    """The files of a folder or zip: their names, with forward slashes, and how to read one."""

    names: tuple[str, ...]
    read: Callable[[str], bytes]


@dataclass(frozen=True)
class Source:
    """One file from outside: what to call it in a sentence, its bytes, and the files beside it."""

    name: str
    data: bytes
    beside: Files | None = None


def open_source(source: str | Path | bytes) -> Source:
    """Read a file, or take its bytes; a folder has no bytes but files beside it.

    Raises :class:`NetworkError` for what is not there, is empty, or is larger than 250 MB.
    """
    if isinstance(source, bytes):
        return _bounded(Source("This file", source))
    path = Path(source)
    try:
        if path.is_dir():
            return Source(str(path), b"", folder_files(path))
        if not path.is_file():
            raise NetworkError(f"There is no file or folder at {path}. Check the path.")
        return _bounded(Source(str(path), _read(path), Files((), _reader(path.parent))))
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        if isinstance(error, NetworkError):
            raise
        raise NetworkError(f"{path} cannot be read. Check the path and its permissions.") from error


def folder_files(root: Path) -> Files:
    """The files of a folder."""
    names = tuple(sorted(entry.name for entry in root.iterdir() if entry.is_file()))
    return Files(names, _reader(root))


def _reader(root: Path) -> Callable[[str], bytes]:
    """Reads files of a folder; what lies outside it is not read, not even through a link."""

    def read(name: str) -> bytes:
        path = root / checked_name(name)
        if not path.resolve().is_relative_to(root.resolve()) or not path.is_file():
            raise NetworkError(f"There is no file {name!r} in {root}. Put it there and try again.")
        return _bounded(Source(name, _read(path))).data

    return read


def zip_files(source: Source) -> Files:
    """The files of a zip, unpacked in memory; a folder around all of them is left away.

    Raises :class:`NetworkError` for what is no zip, has a name that leaves it, or holds too much.
    """
    unpacked: dict[str, bytes] = {}
    left = MAX_BYTES
    try:
        for member in list_members(source.data, MAX_MEMBERS):
            name = checked_name(member.name)
            if member.size > left:
                raise NetworkError(f"This zip unpacks to files {TOO_LARGE}")
            unpacked[name] = read_member(source.data, member, left)
            left -= member.size
    except TooManyMembers as error:
        raise NetworkError(
            f"{source.name} holds more than {MAX_MEMBERS} files. Pack the network alone."
        ) from error
    except ZipError as error:
        raise NetworkError(f"{source.name} is a zip that cannot be read. {error}") from error
    return _without_outer_folder(unpacked)


def checked_name(name: str) -> str:
    """The name of a file inside a folder; :class:`NetworkError` if it leads out of it."""
    place = PurePosixPath(name)
    if place.is_absolute() or ".." in place.parts or "\\" in name or ":" in name or "\0" in name:
        raise NetworkError(
            f"The file name {name!r} leads out of its folder. Keep all files of a network in one "
            "folder."
        )
    return name


def _without_outer_folder(unpacked: dict[str, bytes]) -> Files:
    litter = ("__MACOSX/", ".")
    kept = {name: data for name, data in unpacked.items() if not name.startswith(litter)}
    tops = {name.partition("/")[0] for name in kept}
    if len(tops) == 1 and all("/" in name for name in kept):
        kept = {name.partition("/")[2]: data for name, data in kept.items()}

    def read(name: str) -> bytes:
        if checked_name(name) not in kept:
            raise NetworkError(f"There is no file {name!r} in this zip. Add it and try again.")
        return kept[name]

    return Files(tuple(sorted(kept)), read)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _bounded(source: Source) -> Source:
    if not source.data:
        raise NetworkError(f"{source.name} is empty. Choose the file again, or another copy of it.")
    if len(source.data) > MAX_BYTES:
        raise NetworkError(f"{source.name} is {TOO_LARGE}")
    return source
