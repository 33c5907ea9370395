"""A small network with random weights: explainers must be right on any network."""

import pytest
import torch

import xaicore
from tests.conftest import SMALL_STAGES
from xaicore.networks.petnet import PetNet


def small_net(seed: int = 0) -> PetNet:
    torch.manual_seed(seed)
    net = PetNet(SMALL_STAGES)
    for weight in net.parameters():
        if weight.ndim > 1:
            torch.nn.init.kaiming_normal_(weight)
        else:
            torch.nn.init.normal_(weight, std=0.05)
    return net


@pytest.fixture
def classifier() -> xaicore.Classifier:
    return xaicore.Classifier(small_net(), size=64, device="cpu")


@pytest.fixture
def batch() -> torch.Tensor:
    """Three smooth random photos on the network's input scale, float32 [3, 3, 64, 64]."""
    torch.manual_seed(1)
    coarse = torch.rand(3, 3, 8, 8)
    return torch.nn.functional.interpolate(coarse, (64, 64), mode="bilinear") * 4 - 2
