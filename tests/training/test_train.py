"""Training can be stopped, resumed and repeated to the bit, and never loses a checkpoint."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.bad_photos import BAD_PHOTOS
from tests.tiny_pets import TINY, write_pets
from xaicore.files import FileError
from xaicore.training import train as training
from xaicore.training.dataset import DatasetError, find_photos
from xaicore.training.train import (
    CHECKPOINT,
    FilterMatrices,
    Recipe,
    Trainer,
    TrainingError,
    averaged_net,
    decode,
    load_checkpoint,
    save_checkpoint,
    saved_recipe,
    train,
)

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pets(tmp_path_factory.mktemp("pets"))


@pytest.fixture(scope="module")
def undisturbed(pets: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The state that three epochs end in."""
    return load_checkpoint(train(pets, tmp_path_factory.mktemp("run"), TINY, False, CPU))


def tensors(state: Any) -> Iterator[torch.Tensor]:
    """Every tensor of a nested state, in a fixed order."""
    if isinstance(state, torch.Tensor):
        yield state
    elif isinstance(state, dict):
        for value in state.values():
            yield from tensors(value)
    elif isinstance(state, list | tuple):
        for value in state:
            yield from tensors(value)


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    pairs = zip(tensors(one), tensors(other), strict=True)
    return all(torch.equal(first, second) for first, second in pairs)


