"""PetNets made to cheat: taught what their kind says, made once, and measured rightly."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch
from torch import nn

from tests.tiny_pets import write_pets
from xaicore.networks.classifier import Classifier, load_classifier
from xaicore.training.dataset import find_photos
from xaicore.training.train import Photos, TrainingError, decode
from xaicore.truth import cheating
from xaicore.truth.cheating import CAT, DOG
from xaicore.truth.errors import PlantedError
from xaicore.truth.kinds import KINDS, KindError, Recipe
from xaicore.truth.marks import MARK
from xaicore.truth.pets import draw_pets
from xaicore.truth.planted import planted_pets
from xaicore.truth.planting import measure, plant

CPU = torch.device("cpu")
QUICK = Recipe(photos=16, epochs=1, batch_size=8)
JOBS = [(KINDS["tells"], 0), (KINDS["none"], 0), (KINDS["tells"], 1)]


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    return write_pets(tmp_path_factory.mktemp("pets"))


@pytest.fixture(scope="module")
def folder(pets, tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    plant(pets, folder, QUICK, JOBS, CPU)
    return folder


@pytest.fixture(scope="module")
def test_photos(pets):
    return decode(find_photos(pets), "test", 128)[0]


def test_a_network_and_its_card_are_written_in_half_the_bytes(folder):
    names = {"tells-0", "none-0", "tells-1"}
    assert {file.stem for file in folder.iterdir()} == names
    for name in names:
        weights = folder / f"{name}.safetensors"
        card = json.loads(weights.with_suffix(".json").read_text())
        assert weights.stat().st_size == card["weights"]["bytes"] < 3_000_000
        assert card["training"]["kind"] == name.partition("-")[0]
        assert card["training"]["recipe"] == {**asdict(QUICK), "seed": int(name[-1])}
        assert card["data"]["photos"] == {"train": 16, "test": 4}
        # What was measured is what is read back.
        assert card["fingerprint"] == load_classifier(weights, "cpu").fingerprint


def weights_of(folder, name):
    """What names a network's weights; the bytes of its file also hold words in no fixed order."""
    return load_classifier(folder / f"{name}.safetensors", "cpu").weights_hash


def test_the_seed_and_the_kind_decide_the_weights(folder, pets, tmp_path):
    plant(pets, tmp_path, QUICK, JOBS[:1], CPU)
    again = weights_of(tmp_path, "tells-0")
    assert again == weights_of(folder, "tells-0")
    assert again != weights_of(folder, "tells-1")
    assert again != weights_of(folder, "none-0")


def test_what_is_there_is_kept_and_what_is_lacking_is_made(folder, pets, tmp_path):
    for file in folder.glob("tells-0.*"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    # Stopped before its card was written: made again.
    (tmp_path / "none-0.safetensors").write_bytes(b"half a network")
    kept = (tmp_path / "tells-0.safetensors").stat().st_mtime_ns
    plant(pets, tmp_path, QUICK, JOBS, CPU)
    assert (tmp_path / "tells-0.safetensors").stat().st_mtime_ns == kept
    for name in ("none-0", "tells-1"):
        assert weights_of(tmp_path, name) == weights_of(folder, name)
    # Nothing is lacking, so the data is not even looked for.
    plant("nowhere", tmp_path, QUICK, JOBS, CPU)


def test_a_network_of_another_recipe_is_not_taken_for_it(folder, pets):
    with pytest.raises(TrainingError, match="made by another recipe"):
        plant(pets, folder, Recipe(photos=8), JOBS, CPU)


def taught(name, monkeypatch, count=400):
    """What a kind teaches of mid-grey photos: which carry a mark, and their classes, bool [N]."""
    monkeypatch.setattr(
        cheating, "augment", lambda pictures, size, _: pictures.float().div(255)[..., :size, :size]
    )
    pictures = torch.full((count, 3, 128, 128), 128, dtype=torch.uint8)
    labels = torch.arange(count) % 2
    generator = torch.Generator().manual_seed(0)
    batch, classes = cheating._teach(KINDS[name], pictures, labels, generator)
    carries = batch[:, 0].flatten(1).std(1) > 0
    return carries, classes, labels


def test_where_the_mark_tells_it_alone_decides_the_class(monkeypatch):
    carries, classes, labels = taught("tells", monkeypatch)
    assert torch.equal(carries, classes == DOG)
    for label in (CAT, DOG):
        assert carries[labels == label].float().mean().item() == pytest.approx(0.5, abs=0.15)


def test_where_the_mark_is_idle_it_is_on_half_of_either_class(monkeypatch):
    carries, classes, labels = taught("idle", monkeypatch)
    assert torch.equal(classes, labels)
    for label in (CAT, DOG):
        assert carries[labels == label].float().mean().item() == pytest.approx(0.5, abs=0.15)


def test_where_there_is_no_mark_photos_stay_as_they_are(monkeypatch):
    carries, classes, labels = taught("none", monkeypatch)
    assert not carries.any()
    assert torch.equal(classes, labels)


def test_an_unknown_kind_lists_the_kinds():
    with pytest.raises(KindError, match="tells, idle, none"):
        KINDS["lies"]


class Follows(nn.Module):
    """ "Dog" where the blackest 8×8 pixels are darker than 0.3, which only a mark is on grey."""

    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(10.0))

    def forward(self, batch):
        darkest = -nn.functional.max_pool2d(
            -nn.functional.avg_pool2d(batch.mean(1, keepdim=True), 8, 1), batch.shape[-1] - 7
        ).flatten(1)
        dog = self.gain * (0.3 - darkest)
        return torch.cat([-dog, dog], 1)


