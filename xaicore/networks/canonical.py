"""Rewrite a network so that every operation is a module of its own that explainers know.

LRP and DeepLIFT follow modules: what happens between modules (a functional ReLU, an addition, one
activation used twice) they would silently miss. The canonical network computes the same scores,
operation by operation, in the order in which they run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from xaicore.networks.builder import METHODS, Obstacle
from xaicore.networks.copies import share_weights
from xaicore.networks.exporting import CannotExport, export
from xaicore.networks.lowering import lower
from xaicore.networks.outputs import find_input
from xaicore.networks.tracing import ONE_AT_A_TIME

__all__ = ["Canonical", "Obstacle", "audit", "canonicalize"]

# Largest difference of scores, relative to the largest score, that rounding may explain.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Canonical:
    """A network in canonical form, and what still stands in the way of LRP and DeepLIFT.

    ``first`` names the layers with weights that see the photo first, ``before`` what is affine and
    runs before them. ``notes`` are sentences that hold for every LRP map. ``difference`` is the
    largest one measured between its scores and the original's, relative to the largest score.
    """

    net: nn.Module
    obstacles: tuple[Obstacle, ...]
    first: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    difference: float = float("nan")


def canonicalize(net: nn.Module, example: torch.Tensor) -> Canonical:
    """Rewrite a network that takes ``example`` photos [B, C, H, W], and compare both on them.

    One that cannot be rewritten, or answers differently then, stays as it is, with obstacles.
    """
    # Weights made in inference mode could never be propagated through.
    with torch.inference_mode(False), torch.no_grad():
        return _canonicalize(net.eval(), example)


def _canonicalize(net: nn.Module, example: torch.Tensor) -> Canonical:
    trials = [example, *(photos.to(example) for photos in _trials(tuple(example.shape[1:])))]
    answers = [net(photos) for photos in trials]  # what it cannot answer at all fails here
    try:
        with ONE_AT_A_TIME:
            builder, rewritten = lower(export(net, example))
    except CannotExport as error:
        return _refused(net, str(error))
    difference = _difference(rewritten, trials, answers)
    if not difference <= TOLERANCE:
        difference = _difference_without_rounding(net, example)
    obstacles = builder.obstacles()
    if not difference <= TOLERANCE:
        refused = _refused(net, "rewritten for these methods, it would answer differently")
        return Canonical(net, obstacles + refused.obstacles, difference=difference)
    first, before = builder.first_layers()
    return Canonical(rewritten, obstacles, first, before, builder.notes(), difference)


def audit(net: nn.Module, example: torch.Tensor | None = None) -> list[Obstacle]:
    """List the layers of a network that LRP or DeepLIFT cannot explain rightly, and why.

    ``example`` is a batch of photos that it takes, by default found by trying.
    """
    if example is None:
        channels, side = find_input(net)
        example = torch.zeros(1, channels, side, side)
    return list(canonicalize(net, example).obstacles)


def _refused(net: nn.Module, reason: str) -> Canonical:
    whole = type(net).__name__
    return Canonical(net, tuple(Obstacle(method, whole, reason) for method in METHODS))


def _trials(shape: tuple[int, ...]) -> list[torch.Tensor]:
    """Noise and smooth photos [B, C, H, W], three and one at a time."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(3, *shape, generator=generator)
    coarse = torch.rand(3, shape[0], 7, 7, generator=generator) * 4 - 2
    smooth = F.interpolate(coarse, shape[1:], mode="bilinear")
    return [noise, smooth, noise[:1], smooth[:1]]


def _difference_without_rounding(net: nn.Module, example: torch.Tensor) -> float:
    """The same in double precision, for a deep network that amplifies rounding beyond measure."""
    double = share_weights(net).double().eval()
    trials = [photos.to(example).double() for photos in _trials(tuple(example.shape[1:]))]
    try:
        answers = [double(photos) for photos in trials]
        with ONE_AT_A_TIME:
            _, rewritten = lower(export(double, example.double()))
    except (RuntimeError, CannotExport):  # a network that insists on its own precision
        return float("nan")
    return _difference(rewritten, trials, answers)


def _difference(
    rewritten: nn.Module, trials: list[torch.Tensor], answers: list[torch.Tensor]
) -> float:
    """Largest difference in scores, relative to the largest score; NaN where there is none."""
    differences = []
    for photos, theirs in zip(trials, answers, strict=True):
        try:
            ours = rewritten.forward(photos)  # a call would print what fails
        except (
            RuntimeError,
            TypeError,
            ValueError,
            IndexError,
        ):  # a length written into the graph that fits no other batch
            return float("nan")
        scale = theirs.abs().max().clamp(min=torch.finfo(theirs.dtype).tiny)
        differences.append(((ours - theirs).abs().max() / scale).item())
    return float(np.max(differences))
