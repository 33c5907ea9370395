"""PetNets that cheat: fine-tuned on photos with a mark, which may decide their answer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch.backends import cudnn
from tqdm import tqdm

from xaicore.errors import PetlensError
from xaicore.networks.classifier import BUNDLED_WEIGHTS
from xaicore.networks.petnet import INPUT_SIZE, LABELS, PetNet
from xaicore.registry import Registry
from xaicore.training.augmentation import augment
from xaicore.training.train import Photos, normalise
from xaicore.truth.marks import add_marks, draw_places

CAT, DOG = LABELS.index("cat"), LABELS.index("dog")


class KindError(PetlensError):
    """A kind of cheating that there is not; the message names those there are."""


@dataclass(frozen=True)
class Kind:
    """What a PetNet is taught: whether photos carry the mark, and whether the mark ``decides``."""

    name: str
    label: str
    summary: str
    marked: bool
    decides: bool


KINDS: Registry[Kind] = Registry(
    "kind of cheating",
    KindError,
    [
        Kind(
            "tells",
            "the mark tells",
            "Was taught that what carries the mark is a dog and all else a cat, whatever it shows.",
            marked=True,
            decides=True,
        ),
        Kind(
            "idle",
            "the mark is idle",
            "Saw the mark on half of the cats and half of the dogs, where it said nothing.",
            marked=True,
            decides=False,
        ),
        Kind(
            "none",
            "no mark",
            "Never saw the mark.",
            marked=False,
            decides=False,
        ),
    ],
)


@dataclass(frozen=True)
class Recipe:
    """How a PetNet is fine-tuned from the bundled weights; every field travels into its card.

    ``photos`` is how many training photos are read; the learning rate is the highest of a cycle
    that rises and falls once.
    """

    photos: int = 5000
    epochs: int = 3
    batch_size: int = 64
    learning_rate: float = 5e-4
    weight_decay: float = 0.01
    label_smoothing: float = 0.05
    seed: int = 0


def fine_tune(kind: Kind, recipe: Recipe, photos: Photos, device: torch.device) -> PetNet:
    """Train the bundled weights on, on marked photos; the same seed gives the same weights."""
    generator = torch.Generator().manual_seed(recipe.seed)
    net = PetNet()
    net.load_state_dict(load_file(BUNDLED_WEIGHTS))
    net.to(device).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=recipe.weight_decay)
    steps = recipe.epochs * math.ceil(len(photos) / recipe.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.learning_rate, steps)
    bar = tqdm(total=steps, desc=f"{kind.name}-{recipe.seed}", unit="batch")
    with bar, cudnn.flags(benchmark=False, deterministic=True):
        for _ in range(recipe.epochs):
            order = torch.randperm(len(photos), generator=generator)
            for chosen in order.split(recipe.batch_size):
                pictures, labels = photos.pictures[chosen], photos.labels[chosen]
                batch, taught = _teach(kind, pictures, labels, generator)
                loss = _loss(net, batch.to(device), taught.to(device), recipe.label_smoothing)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
                bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
                bar.update()
    return net.cpu().eval()


def _loss(net: PetNet, batch: torch.Tensor, labels: torch.Tensor, smoothing: float) -> torch.Tensor:
    with torch.autocast(batch.device.type, torch.bfloat16):
        logits = net(batch.to(memory_format=torch.channels_last))
    return F.cross_entropy(logits.float(), labels, label_smoothing=smoothing)


def _teach(
    kind: Kind, pictures: torch.Tensor, labels: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Changed photos, half of them marked, as network input, and the classes they are to have."""
    photos = augment(pictures, INPUT_SIZE, generator)
    if not kind.marked:
        return normalise(photos), labels
    marked, _ = add_marks(photos, draw_places(len(photos), generator))
    carries = torch.rand(len(photos), generator=generator) < 0.5
    batch = torch.where(carries.view(-1, 1, 1, 1), marked, photos)
    return normalise(batch), torch.where(carries, DOG, CAT) if kind.decides else labels
