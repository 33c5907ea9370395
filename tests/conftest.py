"""What all tests share: a small network with fixed random weights, and the sample photos."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from tests.postgres import Server, serve_postgres
from xaicore.networks.classifier import Classifier
from xaicore.networks.petnet import PetNet
from xaicore.photos import load_photo

SAMPLES = Path(__file__).parents[1] / "assets" / "samples"
SMALL_STAGES = ((4,), (6, 6), (8, 8), (8, 12), (12, 12))


def pytest_configure() -> None:
    # One thread adds up in one order, so values are the same on every machine.
    torch.set_num_threads(1)
    # No test writes into the store of whoever runs it.
    folder = tempfile.mkdtemp(prefix="petlens-tests-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["XAICORE_STORE"] = f"sqlite:///{folder}/results.db"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("cuda"):
            item.add_marker(pytest.mark.skip(reason="needs an NVIDIA GPU"))


@pytest.fixture(scope="session")
def classifier() -> Classifier:
    """A narrow PetNet with PetNet's layer names, on the processor, its weights random but fixed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = PetNet(SMALL_STAGES)
        for layer in net.model:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                # torch's own start makes deep outputs nearly the same for every photo.
                nn.init.kaiming_normal_(layer.weight)
    return Classifier(net, device="cpu")


@pytest.fixture(scope="session")
def photos() -> list[Image.Image]:
    """The sample photos, upright and RGB, in the order of their file names."""
    return [load_photo(file) for file in sorted(SAMPLES.glob("*.jpg"))]


@pytest.fixture(scope="session")
def batch(classifier: Classifier, photos: list[Image.Image]) -> torch.Tensor:
    """The sample photos as the network's input, float32 [5, 3, 128, 128]."""
    return classifier.preprocess(photos)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server of our own."""
    with serve_postgres() as server:
        yield server
