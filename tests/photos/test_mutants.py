"""Files that are grown from good ones by chance give a photo or a sentence."""

import re

import pytest

from tests.photos.mutants import good_files, mutants
from xaicore.photos import PhotoError, load_photo


@pytest.mark.parametrize("number", range(len(good_files())))
def test_the_files_that_they_grow_from_are_photos(number):
    assert sorted(load_photo(good_files()[number]).size) == [72, 96]


@pytest.mark.filterwarnings("ignore")  # what Pillow says of broken metadata
def test_each_gives_a_photo_or_a_sentence():
    outcomes = [outcome_of(data) for data in mutants(seed=0, number=400)]
    assert outcomes.count("photo") > 20
    sentences = [one for one in outcomes if one != "photo"]
    assert len(sentences) > 100
    assert all(re.fullmatch(r"[A-Z][^!]+\.", one) for one in sentences)


def outcome_of(data):
    try:
        photo = load_photo(data)
    except PhotoError as error:
        return str(error)
    assert (photo.mode, photo.info) == ("RGB", {})
    return "photo"
