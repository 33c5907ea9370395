"""Small networks of the shapes that people bring, with fixed random weights."""

from __future__ import annotations

import dataclasses

import torch
import torch.nn.functional as F
from torch import nn


def body(outputs: int, channels: int = 3) -> nn.Sequential:
    """Two convolutions and a linear layer, for photos of any size."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return nn.Sequential(
            nn.Conv2d(channels, 6, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(6, 8, 3, stride=2),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(8, outputs),
        ).eval()


class Answering(nn.Module):
    """The body, its answer put into a form by a function."""

    def __init__(self, form, outputs=2):
        super().__init__()
        self.body = body(outputs)
        self.form = form

    def forward(self, batch):
        return self.form(self.body(batch))


class Gated(nn.Module):
    """One sigmoid layer that serves as a gate inside and as the head."""

    def __init__(self):
        super().__init__()
        self.body = body(8)
        self.act = nn.Sigmoid()
        self.last = body(1)[-1]

    def forward(self, batch):
        features = self.body(batch)
        return self.act(self.last(features * self.act(features))).squeeze(1)


class SelfNormalised(nn.Module):
    """A softmax written by hand."""

    def __init__(self):
        super().__init__()
        self.body = body(3)

    def forward(self, batch):
        powers = self.body(batch).exp()
        return powers / powers.sum(1, keepdim=True)


class OneSize(nn.Module):
    """Takes photos of 32×32 pixels only."""

    def __init__(self):
        super().__init__()
        self.flat, self.out = nn.Flatten(), nn.Linear(3 * 32 * 32, 2)

    def forward(self, batch):
        return self.out(self.flat(batch))


@dataclasses.dataclass
class Output:
    loss: torch.Tensor | None
    logits: torch.Tensor


class Holder:
    def __init__(self, logits):
        self.logits = logits


ANSWERS = {
    "a tuple": lambda y: (y.mean(), y),
    "a list in a tuple": lambda y: (y.mean(), [y, y * 2]),
    "a dictionary": lambda y: {"features": y * 3, "logits": y},
    "a dataclass": lambda y: Output(None, y),
    "an object": Holder,
    "a map of one place": lambda y: y[:, :, None, None],
}
FUNCTION_HEADS = {
    "torch.softmax": lambda y: torch.softmax(y, 1),
    "Tensor.softmax": lambda y: y.softmax(dim=-1),
    "F.softmax": lambda y: F.softmax(y, dim=1),
    "a layer made on the way": lambda y: nn.Softmax(1)(y),
    "F.log_softmax": lambda y: F.log_softmax(input=y, dim=1),
    "torch.sigmoid": torch.sigmoid,
    "softmax of a part": lambda y: {"logits": y.softmax(1)},
}
LAYER_HEADS = {"softmax": nn.Softmax(1), "log-softmax": nn.LogSoftmax(1), "sigmoid": nn.Sigmoid()}
