"""How PetNet is trained: every figure of it, known without loading PyTorch."""

from __future__ import annotations

from dataclasses import dataclass

from xaicore.networks.petnet_facts import STAGES

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True)
class Recipe:
    """How PetNet is trained; every field travels into the checkpoint and the model card.

    The learning rate warms up, stays, and falls to zero over the last ``cooldown`` share of the
    epochs. The first ``small_share`` of the epochs sees photos at ``small_size`` pixels, which
    costs half as much; the rest at the network's own 128. ``stages`` are PetNet's layer widths.
    """

    epochs: int = 34
    batch_size: int = 64
    learning_rate: float = 2.5e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.05
    warmup: float = 0.04
    cooldown: float = 0.35
    small_size: int = 96
    small_share: float = 0.6
    average_decay: float = 0.998
    seed: int = 0
    stages: tuple[tuple[int, ...], ...] = STAGES
