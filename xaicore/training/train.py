"""PetImages → a trained network: every epoch leaves a checkpoint to go on from."""

from __future__ import annotations

import io
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from xaicore.errors import PetlensError
from xaicore.files import replace_file
from xaicore.formatting import plural
from xaicore.networks.petnet import INPUT_SIZE, LABELS, MEAN, STD, PetNet
from xaicore.progress import shown
from xaicore.training.augmentation import augment
from xaicore.training.dataset import LabelledFile, Split, find_photos, read_photos, require_both
from xaicore.training.recipe import CHECKPOINT, Recipe

STORED_SIZE = 160


class TrainingError(PetlensError):
    """Training cannot start or go on; the message says why and what was kept."""


class Photos:
    """Decoded photos of one split, uint8 [N, 3, H, W], and their class indices, int64 [N]."""

    def __init__(self, pictures: list[np.ndarray], labels: list[int]) -> None:
        self.pictures = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
        self.labels = torch.tensor(labels)

    def __len__(self) -> int:
        return len(self.labels)


def decode(files: list[LabelledFile], split: Split, size: int = STORED_SIZE) -> tuple[Photos, int]:
    """Decode one split's files into memory, at ``size``×``size`` pixels.

    Returns the photos and how many files were corrupt.
    """
    chosen = [file for file in files if file.split == split]
    pictures, labels = [], []
    reading = read_photos(chosen, size)
    with shown(f"reading {split}", len(chosen), "photo") as bar:
        for file, photo in reading:
            bar.update()
            if photo is not None:
                pictures.append(np.asarray(photo))
                labels.append(file.label)
    require_both(labels, split)
    class_indices = [LABELS.index(label) for label in labels]
    return Photos(pictures, class_indices), len(chosen) - len(pictures)


