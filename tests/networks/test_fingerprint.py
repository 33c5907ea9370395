"""Fingerprints: whatever changes an answer or a map tells networks apart, and nothing else does."""

from __future__ import annotations

import itertools
import operator
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from tests.explainers.conftest import small_net
from xaicore.explainers import EXPLAINERS, explain
from xaicore.networks import fingerprint
from xaicore.networks.classifier import Classifier
from xaicore.networks.fingerprint import fingerprint_of, hash_weights

ROOT = Path(__file__).parents[2]
# Its labels, size and colours are not the defaults, so that each can be seen to count.
SETTINGS: dict[str, Any] = {
    "labels": ("cat", "dog"),
    "size": 16,
    "mean": (0.5, 0.4, 0.3),
    "std": (0.2, 0.2, 0.2),
    "dataset_mean": (0.6, 0.5, 0.4),
    "target_layer": "first",
    "device": "cpu",
}


class Net(nn.Module):
    """Two convolutions with an activation of each kind; its weights are always the same."""

    def __init__(
        self,
        pooling: nn.Module | None = None,
        activation: nn.Module | None = None,
        function: Callable[[torch.Tensor], torch.Tensor] = F.relu,
        constant: float = 1.0,
        slope: float = 0.1,
    ) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.pooling = pooling or nn.AvgPool2d(2)
        self.activation = activation or nn.ReLU()
        self.function = function
        self.constant = constant
        self.slope = slope
        self.last = nn.Linear(4, 2)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        features = self.pooling(self.activation(self.first(batch)))
        features = self.function(self.second(features)) * self.constant
        features = F.leaky_relu(features, self.slope)
        return self.last(features.mean((2, 3)))


