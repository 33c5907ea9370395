"""What is put to the test: every method of ours, and maps that are broken on purpose.

A broken map looks like an explanation and is none. What must be told apart is known, so it can be
counted how often it is.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import nn

from xaicore.explainers import EXPLAINERS, explain
from xaicore.metrics.controls import CONTROLS
from xaicore.networks.classifier import Classifier

SOUND = "sound"
# Ways of being broken, in words.
BROKEN = {
    "edges": "the edges of the photo",
    "random": "random numbers",
    "brightness": "the photo itself, out of focus",
    "wrong class": "the map of the wrong class",
    "random weights": "the map of a network that has learnt nothing",
    "other photo": "the map of another photo",
}
# Whose maps are broken: those that take little time, in turn.
WRAPPED = ("deeplift", "lrp", "occlusion")
# So many networks that have forgotten all there are of each: to follow one takes LRP seconds.
FORGOTTEN = 2


@dataclass(frozen=True)
class Made:
    """``maps`` float32 [B, H, W]; ``proven`` bool [B], whether each map's own proof is good."""

    maps: np.ndarray
    proven: np.ndarray | None = None


Make = Callable[[Classifier, torch.Tensor, np.ndarray], Made]


@dataclass(frozen=True)
class Candidate:
    """Something that makes maps. ``kind`` is "sound", or in which way it is broken.

    ``make(classifier, batch, targets)`` takes photos [B, 3, H, W], at least two.
    """

    name: str
    kind: str
    make: Make

    def maps(self, classifier: Classifier, batch: torch.Tensor, targets: np.ndarray) -> np.ndarray:
        """Maps float32 [B, H, W]."""
        return self.make(classifier, batch, targets).maps


def sound() -> list[Candidate]:
    """All methods, as they are by default."""
    return [Candidate(name, SOUND, partial(_explain, name)) for name in EXPLAINERS]


def broken(seed: int) -> list[Candidate]:
    """One candidate a way of being broken; the seed chooses whose maps are broken, and how."""
    method = WRAPPED[seed % len(WRAPPED)]
    makers: dict[str, Make] = {
        "edges": partial(_control, "edges", 0),
        "random": partial(_control, "random", seed % CONTROLS["random"].draws),
        "brightness": _brightness,
        "wrong class": partial(_wrong_class, method),
        "random weights": partial(_random_weights, method, FORGOTTEN + seed % FORGOTTEN),
        "other photo": partial(_other_photo, method),
    }
    return [Candidate(kind, kind, make) for kind, make in makers.items()]


@functools.lru_cache(maxsize=16)
def forget(classifier: Classifier, seed: int) -> Classifier:
    """The same network with weights as they are before any training.

    Shuffled weights would not do: behind a threshold that is set for one shape, nothing at all
    would pass, and every map would be empty.
    """
    net = copy.deepcopy(classifier.net)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in net.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.reset_parameters()
    return classifier.with_net(net)


def _explain(method: str, classifier: Classifier, batch: torch.Tensor, targets: np.ndarray) -> Made:
    explanation = explain(classifier, batch, method, targets)
    checks = explanation.checks
    proven = [
        EXPLAINERS[method].prove({name: values[place] for name, values in checks.items()}).good
        for place in range(len(batch))
    ]
    return Made(explanation.maps, np.array(proven))


def _control(
    name: str, draw: int, classifier: Classifier, batch: torch.Tensor, targets: np.ndarray
) -> Made:
    shape = np.empty((len(batch), *batch.shape[2:]), dtype=np.float32)
    return Made(CONTROLS[name].make(batch, shape, draw))


def _brightness(classifier: Classifier, batch: torch.Tensor, targets: np.ndarray) -> Made:
    """The photo itself, out of focus."""
    grey = batch.mean(1).cpu().numpy()
    return Made(CONTROLS["blurred"].make(batch, grey, 2))


def _wrong_class(
    method: str, classifier: Classifier, batch: torch.Tensor, targets: np.ndarray
) -> Made:
    return Made(explain(classifier, batch, method, 1 - targets).maps)


def _random_weights(
    method: str, seed: int, classifier: Classifier, batch: torch.Tensor, targets: np.ndarray
) -> Made:
    return Made(explain(forget(classifier, seed), batch, method, targets).maps)


def _other_photo(
    method: str, classifier: Classifier, batch: torch.Tensor, targets: np.ndarray
) -> Made:
    """Each photo gets the map of the one after it."""
    neighbours, classes = torch.roll(batch, -1, 0), np.roll(targets, -1)
    return Made(explain(classifier, neighbours, method, classes).maps)