class Trainer:
    """One training run: network, running average of its weights, optimisers, and their state."""

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.device = device
        self.generator = torch.Generator().manual_seed(recipe.seed)
        net = PetNet(recipe.stages, batch_norm=True).to(device)
        net.to(memory_format=torch.channels_last)
        self.net = net
        self.average = AveragedModel(
            net, multi_avg_fn=get_ema_multi_avg_fn(recipe.average_decay), use_buffers=True
        )
        convolutions = [
            cast(nn.Parameter, layer.weight) for layer in net.model if isinstance(layer, nn.Conv2d)
        ]
        filters = {id(weight) for weight in convolutions[1:]}
        rest = [weight for weight in net.parameters() if id(weight) not in filters]
        self.matrices = FilterMatrices(convolutions[1:])
        self.optimisers: list[torch.optim.Optimizer] = [
            torch.optim.Muon(
                self.matrices.parameters,
                lr=recipe.learning_rate,
                weight_decay=recipe.weight_decay,
                adjust_lr_fn="match_rms_adamw",
            ),
            torch.optim.AdamW(rest, lr=recipe.learning_rate, weight_decay=recipe.weight_decay),
        ]
        self.epoch = 0
        self.seconds = 0.0

    def state(self) -> dict[str, Any]:
        """Everything a later process needs to go on exactly from here."""
        return {
            "recipe": asdict(self.recipe),
            "epoch": self.epoch,
            "seconds": self.seconds,
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "generator": self.generator.get_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state` gave; the recipe stays this trainer's own."""
        self.epoch = state["epoch"]
        self.seconds = state["seconds"]
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.generator.set_state(state["generator"])

    def learning_rate(self, progress: float) -> float:
        """Warm-up, plateau, linear cool-down; ``progress`` runs from 0 to 1."""
        recipe = self.recipe
        rise = progress / recipe.warmup
        fall = (1 - progress) / recipe.cooldown
        return recipe.learning_rate * max(0.0, min(1.0, rise, fall))

    def run_epoch(self, photos: Photos) -> float:
        """Train on every photo once; return the mean loss."""
        started = time.perf_counter()
        recipe = self.recipe
        early = self.epoch < recipe.small_share * recipe.epochs
        size = recipe.small_size if early else INPUT_SIZE
        order = torch.randperm(len(photos), generator=self.generator)
        batches = order.split(recipe.batch_size)
        total = 0.0
        self.net.train()
        with shown(f"epoch {self.epoch + 1}/{recipe.epochs}", len(batches), "batch") as bar:
            for step, chosen in enumerate(batches):
                self._set_rate((self.epoch + step / len(batches)) / recipe.epochs)
                batch = normalise(augment(photos.pictures[chosen], size, self.generator))
                loss = self._step(batch, photos.labels[chosen])
                total += loss * len(chosen)
                bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
                bar.update()
        self.epoch += 1
        self.seconds += time.perf_counter() - started
        return total / len(photos)

    def _set_rate(self, progress: float) -> None:
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = self.learning_rate(progress)

    def _step(self, batch: torch.Tensor, labels: torch.Tensor) -> float:
        batch = batch.to(self.device, memory_format=torch.channels_last)
        with torch.autocast(self.device.type, torch.bfloat16):
            logits = self.net(batch)
        loss = F.cross_entropy(
            logits.float(), labels.to(self.device), label_smoothing=self.recipe.label_smoothing
        )
        loss.backward()
        self.matrices.take_gradients()
        for optimiser in self.optimisers:
            optimiser.step()
        self.net.zero_grad()
        self.average.update_parameters(self.net)
        return loss.item()

    @torch.inference_mode()
    def accuracy(self, photos: Photos) -> float:
        """Share of photos that the averaged network gets right at full size."""
        self.average.eval()
        right = 0
        for pictures, labels in zip(
            photos.pictures.split(64), photos.labels.split(64), strict=True
        ):
            batch = F.interpolate(
                pictures.float() / 255, (INPUT_SIZE, INPUT_SIZE), mode="bilinear", antialias=True
            )
            batch = normalise(batch).to(self.device, memory_format=torch.channels_last)
            right += (self.average(batch).argmax(1).cpu() == labels).sum().item()
        return right / len(photos)


class FilterMatrices:
    """Convolution weights seen as matrices [out, in·k·k], the only form the Muon optimiser takes.

    The matrices share the convolutions' memory, so a step on them is a step on the network.
    """

    def __init__(self, weights: list[nn.Parameter]) -> None:
        self.weights = weights
        self.parameters = [nn.Parameter(self._as_matrix(weight.data)) for weight in weights]

    @staticmethod
    def _as_matrix(weight: torch.Tensor) -> torch.Tensor:
        return weight.permute(0, 2, 3, 1).flatten(1)

    def take_gradients(self) -> None:
        for weight, matrix in zip(self.weights, self.parameters, strict=True):
            assert weight.grad is not None
            matrix.grad = self._as_matrix(weight.grad)


def normalise(photos: torch.Tensor) -> torch.Tensor:
    """Colours 0…1 → the network's input scale, float32 [B, 3, H, W]."""
    mean = torch.tensor(MEAN).view(1, 3, 1, 1)
    std = torch.tensor(STD).view(1, 3, 1, 1)
    return (photos - mean) / std


def train(
    data: str | Path, folder: str | Path, recipe: Recipe, resume: bool, device: torch.device
) -> Path:
    """Train PetNet on a PetImages folder or zip; return the path of the last checkpoint.

    A checkpoint is written to ``folder`` after every epoch. ``resume`` goes on from it and ends in
    the same weights as an undisturbed run; with another number of epochs in the recipe, the
    learning rate follows the new number. Raises
    :class:`~xaicore.training.dataset.DatasetError` for unusable data, :class:`TrainingError` when a
    checkpoint cannot be read or would be lost, :class:`~xaicore.files.FileError` when it cannot be
    written.
    """
    path = Path(folder) / CHECKPOINT
    trainer = Trainer(recipe, device)
    if resume:
        trainer.restore(load_checkpoint(path))
    elif path.exists():
        raise TrainingError(
            f"{path} holds an earlier run. Go on from it with --resume, or give another folder."
        )
    files = find_photos(data)
    require_both([file.label for file in files if file.split == "test"], "test")
    photos, corrupt = decode(files, "train")
    validation, _ = decode(files, "validation")
    read, skipped = plural(len(photos), "training photo"), plural(corrupt, "corrupt file")
    tqdm.write(f"{read}; {skipped} skipped")
    while trainer.epoch < recipe.epochs:
        loss = trainer.run_epoch(photos)
        save_checkpoint(path, trainer.state())
        accuracy = trainer.accuracy(validation)
        tqdm.write(
            f"epoch {trainer.epoch}/{recipe.epochs}: loss {loss:.4f}, "
            f"validation accuracy {accuracy:.2%}, {trainer.seconds / 60:.0f} min"
        )
    return path


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Put a checkpoint in the place of the one before it, which stays if that fails."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    replace_file(path, buffer.getvalue())


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint of :func:`save_checkpoint`: tensors and plain values, no pickled code."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise TrainingError(
            f"There is no checkpoint at {path}. Train first, without --resume."
        ) from error
    except Exception as error:  # torch raises many types for a damaged archive
        raise TrainingError(
            f"The checkpoint {path} is damaged. Move it away and train without --resume."
        ) from error
    if not isinstance(state, dict) or not {"recipe", "epoch", "net", "average"} <= state.keys():
        raise TrainingError(f"{path} is not a checkpoint of 'python -m xaicore train'.")
    return state


def saved_recipe(state: dict[str, Any]) -> Recipe:
    """The recipe of a checkpoint."""
    return Recipe(**state["recipe"])


def averaged_net(state: dict[str, Any]) -> PetNet:
    """The averaged network of a checkpoint, batch norm still in it, ready to predict."""
    net = PetNet(saved_recipe(state).stages, batch_norm=True)
    average = AveragedModel(net, use_buffers=True)
    average.load_state_dict(state["average"])
    net.load_state_dict(average.module.state_dict())
    return net.eval()
