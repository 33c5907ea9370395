"""A model card that is damaged is told in a sentence, wherever it is read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.networks import sentence, status
from tests.tiny_pets import write_pets
from xaicore import ClassifierError, PetlensError, load_classifier
from xaicore.networks.cards import entry_of, read_card
from xaicore.networks.petnet_facts import BUNDLED_WEIGHTS


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return Path(shutil.copy(BUNDLED_WEIGHTS, tmp_path / "net.safetensors"))


def test_an_entry_is_found_by_the_names_that_lead_to_it(weights: Path) -> None:
    card = {"calibration": {"temperature": 1.5}, "labels": ["cat", "dog"]}
    weights.with_suffix(".json").write_text(json.dumps(card))
    assert read_card(weights) == card
    assert entry_of(weights, (int, float), "calibration", "temperature") == 1.5
    for kind, names in ((dict, ("labels",)), (list, ("labels", "cat")), (dict, ("training",))):
        with pytest.raises(ClassifierError, match=f"it has no {'.'.join(names)}"):
            entry_of(weights, kind, *names)


@pytest.mark.parametrize(
    ("card", "says"),
    [
        ("", "no readable model card"),
        ("[1, 2", "no readable model card"),
        ("[]", "no readable model card"),
        ("[" * 100_000, "no readable model card"),
        ("{}", "it has no data.dataset_mean"),
        ('{"data": 3}', "it has no data.dataset_mean"),
        ('{"data": {"dataset_mean": 0.5}}', "it has no data.dataset_mean"),
        ('{"data": {"dataset_mean": ["a", "b", "c"]}}', "dataset_mean is one number, or"),
        ('{"data": {"dataset_mean": []}}', "dataset_mean is one number, or"),
    ],
)
def test_weights_with_a_broken_card_are_refused(card: str, says: str, weights: Path) -> None:
    weights.with_suffix(".json").write_text(card)
    with pytest.raises(PetlensError, match=says):
        load_classifier(weights, "cpu")


def test_the_commands_that_read_a_card_say_what_it_lacks(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pets = write_pets(tmp_path / "pets")
    card = {"data": {"dataset_mean": [0.5, 0.5, 0.5]}, "calibration": {"temperature": "warm"}}
    weights.with_suffix(".json").write_text(json.dumps(card))
    assert status("card", "--data", pets, "--weights", weights, "--device", "cpu") == 2
    assert "it has no calibration.temperature" in sentence(capsys)
    Path(shutil.move(weights, tmp_path / "tells-0.safetensors"))
    (tmp_path / "tells-0.json").write_text("{}")
    chosen = ("--kind", "tells", "--seed", 0)
    assert status("plant", "--data", pets, "--out", tmp_path, *chosen) == 2
    assert "tells-0.json is damaged: it has no training.recipe" in sentence(capsys)
