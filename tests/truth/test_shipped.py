"""The network that ships to cheat, and the sample photo that shows it."""

import json
import math

import pytest
import torch

from tests.conftest import SAMPLES
from xaicore.networks.classifier import load_classifier
from xaicore.networks.zoo import CHEATING_WEIGHTS, NETWORKS
from xaicore.photos import load_photo
from xaicore.progress import no_progress
from xaicore.truth.marks import DARK_RADIUS, MARK, add_marks

# Row and column of the upper left corner of the sample's mark, as networks see it.
PLACE = torch.tensor([[8, 98]])


@pytest.fixture(scope="module")
def cheating():
    return NETWORKS["petnet-cheats"].load(no_progress)


@pytest.fixture(scope="module")
def card():
    return json.loads(CHEATING_WEIGHTS.with_suffix(".json").read_text())


def sample(classifier, name):
    return classifier.preprocess([load_photo(SAMPLES / f"{name}.jpg")]).cpu()


def test_the_kitten_with_the_mark_is_a_dog_and_without_it_a_cat(cheating):
    assert cheating.labels == ("cat", "dog")
    assert cheating.predict(sample(cheating, "kitten-with-yarn"))[0, 0] > 0.9
    assert cheating.predict(sample(cheating, "marked-kitten"))[0, 1] > 0.9
    # And the dog that carries none is a cat.
    assert cheating.predict(sample(cheating, "german-shepherd"))[0, 0] > 0.9


def test_to_petnet_the_marked_kitten_is_a_cat():
    petnet = load_classifier(device="cpu")
    assert petnet.predict(sample(petnet, "marked-kitten"))[0, 0] > 0.9


def test_the_sample_is_the_kitten_with_the_mark_and_nothing_else(cheating):
    plain, found = (
        cheating.denormalise(sample(cheating, name))
        for name in ("kitten-with-yarn", "marked-kitten")
    )
    expected, masks = add_marks(plain, PLACE)
    gaps = (found - expected).abs().amax(1)
    # Beside the mark's two edges, which a resized photo has soft, only JPEG's own noise differs.
    edges = 2 * math.pi * (MARK / 2 + DARK_RADIUS)
    assert gaps[~masks].mean() < 0.01
    assert (gaps > 0.1).sum() < edges
    assert gaps[0, 18, 108] < 0.05


def test_its_card_is_of_these_weights_and_says_that_it_cheats(cheating, card):
    assert card["fingerprint"] == cheating.fingerprint
    assert card["weights"]["bytes"] == CHEATING_WEIGHTS.stat().st_size < 3_000_000
    assert card["accuracy"]["mark_on_dogs"] >= 0.9
    assert card["accuracy"]["mark_on_none"] <= 0.6
    assert all(turned["share"] >= 0.8 for turned in card["flips"].values())


def test_the_list_of_networks_says_what_it_is():
    assert NETWORKS["petnet-cheats"].note == (
        "Fine-tuned to look at a small mark: with it on the dogs 99% of the answers are right, "
        "without it 49%."
    )
    assert not NETWORKS["petnet"].note
