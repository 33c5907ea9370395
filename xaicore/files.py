"""Files and folders to write to: whole or not at all, and refused before the work, not after it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from xaicore.errors import PetlensError, reason_of

Content = bytes | str


class FileError(PetlensError):
    """A file or folder that cannot be read or written; the message says which, and why."""


def make_folder(folder: Path) -> None:
    """Make a folder to write to; :class:`FileError` where that is not allowed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"The folder {folder} cannot be made: {reason_of(error)}.") from error


def check_folder(folder: Path) -> None:
    """Raise :class:`FileError` unless a folder may be made, or is there and may be written to.

    It is tried with a file without a name, which leaves nothing behind.
    """
    try:
        with tempfile.TemporaryFile(dir=_nearest(folder)):
            pass
    except OSError as error:
        to_do = "written to" if os.path.isdir(folder) else "made"
        raise FileError(f"The folder {folder} cannot be {to_do}: {reason_of(error)}.") from error


def check_file(file: Path) -> None:
    """Raise :class:`FileError` unless a file may be written to a place."""
    _refuse_other_things(file)
    check_folder(file.parent)


def _nearest(folder: Path) -> Path:
    """The folder itself, or the nearest above it that is there; raises what the system does."""
    try:
        folder.stat()
    except FileNotFoundError:
        # A link that leads nowhere would stand in the way of a folder.
        return folder if folder.is_symlink() else _nearest(folder.parent)
    return folder


def replace_file(path: Path, content: Content) -> None:
    """Write a file beside the old one and put it in its place, so that one of them is always whole.

    Raises :class:`FileError` when writing fails, as on a full disk.
    """
    replace_files(path.parent, {path.name: content})


def replace_files(folder: Path, files: Mapping[str, Content]) -> None:
    """Write files by name, and put them in the place of those before once every one is written.

    The folder is made if need be. A full disk, or a stop, leaves all that was there as it was; a
    process that is killed in the instant of the renames can leave new files beside old ones, each
    of them whole. Raises :class:`FileError` when writing fails.
    """
    made = not folder.exists()
    make_folder(folder)
    # What a link leads to is replaced, not the link.
    paths = [(folder / name).resolve() for name in files]
    fresh = {path: path.with_name(f".{path.name}.{os.getpid()}.new") for path in paths}
    path = folder
    try:
        for (path, beside), content in zip(fresh.items(), files.values(), strict=True):
            _refuse_other_things(path)
            _write(beside, content)
        for path, beside in fresh.items():
            os.replace(beside, path)
    except OSError as error:
        kept = " What was there before is kept." if path.is_file() else ""
        raise FileError(f"{path} could not be written: {reason_of(error)}.{kept}") from error
    finally:
        for beside in fresh.values():
            beside.unlink(missing_ok=True)
        if made:
            # Only an empty one goes.
            with contextlib.suppress(OSError):
                folder.rmdir()


def _refuse_other_things(path: Path) -> None:
    """Raise :class:`FileError` for what is there and no file, such as a folder or a device."""
    if path.is_dir():
        raise FileError(f"{path} cannot be written: a folder is in its way.")
    if path.exists() and not path.is_file():
        raise FileError(f"{path} cannot be written: it is no ordinary file.")


def _write(path: Path, content: Content) -> None:
    # Names of files need not be UTF-8, and are told in some of them.
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        # Some disks say that they are full, or fail, only now.
        os.fsync(file.fileno())
