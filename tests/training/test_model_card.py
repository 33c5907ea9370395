"""The card's figures are those of the weights beside it, each checked by counting another way."""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.bad_photos import BAD_PHOTOS
from tests.tiny_pets import COLOURS, NAMES, TINY, write_pets
from xaicore.files import FileError
from xaicore.networks.classifier import Classifier, ClassifierError
from xaicore.networks.petnet import LABELS, PetNet
from xaicore.photos import load_photo
from xaicore.training import model_card
from xaicore.training.dataset import find_photos
from xaicore.training.model_card import (
    FOLDER_RULE,
    SPLIT_RULE,
    finish,
    fold,
    measure,
    read_card,
    remeasure,
    score,
)
from xaicore.training.train import (
    CHECKPOINT,
    Trainer,
    TrainingError,
    averaged_net,
    load_checkpoint,
    save_checkpoint,
    train,
)

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_pets(tmp_path_factory.mktemp("pets"))
    (root / "PetImages" / "Cat" / "1.png").write_bytes(BAD_PHOTOS["cut.png"].data)
    (root / "PetImages" / "Dog" / "18.png").write_bytes(b"")
    return root


@pytest.fixture(scope="module")
def out(pets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the checkpoint of two epochs and what finishing it wrote."""
    folder = tmp_path_factory.mktemp("out")
    finish(train(pets, folder, replace(TINY, epochs=2), False, CPU), pets, folder, CPU)
    return folder


@pytest.fixture(scope="module")
def card(out: Path) -> dict[str, Any]:
    return read_card(out / "petnet.safetensors")


@pytest.fixture(scope="module")
def shipped(out: Path, card: dict[str, Any]) -> Classifier:
    net = PetNet(TINY.stages)
    net.load_state_dict(load_file(out / "petnet.safetensors"))
    return Classifier(net, device="cpu", dataset_mean=card["data"]["dataset_mean"])


def predictions(classifier: Classifier, pets: Path, split: str) -> dict[tuple[str, str], int]:
    """How often each class was taken for each, photo by photo."""
    counts = {(true, guess): 0 for true in LABELS for guess in LABELS}
    for folder, names in NAMES.items():
        for name in names[split]:
            path = pets / "PetImages" / folder / f"{name}.png"
            if path.stat().st_size:
                batch = classifier.preprocess([load_photo(path)])
                guess = LABELS[classifier.predict(batch)[0].argmax()]
                counts[folder.lower(), guess] += 1
    return counts


@pytest.mark.parametrize("split", ["validation", "test"])
def test_accuracy_and_confusion_are_those_of_the_shipped_weights(
    split: str, card: dict[str, Any], shipped: Classifier, pets: Path
) -> None:
    counts = predictions(shipped, pets, split)
    confusion = card["confusion"][split]
    assert {(t, g): confusion[t][g] for t in LABELS for g in LABELS} == counts
    right = {label: counts[label, label] for label in LABELS}
    photos = card["data"]["photos"][split]
    accuracy = card["accuracy"][split]
    assert accuracy["overall"] == pytest.approx(sum(right.values()) / sum(photos.values()))
    for label in LABELS:
        assert accuracy[label] == pytest.approx(right[label] / photos[label])


def test_photos_are_counted_by_split_and_class(card: dict[str, Any]) -> None:
    assert card["data"]["photos"] == {
        "train": {"cat": 7, "dog": 8},
        "validation": {"cat": 2, "dog": 2},
        "test": {"cat": 2, "dog": 1},
    }
    assert card["data"]["corrupt_files_skipped"] == {"train": 1, "validation": 0, "test": 1}


def test_the_card_tells_of_a_split_that_was_there(
    shipped: Classifier, card: dict[str, Any], pets: Path, tmp_path: Path
) -> None:
    assert card["data"]["split_rule"] == SPLIT_RULE
    # What would be training photos by their names.
    for part, names in {"val": (2, 3), "test": (4,), "Train": (5, 6, 7, 15)}.items():
        for label, name in itertools.product(("Cat", "Dog"), names):
            (tmp_path / part / label).mkdir(parents=True, exist_ok=True)
            photo = next((pets / "PetImages" / label).glob("*0.png"))
            shutil.copy(photo, tmp_path / part / label / f"{name}.png")
    data = measure(shipped, find_photos(tmp_path), 1.0)["data"]
    assert data["split_rule"] == FOLDER_RULE
    assert data["photos"] == {
        "train": {"cat": 4, "dog": 4},
        "validation": {"cat": 2, "dog": 2},
        "test": {"cat": 1, "dog": 1},
    }


def test_the_dataset_mean_is_that_of_the_training_photos(card: dict[str, Any]) -> None:
    mean = (7 * np.array(COLOURS["Cat"]) + 8 * np.array(COLOURS["Dog"])) / 15 / 255
    assert card["data"]["dataset_mean"] == pytest.approx(mean, abs=0.015)  # noise, clipped


def test_the_temperature_is_built_into_the_weights(
    card: dict[str, Any], shipped: Classifier, out: Path
) -> None:
    trained = averaged_net(load_checkpoint(out / CHECKPOINT))
    batch = torch.randn(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = trained(batch) / card["calibration"]["temperature"]
    torch.testing.assert_close(shipped.logits(batch), expected, rtol=1e-4, atol=1e-4)


def test_calibration_before_and_after_are_told_apart(
    card: dict[str, Any], shipped: Classifier, pets: Path
) -> None:
    scores = score(shipped, model_card.find_photos(pets), "test")
    probabilities = scores.logits.double().softmax(1).numpy()
    errors = card["calibration"]["expected_calibration_error"]["test"]
    confidence = probabilities.max(1)
    # Three photos, each alone in its bin or with another: the gaps add up bin by bin.
    bins = np.ceil(confidence * 15)
    right = probabilities.argmax(1) == scores.labels.numpy()
    gaps = [abs((right - confidence)[bins == place].sum()) for place in set(bins)]
    assert errors["after"] == pytest.approx(sum(gaps) / 3)
    assert errors["before"] != pytest.approx(errors["after"], abs=1e-6)
    highest = scores.logits.softmax(1).max().item()
    assert card["calibration"]["highest_float32_probability"] == pytest.approx(highest)


def test_the_card_names_its_weights(card: dict[str, Any], shipped: Classifier, out: Path) -> None:
    content = (out / "petnet.safetensors").read_bytes()
    assert card["weights"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert card["weights"]["bytes"] == len(content)
    assert card["fingerprint"] == shipped.fingerprint
    assert card["cost"]["parameters"] == sum(w.numel() for w in shipped.net.parameters())


def test_the_cost_is_worked_by_hand(card: dict[str, Any]) -> None:
    """Two operations a multiply-add: 3×3 convolutions at 128, 64, 32, 16, 8, and the last layer."""
    side, channels, operations = 128, 3, 0
    for stage in TINY.stages:
        for width in stage:
            operations += 2 * 9 * channels * width * side**2
            channels = width
        side //= 2
    operations += 2 * channels * len(LABELS)
    assert card["cost"]["gflop"] == pytest.approx(operations / 1e9)


def test_the_card_tells_how_it_was_trained(card: dict[str, Any]) -> None:
    training = card["training"]
    assert (training["epochs"], training["seed"], training["device"]) == (2, 0, "cpu")
    assert training["recipe"]["learning_rate"] == TINY.learning_rate
    assert training["recipe"]["stages"] == [list(stage) for stage in TINY.stages]


def test_measuring_again_gives_the_same_card(
    card: dict[str, Any],
    shipped: Classifier,
    out: Path,
    pets: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model_card, "load_classifier", lambda weights, device: shipped)
    path = out / "petnet.json"
    written = path.read_text()
    spoilt = {**card, "accuracy": {}, "confusion": {}, "fingerprint": "", "cost": {}}
    path.write_text(json.dumps(spoilt))
    remeasure(out / "petnet.safetensors", pets, out / "petnet.json", CPU)
    assert json.loads(path.read_text()) == json.loads(written)


def test_weights_without_a_card_cannot_be_measured_again(tmp_path: Path) -> None:
    with pytest.raises(ClassifierError, match="no readable model card"):
        read_card(tmp_path / "petnet.safetensors")
    (tmp_path / "petnet.json").write_text("{")
    with pytest.raises(ClassifierError, match="no readable model card"):
        read_card(tmp_path / "petnet.safetensors")


def test_a_network_that_does_not_fold_is_not_shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    net = PetNet(TINY.stages, batch_norm=True).eval()
    assert fold(net).state_dict().keys() == PetNet(TINY.stages).state_dict().keys()
    other = PetNet(TINY.stages).eval()
    monkeypatch.setattr(net, "fold", lambda: other)
    with pytest.raises(TrainingError, match="Folding batch norm moved an output"):
        fold(net)


def test_a_full_disk_keeps_the_old_weights(
    pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill_the_disk(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    save_checkpoint(tmp_path / CHECKPOINT, Trainer(TINY, CPU).state())
    weights = tmp_path / "petnet.safetensors"
    weights.write_bytes(b"old weights")
    monkeypatch.setattr(os, "fsync", fill_the_disk)
    with pytest.raises(FileError, match=r"the disk is full\. What was there before is kept"):
        finish(tmp_path / CHECKPOINT, pets, tmp_path, CPU)
    assert weights.read_bytes() == b"old weights"
    assert sorted(file.name for file in tmp_path.iterdir()) == [CHECKPOINT, weights.name]
