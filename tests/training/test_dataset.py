"""Photos are found, told apart and read the same from a folder, a zip, and in any format."""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.bad_photos import BAD_PHOTOS, encode
from xaicore.training.dataset import DatasetError, find_photos, read_photos, split_of


def write(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def picture(value: int, picture_format: str = "PNG", size: int = 8) -> bytes:
    return encode(Image.new("RGB", (size, size), (value, value, value)), picture_format)


@pytest.mark.parametrize(
    ("label", "stem", "split"),
    [
        ("cat", "0", "train"),
        ("cat", "15", "validation"),
        ("cat", "26", "test"),
        ("dog", "0", "validation"),
        ("dog", "1", "train"),
        ("dog", "9", "test"),
    ],
)
def test_the_split_never_moves(label: str, stem: str, split: str) -> None:
    assert split_of(label, stem) == split


def test_the_split_is_near_80_10_10_in_each_class() -> None:
    for label in ("cat", "dog"):
        shares = Counter(split_of(label, str(number)) for number in range(12_500))
        assert shares["train"] == pytest.approx(10_000, abs=150)
        assert shares["validation"] == pytest.approx(1_250, abs=100)
        assert shares["test"] == pytest.approx(1_250, abs=100)


def test_the_split_does_not_depend_on_the_format(tmp_path: Path) -> None:
    names = [f"{label}/{number}" for label in ("Cat", "Dog") for number in range(30)]
    jpeg = find_photos(write(tmp_path / "a", {f"{name}.jpg": b"" for name in names}))
    webp = find_photos(write(tmp_path / "b", {f"{name}.webp": b"" for name in names}))
    assert len(jpeg) == 60
    assert len({file.split for file in jpeg}) == 3
    assert [(f.label, f.stem, f.split) for f in jpeg] == [(f.label, f.stem, f.split) for f in webp]


def test_folder_and_zip_give_the_same_photos_in_the_same_order(tmp_path: Path) -> None:
    files = {
        "PetImages/Dog/10.png": picture(40),
        "PetImages/Dog/9.webp": picture(30, "WEBP"),
        "PetImages/Cat/9.png": picture(20),
        "PetImages/Cat/10.jpg": picture(50, "JPEG"),
        "PetImages/readme.txt": b"about cats and dogs",
    }
    folder = write(tmp_path / "data", files)
    archive = write_zip(tmp_path / "data.zip", files)
    for root in (folder, folder / "PetImages", archive):
        found = find_photos(root)
        assert [(f.label, f.stem) for f in found] == [
            ("cat", "9"), ("dog", "9"), ("cat", "10"), ("dog", "10")
        ]  # fmt: skip
        values = [round(np.asarray(photo).mean()) for _, photo in read_photos(found) if photo]
        assert values == [20, 30, 50, 40]


def test_photos_are_resized_only_when_asked(tmp_path: Path) -> None:
    files = find_photos(
        write(tmp_path, {"Cat/1.png": picture(9), "Dog/1.png": picture(9, size=20)})
    )
    assert [photo.size for _, photo in read_photos(files) if photo] == [(8, 8), (20, 20)]
    assert [photo.size for _, photo in read_photos(files, 16) if photo] == [(16, 16), (16, 16)]


def test_corrupt_files_are_none_in_their_place(tmp_path: Path) -> None:
    files = {
        "Cat/1.png": picture(1),
        "Cat/2.png": BAD_PHOTOS["cut.png"].data,
        "Cat/3.jpg": b"",
        "Cat/notes.txt": b"not a picture, but among the cats",
        "Dog/1.png": picture(2),
    }
    for root in (write(tmp_path / "data", files), write_zip(tmp_path / "data.zip", files)):
        read = {(file.label, file.stem): photo for file, photo in read_photos(find_photos(root))}
        # What is no photo by its name is not among them.
        assert len(read) == 4
        assert [key for key, photo in read.items() if photo is None] == [("cat", "2"), ("cat", "3")]


def test_a_zip_damaged_inside_gives_none(tmp_path: Path) -> None:
    data = picture(7)
    path = write_zip(tmp_path / "data.zip", {"Cat/1.png": data, "Dog/1.png": picture(8)})
    path.write_bytes(path.read_bytes().replace(data, bytes(len(data))))
    assert [photo is None for _, photo in read_photos(find_photos(path))] == [True, False]


def test_litter_of_the_system_is_not_a_photo(tmp_path: Path) -> None:
    files = {
        "PetImages/Cat/1.png": picture(1),
        "PetImages/Cat/Thumbs.db": b"windows",
        "PetImages/Cat/.DS_Store": b"mac",
        "PetImages/Dog/1.png": picture(1),
        "PetImages/Dog/desktop.ini": b"windows",
        "__MACOSX/PetImages/Cat/._1.png": b"mac",
    }
    found = find_photos(write_zip(tmp_path / "data.zip", files))
    assert [file.member for file in found] == ["PetImages/Cat/1.png", "PetImages/Dog/1.png"]


def test_a_missing_class_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no file in a folder named Dog"):
        find_photos(write(tmp_path / "cats", {"Cat/1.png": picture(1)}))
    (tmp_path / "cats" / "Dog").mkdir()
    with pytest.raises(DatasetError, match="no file in a folder named Dog"):
        find_photos(tmp_path / "cats")


def test_a_wrong_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="There is nothing at"):
        find_photos(tmp_path / "missing")
    text = write(tmp_path, {"notes.zip": b"no zip at all"}) / "notes.zip"
    with pytest.raises(DatasetError, match="neither a folder nor a readable zip"):
        find_photos(text)
