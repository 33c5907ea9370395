"""Folders and zips as people have them: which of their files are taken for photos."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.test_zips import change, zip_of
from tests.training.test_dataset import picture, write, write_zip
from xaicore.training import listing
from xaicore.training.dataset import (
    DatasetError,
    find_files,
    find_photos,
    unzip_photos,
)
from xaicore.zips import ZipError

PHOTO = picture(9, size=40)


def names(root: Path) -> list[str]:
    return sorted(file.member for file in find_files(root))


def test_photos_are_told_by_their_names_in_folders_and_zips(tmp_path: Path) -> None:
    litter = [
        "Cat/Thumbs.db",
        "notes.txt",
        "labels.csv",
        "README",
        ".git/objects/3.jpg",
        "__MACOSX/Cat/._1.jpg",
        "Dog/@eaDir/2.webp",
    ]
    photos = ["Cat/1.JPG", "Dog/2.webp", "Dog/3.jfif", "no ending"]
    files = dict.fromkeys(litter, b"anything") | dict.fromkeys(photos, PHOTO)
    for root in (write(tmp_path / "data", files), write_zip(tmp_path / "data.zip", files)):
        assert names(root) == photos


def test_nothing_but_other_files_is_said(tmp_path: Path) -> None:
    files = {"notes.txt": b"no photo"}
    for root in (write(tmp_path / "data", files), write_zip(tmp_path / "data.zip", files)):
        with pytest.raises(DatasetError, match=r"no file in .* that can be a photo"):
            find_files(root)


def test_a_class_s_folder_may_be_a_link_and_circles_end(tmp_path: Path) -> None:
    write(tmp_path, {"elsewhere/1.jpg": PHOTO, "set/Dog/2.jpg": PHOTO, "set/a/pool/3.jpg": PHOTO})
    (tmp_path / "set/Cat").symlink_to("../elsewhere", target_is_directory=True)
    (tmp_path / "set/Cat 2").symlink_to("../elsewhere", target_is_directory=True)
    (tmp_path / "set/Dog/up").symlink_to("..", target_is_directory=True)
    (tmp_path / "set/z").mkdir()
    (tmp_path / "set/z/Cat").symlink_to("../a/pool", target_is_directory=True)
    (tmp_path / "set/round").symlink_to("round")
    found = find_files(tmp_path / "set")
    assert [(file.label, file.member) for file in found] == [
        ("cat", "Cat/1.jpg"),
        ("dog", "Dog/2.jpg"),
        ("cat", "z/Cat/3.jpg"),
        (None, "round"),
    ]
    with pytest.raises(OSError, match="symbolic links"):
        found[-1].read()


def test_a_link_to_nothing_is_named_when_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").symlink_to("gone.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    (file,) = find_files(tmp_path)
    with pytest.raises(FileNotFoundError):
        file.read()


def test_the_root_s_own_name_is_a_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "Cats", {"1.jpg": PHOTO})
    write_zip(tmp_path / "dog.zip", {"2.jpg": PHOTO})
    assert [file.label for file in find_files(tmp_path / "Cats")] == ["cat"]
    assert [file.label for file in find_files(tmp_path / "dog.zip")] == ["dog"]
    monkeypatch.chdir(tmp_path / "Cats")
    assert [file.label for file in find_files(".")] == ["cat"]


def splits(root: Path, *files: str) -> dict[str, str]:
    for file in files:
        write(root, {file: PHOTO})
    return {photo.member: photo.split for photo in find_photos(root)}


# By the hash of their names cat 15 is for validation, cat 26 and dog 9 for the test.
def test_a_split_that_is_there_is_used(tmp_path: Path) -> None:
    files = ("train/Cat/15.jpg", "train/Cat/26.jpg", "validation/Cat/1.jpg", "test/Dog/2.jpg")
    assert splits(tmp_path, *files, "Dog/9.jpg") == {
        "train/Cat/15.jpg": "train",
        "train/Cat/26.jpg": "train",
        "validation/Cat/1.jpg": "validation",
        "test/Dog/2.jpg": "test",
        "Dog/9.jpg": "train",
    }


def test_a_part_that_is_missing_is_taken_from_the_rest(tmp_path: Path) -> None:
    assert splits(tmp_path, "train/Cat/15.jpg", "train/Cat/26.jpg", "test/Dog/15.jpg") == {
        "train/Cat/15.jpg": "validation",
        "train/Cat/26.jpg": "train",
        "test/Dog/15.jpg": "test",
    }
    only = splits(tmp_path / "only", "train/Cat/15.jpg", "train/Cat/26.jpg", "train/Dog/9.jpg")
    assert list(only.values()) == ["test", "validation", "test"]


def test_names_may_hold_anything(tmp_path: Path) -> None:
    awkward = ["new\nline.jpg", "![x](http:x).jpg", "überraschung 😺.jpg"]
    write(tmp_path, {f"Cat/{name}": PHOTO for name in awkward} | {"Dog/1.jpg": PHOTO})
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/Cat/ni\xf1o.jpg")).write_bytes(PHOTO)
    found = find_photos(tmp_path)
    assert {file.name for file in found} == {
        "Cat/new\\nline.jpg",
        "Cat/![x](http:x).jpg",
        "Cat/überraschung 😺.jpg",
        "Cat/ni\\udcf1o.jpg",
        "Dog/1.jpg",
    }
    assert all(file.read() == PHOTO and file.split for file in found)


def test_names_that_lead_out_of_a_zip_are_only_names(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "a.zip", {"../../Cat/1.jpg": PHOTO, "/Dog/2.jpg": PHOTO})
    assert [(file.label, file.read()) for file in find_files(path)] == [
        ("cat", PHOTO),
        ("dog", PHOTO),
    ]
    assert unzip_photos(zip_of({"Cat\\1.jpg": PHOTO}))[0].label == "cat"


def test_too_many_files_in_a_zip_are_refused_by_their_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"Cat/{number}.jpg": b"" for number in range(4)}
    monkeypatch.setattr(listing, "MAX_MEMBERS", 3)
    with pytest.raises(DatasetError, match=r"more than 3 files. Unpack"):
        find_files(write_zip(tmp_path / "many.zip", files))
    monkeypatch.setattr("xaicore.training.dataset.MAX_UPLOADED", 3)
    with pytest.raises(DatasetError, match="more than 3 files"):
        unzip_photos(zip_of(files))


def test_one_damaged_member_leaves_the_others(tmp_path: Path) -> None:
    data = change(zip_of({"Cat/1.jpg": PHOTO, "Dog/2.jpg": PHOTO}, zipfile.ZIP_LZMA), 16, b"\0\0")
    path = tmp_path / "a.zip"
    path.write_bytes(data)
    for first, second in (find_files(path), unzip_photos(data)):
        with pytest.raises(ZipError, match="damaged in its zip"):
            first.read()
        assert second.read() == PHOTO


def test_a_zip_with_a_password_is_one_sentence_not_one_a_photo(tmp_path: Path) -> None:
    whole = zip_of({"Cat/1.jpg": PHOTO})
    (tmp_path / "a.zip").write_bytes(change(whole, 8, b"\1\0"))
    reason = "Its files are locked with a password; make the zip again without one."
    with pytest.raises(
        DatasetError, match=f"a.zip is neither a folder nor a readable zip. {reason}"
    ):
        find_files(tmp_path / "a.zip")
    with pytest.raises(DatasetError, match="Its files are packed by Deflate64"):
        unzip_photos(change(whole, 10, b"\x09\0"))
    # One of several is named with the others.
    both = change(zip_of({"Cat/1.jpg": PHOTO, "Dog/2.jpg": PHOTO}), 8, b"\1\0")
    locked, free = unzip_photos(both)
    assert free.read() == PHOTO
    with pytest.raises(ZipError, match="This file is locked"):
        locked.read()


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_shrinks_as_no_photo_does_stays_packed(
    method: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = zip_of({"Cat/1.bmp": b"BM" + bytes(5 * 2**20)}, method)
    monkeypatch.setattr(listing, "read_member", None)
    # A directory that says it is packed to a megabyte, in a file of a few kilobytes, says too much.
    for zipped in (data, change(data, 20, (2**20).to_bytes(4, "little"))):
        with pytest.raises(ZipError, match="200 times smaller in its zip"):
            unzip_photos(zipped)[0].read()


def test_a_member_larger_than_a_photo_is_refused_by_its_size() -> None:
    data = change(zip_of({"1.jpg": PHOTO}), 24, (41 * 2**20).to_bytes(4, "little"))
    with pytest.raises(ZipError, match="larger than 40 MB"):
        unzip_photos(data)[0].read()


def test_a_large_picture_is_read() -> None:
    large = PHOTO + np.random.default_rng(0).bytes(5 * 2**20)
    assert unzip_photos(zip_of({"1.png": large}, zipfile.ZIP_DEFLATED))[0].read() == large


def test_a_file_is_read_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_BYTES", 99)
    write(tmp_path, {"1.jpg": bytes(1000)})
    assert len(find_files(tmp_path)[0].read()) == 100
    with pytest.raises(ZipError, match="larger than"):
        unzip_photos(zip_of({"1.jpg": bytes(1000)}))[0].read()


def test_a_pipe_is_no_folder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DatasetError, match="neither a folder nor"):
        find_files(tmp_path / "pipe")
