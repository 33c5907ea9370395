"""What the names of folders and files say of the photos in them."""

from __future__ import annotations

import pytest

from xaicore.training.naming import is_litter, label_of, part_of


@pytest.mark.parametrize(
    ("name", "root", "label"),
    [
        ("Cat/1.jpg", "", "cat"),
        ("dogs/1.jpg", "", "dog"),
        ("CATS/2019/summer/1.jpg", "", "cat"),
        ("Cat/from the dog's owner/dogs/1.jpg", "", "dog"),
        (" Dog /1.jpg", "", "dog"),
        ("1.jpg", "Cats", "cat"),
        ("dog/1.jpg", "Cats", "dog"),
        ("../../Cat/1.jpg", "", "cat"),
        ("/Dog/2.jpg", "", "dog"),
        ("train/cat.0.jpg", "", "cat"),
        ("train/Dog_12.JPG", "", "dog"),
        ("cats (3).png", "", "cat"),
        ("dog12.png", "", "dog"),
        ("cat.jpg", "", "cat"),
        ("dog.0.jpg", "Cat", "cat"),
        ("catalogue.1.jpg", "", None),
        ("hotdog.1.jpg", "", None),
        ("dogma/1.jpg", "", None),
        ("cat-and-dog.jpg", "", None),
        ("1.cat.jpg", "", None),
        ("holiday/1.jpg", "pictures", None),
        ("cat", "", "cat"),
        ("ni\udcf1o.jpg", "\udcf1", None),
    ],
)
def test_a_class_is_told_by_folders_then_the_root_then_the_file(
    name: str, root: str, label: str | None
) -> None:
    assert label_of(name, root) == label


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("train/Cat/1.jpg", "train"),
        ("Cat/Validation/1.jpg", "validation"),
        ("val/cat.1.jpg", "validation"),
        ("data/TEST/deep/1.jpg", "test"),
        ("train/test/1.jpg", "test"),
        ("test.jpg", None),
        ("latest/1.jpg", None),
        ("Cat/1.jpg", None),
    ],
)
def test_a_part_is_told_by_the_nearest_folder(name: str, part: str | None) -> None:
    assert part_of(name) == part


@pytest.mark.parametrize(
    "name",
    [
        ".hidden.jpg",
        "Cat/.ipynb_checkpoints/1-checkpoint.jpg",
        ".git/objects/3.jpg",
        "__MACOSX/Cat/._1.jpg",
        "Cat/@eaDir/1.jpg/SYNOPHOTO_THUMB_M.jpg",
        "$RECYCLE.BIN/4.jpg",
        "System Volume Information/5.jpg",
        "lost+found/6.jpg",
    ],
)
def test_what_is_hidden_or_the_system_s_is_litter_on_any_level(name: str) -> None:
    assert is_litter(name)
    assert not is_litter("Cat/1.jpg")
    assert not is_litter("../Cat/./1.jpg")
