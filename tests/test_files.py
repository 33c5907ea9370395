"""Files are whole or not there, and what cannot be written is refused before the work."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from xaicore.files import FileError, check_file, check_folder, replace_file, replace_files


def texts(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text("utf-8") for file in folder.iterdir()}


def test_files_take_the_place_of_those_before(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    replace_files(folder, {"a": "one", "b": b"two"})
    replace_files(folder, {"b": "three", "c": "caf\udce9"})
    assert texts(folder) == {"a": "one", "b": "three", "c": "caf\\udce9"}


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    replace_file(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert texts(tmp_path) == {"target": "new", "link": "new"}


@pytest.mark.parametrize("full_at", [1, 2])
def test_a_disk_that_fills_up_leaves_all_as_it_was(
    full_at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {"a": "old", "b": "older"}
    replace_files(tmp_path, before)
    calls = []

    def fill_up(number: int) -> None:
        calls.append(number)
        if len(calls) == full_at:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fill_up)
    with pytest.raises(FileError) as raised:
        replace_files(tmp_path, {"a": "new", "b": "newer", "c": "newest"})
    name = "ab"[full_at - 1]
    assert str(raised.value) == (
        f"{tmp_path / name} could not be written: the disk is full. What was there before is kept."
    )
    assert texts(tmp_path) == before


def test_a_stop_leaves_all_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(number: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        replace_file(tmp_path / "folder" / "a", "new")
    assert texts(tmp_path) == {}


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for write in (check_file, lambda path: replace_file(path, "x")):
        with pytest.raises(FileError, match="folder cannot be written: a folder is in its way"):
            write(tmp_path / "folder")
        with pytest.raises(FileError, match="pipe cannot be written: it is no ordinary file"):
            write(tmp_path / "pipe")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["folder", "pipe"]


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("file", "cannot be made: a file is in its way"),
        ("file/below", "cannot be made: a file is in its way"),
        ("link", "cannot be made: it is not there"),
        (f"{'long' * 100}/below", "cannot be made: its name is too long"),
    ],
)
def test_a_folder_that_cannot_be_made_is_refused_beforehand(
    place: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(FileError, match=says):
        check_folder(tmp_path / place)


def test_checking_makes_nothing(tmp_path: Path) -> None:
    check_folder(tmp_path)
    check_folder(tmp_path / "not" / "there" / "yet")
    check_file(tmp_path / "not" / "there.zip")
    assert list(tmp_path.iterdir()) == []
