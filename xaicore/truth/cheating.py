"""PetNets that cheat: fine-tuned on photos with a mark, which may decide their answer."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch.backends import cudnn

from xaicore.networks.classifier import BUNDLED_WEIGHTS
from xaicore.networks.petnet import INPUT_SIZE, LABELS, PetNet
from xaicore.progress import shown
from xaicore.training.augmentation import augment
from xaicore.training.train import Photos, normalise
from xaicore.truth.kinds import Kind, Recipe
from xaicore.truth.marks import add_marks, draw_places

CAT, DOG = LABELS.index("cat"), LABELS.index("dog")


def fine_tune(kind: Kind, recipe: Recipe, photos: Photos, device: torch.device) -> PetNet:
    """Train the bundled weights on, on marked photos; the same seed gives the same weights."""
    generator = torch.Generator().manual_seed(recipe.seed)
    net = PetNet()
    net.load_state_dict(load_file(BUNDLED_WEIGHTS))
    net.to(device).to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=recipe.weight_decay)
    steps = recipe.epochs * math.ceil(len(photos) / recipe.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.learning_rate, steps)
    watched = shown(f"{kind.name}-{recipe.seed}", steps, "batch")
    with watched as bar, cudnn.flags(benchmark=False, deterministic=True):
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