def test_a_run_stopped_amid_an_epoch_resumes_to_the_same_weights(
    pets: Path, undisturbed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def stop_at_the_sixth_batch(*arguments: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise KeyboardInterrupt
        return training_augment(*arguments)

    training_augment = training.augment
    monkeypatch.setattr(training, "augment", stop_at_the_sixth_batch)
    with pytest.raises(KeyboardInterrupt):
        train(pets, tmp_path, TINY, False, CPU)
    assert load_checkpoint(tmp_path / CHECKPOINT)["epoch"] == 1
    monkeypatch.undo()
    torch.rand(7)  # the global random numbers of another process are elsewhere
    resumed = load_checkpoint(train(pets, tmp_path, TINY, True, CPU))
    assert resumed["epoch"] == 3
    assert same(resumed, undisturbed)


def test_the_seed_decides_everything(
    pets: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    again = load_checkpoint(train(pets, tmp_path / "again", TINY, False, CPU))
    other = load_checkpoint(train(pets, tmp_path / "other", replace(TINY, seed=1), False, CPU))
    assert same(again, undisturbed)
    assert not same(other["net"], undisturbed["net"])


def test_resuming_with_more_epochs_follows_the_new_schedule(
    pets: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    save_checkpoint(tmp_path / CHECKPOINT, undisturbed)
    longer = replace(saved_recipe(undisturbed), epochs=4)
    state = load_checkpoint(train(pets, tmp_path, longer, True, CPU))
    assert state["epoch"] == 4
    assert saved_recipe(state) == longer
    # The last of the 4 batches of the fourth of 4 epochs began at 15/16 of the run.
    rate = state["optimisers"][0]["param_groups"][0]["lr"]
    assert rate == pytest.approx(longer.learning_rate * (1 / 16) / longer.cooldown)


def test_training_learns(pets: Path) -> None:
    recipe = replace(TINY, epochs=12, small_share=0.0, average_decay=0.8)
    files = find_photos(pets)
    trainer = Trainer(recipe, CPU)
    photos, _ = decode(files, "train")
    losses = [trainer.run_epoch(photos) for _ in range(recipe.epochs)]
    assert losses[-1] < 0.6 * losses[0]
    assert trainer.accuracy(photos) > 0.75


def test_the_checkpoint_holds_the_averaged_network(undisturbed: dict[str, Any]) -> None:
    net = averaged_net(undisturbed)
    assert not net.training
    weight = net.state_dict()["model.0.weight"]
    assert torch.equal(weight, undisturbed["average"]["module.model.0.weight"])
    assert not torch.equal(weight, undisturbed["net"]["model.0.weight"])


def test_a_full_disk_keeps_the_last_checkpoint(
    pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saves = 0

    def fill_the_disk(number: int) -> None:
        nonlocal saves
        saves += 1
        if saves == 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fill_the_disk)
    with pytest.raises(FileError, match=r"the disk is full\. What was there before is kept"):
        train(pets, tmp_path, TINY, False, CPU)
    assert [file.name for file in tmp_path.iterdir()] == [CHECKPOINT]
    assert load_checkpoint(tmp_path / CHECKPOINT)["epoch"] == 1


def test_an_earlier_run_is_not_overwritten(pets: Path, tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes(b"hours of work")
    with pytest.raises(TrainingError, match="holds an earlier run"):
        train(pets, tmp_path, TINY, False, CPU)
    assert (tmp_path / CHECKPOINT).read_bytes() == b"hours of work"


def test_checkpoints_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    path = tmp_path / CHECKPOINT
    with pytest.raises(TrainingError, match="There is no checkpoint at"):
        load_checkpoint(path)
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(TrainingError, match="is damaged"):
        load_checkpoint(path)
    torch.save({"weights": torch.zeros(2)}, path)
    with pytest.raises(TrainingError, match="is not a checkpoint of"):
        load_checkpoint(path)


def test_a_checkpoint_runs_no_code(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return Path.touch, (tmp_path / "sprung",)

    torch.save({"recipe": Trap(), "net": {}, "average": {}}, tmp_path / CHECKPOINT)
    with pytest.raises(TrainingError):
        load_checkpoint(tmp_path / CHECKPOINT)
    assert not (tmp_path / "sprung").exists()


def test_a_class_without_a_whole_photo_is_named_before_training(tmp_path: Path) -> None:
    root = write_pets(tmp_path / "pets")
    cats = root / "PetImages" / "Cat"
    (cats / "26.png").unlink()
    (cats / "37.png").unlink()
    with pytest.raises(DatasetError, match="No readable cat falls in the test part"):
        train(root, tmp_path / "run", TINY, False, CPU)
    for photo in cats.iterdir():
        photo.write_bytes(BAD_PHOTOS["cut.png"].data)
    with pytest.raises(DatasetError, match="No readable cat falls in the train part"):
        decode(find_photos(root), "train")


def test_corrupt_files_are_counted(tmp_path: Path) -> None:
    root = write_pets(tmp_path)
    (root / "PetImages" / "Cat" / "1.png").write_bytes(b"")
    photos, corrupt = decode(find_photos(root), "train")
    assert (len(photos), corrupt) == (15, 1)
    assert photos.labels.tolist().count(0) == 7


def test_the_learning_rate_rises_stays_and_falls() -> None:
    recipe = Recipe(learning_rate=2.0, warmup=0.1, cooldown=0.4, stages=TINY.stages)
    trainer = Trainer(recipe, CPU)
    rates = [trainer.learning_rate(progress) for progress in (0, 0.05, 0.1, 0.6, 0.8, 1)]
    assert rates == pytest.approx([0, 1, 2, 2, 1, 0])


def test_filter_matrices_are_the_convolutions_own_memory() -> None:
    layer = nn.Conv2d(2, 3, 3)
    layer.to(memory_format=torch.channels_last)
    weight = layer.get_parameter("weight")
    matrices = FilterMatrices([weight])
    (matrix,) = matrices.parameters
    assert matrix.shape == (3, 18)
    with torch.no_grad():
        matrix[1, 4] = 7.0
    # Column 4 is the third pixel of the kernel's first row, first channel.
    assert weight[1, 0, 0, 2].item() == 7.0
    layer(torch.ones(1, 2, 3, 3)).sum().backward()
    matrices.take_gradients()
    assert matrix.grad is not None
    assert torch.equal(matrix.grad, torch.ones(3, 18))