class Branching(Net):
    """What it does depends on the photo, so it cannot be traced."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return super().forward(batch if batch.sum() > 0 else batch + self.constant)


class OffsetBranching(Net):
    """As above, with a constant that belongs to the class."""

    offset = 1.0

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return super().forward(batch if batch.sum() > 0 else batch + self.offset)


def offset_by(constant: float) -> Net:
    kind = type("OffsetBranching", (OffsetBranching,), {"offset": constant})
    return kind()


class OtherBranching(Branching):
    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return Net.forward(self, batch if batch.sum() > 1 else batch + self.constant)


def make(net: nn.Module | None = None, **changes: Any) -> Classifier:
    return Classifier(net or Net(), **{**SETTINGS, **changes})


VARIANTS: dict[str, Callable[[], Classifier]] = {
    "plain": make,
    "mean": lambda: make(mean=(0.5, 0.4, 0.31)),
    "std": lambda: make(std=(0.2, 0.2, 0.21)),
    "size": lambda: make(size=18),
    "label order": lambda: make(labels=("dog", "cat")),
    "dataset mean": lambda: make(dataset_mean=(0.6, 0.5, 0.41)),
    "target layer": lambda: make(target_layer="second"),
    "pooling": lambda: make(Net(pooling=nn.MaxPool2d(2))),
    "pooling's stride": lambda: make(Net(pooling=nn.AvgPool2d(2, stride=1))),
    "activation": lambda: make(Net(activation=nn.GELU())),
    "activation's setting": lambda: make(Net(activation=nn.GELU(approximate="tanh"))),
    "functional activation": lambda: make(Net(function=torch.tanh)),
    "function of its own": lambda: make(Net(function=lambda x: F.relu(x) + 1)),
    "constant": lambda: make(Net(constant=2.0)),
    "slope": lambda: make(Net(slope=0.2)),
    "branching": lambda: make(Branching()),
    "branching's constant": lambda: make(Branching(constant=2.0)),
    "branching's function": lambda: make(Branching(function=torch.tanh)),
    "branching's offset": lambda: make(offset_by(1.0)),
    "branching's other offset": lambda: make(offset_by(2.0)),
    "branching's forward": lambda: make(OtherBranching()),
}


def test_whatever_differs_tells_networks_of_the_same_weights_apart() -> None:
    made = {name: build() for name, build in VARIANTS.items()}
    assert len({classifier.weights_hash for classifier in made.values()}) == 1
    prints = {name: classifier.fingerprint for name, classifier in made.items()}
    alike = [
        pair for pair in itertools.combinations(prints, 2) if len({*map(prints.get, pair)}) < 2
    ]
    assert alike == []


@pytest.mark.parametrize("name", VARIANTS)
def test_a_network_built_twice_is_the_same(name: str) -> None:
    assert VARIANTS[name]().fingerprint == VARIANTS[name]().fingerprint


def test_a_network_is_the_same_in_another_process() -> None:
    code = (
        "from tests.networks.test_fingerprint import VARIANTS\n"
        "print(*(VARIANTS[name]().fingerprint for name in ('plain', 'branching')))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    assert said.split() == [VARIANTS["plain"]().fingerprint, VARIANTS["branching"]().fingerprint]


def test_weights_and_buffers_count() -> None:
    class Shifted(nn.Module):
        def __init__(self, shift: float, saved: bool) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.first = nn.Conv2d(3, 2, 1)
            self.register_buffer("shift", torch.tensor(shift), persistent=saved)

        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            return self.first(batch).mean((2, 3)) + self.shift

    saved, other = make(Shifted(1.0, True)), make(Shifted(2.0, True))
    assert saved.fingerprint != other.fingerprint
    unsaved, another = make(Shifted(1.0, False)), make(Shifted(2.0, False))
    assert unsaved.weights_hash == another.weights_hash
    assert unsaved.fingerprint != another.fingerprint
    net = Net()
    with torch.no_grad():
        net.last.bias.add_(1)
    assert make(net).fingerprint != make().fingerprint


def test_a_constant_made_on_the_way_counts_and_is_not_taken_for_another() -> None:
    class Scaled(nn.Module):
        def __init__(self, scale: float) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.first = nn.Conv2d(3, 2, 1)
            self.scale = [scale]

        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            return self.first(batch).mean((2, 3)) * torch.tensor(self.scale)

    net = Scaled(2.0)
    assert make(net).fingerprint == make(net).fingerprint == make(Scaled(2.0)).fingerprint
    assert make(net).fingerprint != make(Scaled(3.0)).fingerprint


def test_what_flows_where_counts() -> None:
    class Difference(nn.Module):
        def __init__(self, swapped: bool) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.first, self.second = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 2, 1)
            self.sign = operator.neg if swapped else operator.pos

        def forward(self, batch: torch.Tensor) -> torch.Tensor:
            a, b = self.first(batch), self.second(batch)
            return (b - a if self.sign is operator.neg else a - b).mean((2, 3))

    def graph_of(swapped: bool) -> Any:
        return fingerprint._describe_forward(Difference(swapped))

    assert graph_of(False) == graph_of(False)
    assert graph_of(False) != graph_of(True)


def test_settings_that_a_network_s_print_hides_count() -> None:
    def attention(heads: int) -> str:
        torch.manual_seed(0)
        layer = nn.MultiheadAttention(4, heads)
        return fingerprint_of(layer, {}, hash_weights(layer))

    assert repr(nn.MultiheadAttention(4, 2)) == repr(nn.MultiheadAttention(4, 4))
    assert attention(2) != attention(4)
    assert attention(2) == attention(2)


def test_training_mode_and_what_ran_before_do_not_count() -> None:
    net = Net().train()
    before = make(net)
    explain(before, torch.rand(2, 3, 16, 16), "gradcam")
    assert make(net).fingerprint == before.fingerprint == make().fingerprint


def test_a_large_network_without_source_of_its_own_is_told_by_its_parts() -> None:
    def print_of(stochastic: float) -> str:
        torch.manual_seed(0)
        net = torchvision.models.efficientnet_b0(stochastic_depth_prob=stochastic).eval()
        return fingerprint_of(net, {}, "")

    assert print_of(0.2) == print_of(0.2)
    assert print_of(0.2) != print_of(0.3)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[nn.Module]:
    """The networks whose weights were hashed, from now on."""
    seen: list[nn.Module] = []

    def count(net: nn.Module) -> str:
        seen.append(net)
        return hash_weights(net)

    monkeypatch.setattr(fingerprint, "hash_weights", count)
    return seen


@pytest.mark.parametrize("name", EXPLAINERS)
def test_untouched_weights_are_not_hashed_again(name: str, hashed: list[nn.Module]) -> None:
    quick: dict[str, dict[str, Any]] = {"lime": {"samples": 50, "superpixels": 5}}
    classifier = Classifier(small_net(), size=64, device="cpu")
    for _ in range(2):
        e = explain(classifier, torch.rand(2, 3, 64, 64), name, **quick.get(name, {}))
        assert e.checks["weights_unchanged"].all()
    assert hashed == []


def in_place(net: Net) -> None:
    with torch.no_grad():
        net.first.weight[0, 0, 0, 0] += 1


def behind_torch_s_back(net: Net) -> None:
    net.first.weight.data += 1


def swapped(net: Net) -> None:
    net.first.weight = nn.Parameter(net.first.weight.detach() * 2)


def buffer(net: Net) -> None:
    norm = net.activation
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    norm.running_mean.add_(1)


@pytest.mark.parametrize("change", [in_place, behind_torch_s_back, swapped, buffer])
def test_changes_are_seen(change: Callable[[Net], None]) -> None:
    net = Net(activation=nn.BatchNorm2d(4))
    classifier = make(net)
    assert classifier.is_unchanged()
    change(net)
    assert not classifier.is_unchanged()
    assert not classifier.is_unchanged()


def test_weights_that_moved_but_are_the_same_are_hashed_once(hashed: list[nn.Module]) -> None:
    net = Net()
    classifier = make(net)
    net.first.weight = nn.Parameter(net.first.weight.detach().clone())
    assert classifier.is_unchanged()
    assert classifier.is_unchanged()
    assert len(hashed) == 1


def test_weights_of_inference_mode_are_watched_too() -> None:
    with torch.inference_mode():
        net = Net()
        classifier = make(net)
        assert classifier.is_unchanged()
        net.first.weight += 1
        assert not classifier.is_unchanged()
