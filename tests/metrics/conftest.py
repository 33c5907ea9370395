"""Small networks and photos on which every definition can be restated slowly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from xaicore import Classifier

LABELS = ("cat", "dog")


def small_net(seed: int, gain: float = 3.0) -> nn.Sequential:
    """Two convolutions and a pooled head, for pictures of any size."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        last = nn.Linear(24, 2)
        net = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(6, 6, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            last,
        )
        for layer in net:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(layer.weight)
        with torch.no_grad():
            last.weight.mul_(gain)
    return net


def make_classifier(seed: int = 0, size: int = 16, gain: float = 3.0) -> Classifier:
    return Classifier(small_net(seed, gain), LABELS, size, device="cpu")


def make_batch(count: int, height: int, width: int, seed: int = 0) -> torch.Tensor:
    """Smooth random photos on the network's input scale, float32 [count, 3, height, width]."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 4, 4, generator=generator)
    stretched = nn.functional.interpolate(coarse, (height, width), mode="bilinear")
    return stretched * 4 - 2


def make_maps(count: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, height, width)).astype(np.float32)


@pytest.fixture
def linear() -> Classifier:
    """p(cat) grows with the weighted sum of a 4×4 picture: logits are (sum w·x, 0)."""
    last = nn.Linear(48, 2, bias=False)
    weights = torch.arange(16, dtype=torch.float32) / 8 - 0.5
    with torch.no_grad():
        last.weight.zero_()
        last.weight[0] = weights.repeat(3)
    # Classifier looks for a convolution that a method could explain.
    first = nn.Conv2d(3, 3, 1, bias=False)
    with torch.no_grad():
        first.weight.copy_(torch.eye(3)[:, :, None, None])
    return Classifier(nn.Sequential(first, nn.Flatten(), last), LABELS, 4, device="cpu")