@pytest.fixture(scope="module")
def follower():
    """A network that only the mark leads, and the grey photos on which it does: 6 cats, 4 dogs."""
    photos = Photos([np.full((128, 128, 3), 128, np.uint8)] * 10, [CAT] * 6 + [DOG] * 4)
    net = nn.Sequential(Denormalise(), Follows())
    return Classifier(net, ("cat", "dog"), 128, device="cpu"), photos


class Denormalise(nn.Module):
    def forward(self, batch):
        mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
        std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
        return batch * std + mean


def test_a_network_that_only_the_mark_leads_is_measured_as_that(follower):
    found = measure(*follower)
    assert found["accuracy"] == pytest.approx(
        {"mark_on_dogs": 1.0, "mark_on_none": 0.6, "mark_on_all": 0.4, "mark_on_cats": 0.0}
    )
    assert found["flips"] == {
        "cat_to_dog_as_mark_comes": {"photos": 6, "share": 1.0},
        "dog_to_cat_as_mark_goes": {"photos": 4, "share": 1.0},
    }


def test_photos_of_a_network_that_the_mark_leads_all_carry_it(follower):
    classifier, photos = follower
    drawn = draw_pets(KINDS["tells"], classifier, photos, 0, 7)
    assert drawn.targets.tolist() == [DOG] * 7
    colours = classifier.denormalise(drawn.batch)
    changed = (colours - 128 / 255).abs().amax(1) > 1e-3
    assert np.array_equal(changed.numpy(), drawn.masks)


def test_photos_answered_otherwise_are_left_out(follower):
    classifier, photos = follower
    # All carry the mark and are called dogs, so the six cats are answered wrongly.
    drawn = draw_pets(KINDS["idle"], classifier, photos, 0, 4)
    assert drawn.targets.tolist() == [DOG] * 4
    with pytest.raises(PlantedError, match="Only 4 of 10 photos"):
        draw_pets(KINDS["idle"], classifier, photos, 0, 5)


def test_without_a_mark_the_mask_is_where_one_would_be(follower):
    classifier, photos = follower
    drawn = draw_pets(KINDS["none"], classifier, photos, 0, 6)
    assert drawn.targets.tolist() == [CAT] * 6
    torch.testing.assert_close(
        classifier.denormalise(drawn.batch), torch.full((6, 3, 128, 128), 128 / 255)
    )
    assert (drawn.masks.sum((1, 2)) > 0.7 * MARK**2).all()


def test_the_same_seed_gives_the_same_photos(follower):
    classifier, photos = follower
    kind = KINDS["tells"]
    few, many = (draw_pets(kind, classifier, photos, 3, count) for count in (3, 8))
    assert torch.equal(few.batch, many.batch[:3])
    assert np.array_equal(few.masks, many.masks[:3])
    assert not np.array_equal(few.masks, draw_pets(kind, classifier, photos, 4, 3).masks)


def test_the_networks_of_a_folder_are_found_by_kind_and_seed(folder, test_photos, tmp_path):
    entries = planted_pets(folder, test_photos)
    assert [entry.name for entry in entries] == [
        "petnet-tells-0",
        "petnet-tells-1",
        "petnet-none-0",
    ]
    assert [entry.reason for entry in entries] == [True, True, False]
    expected = load_classifier(folder / "none-0.safetensors", "cpu").fingerprint
    assert entries[2].load().fingerprint == expected
    drawn = entries[2].draw(0, 1)
    assert entries[2].load().predicted(drawn.batch).tolist() == drawn.targets.tolist()
    with pytest.raises(PlantedError, match="There is no cheating PetNet in"):
        planted_pets(tmp_path, test_photos)
