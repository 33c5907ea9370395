"""Our protocol and its neighbours, each with one thing changed that papers seldom tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from xaicore.metrics.base import PROTOCOLS, PerturbationProtocol
from xaicore.metrics.perturbation import soft_masks

CURVES = ("insertion", "deletion")
OURS = "ours"
# A side of the photo: a blur as wide leaves hardly anything of it.
WIDE = 127


def absolute_masks(maps: torch.Tensor) -> torch.Tensor:
    """Each map's size, whatever its sign, over its maximum; NaN for a map of zeros."""
    return soft_masks(maps.abs())


def min_max_masks(maps: torch.Tensor) -> torch.Tensor:
    """Each map from its minimum to its maximum; NaN for a map that is the same everywhere."""
    return soft_masks(maps - maps.amin((1, 2), keepdim=True))


def batch_masks(maps: torch.Tensor) -> torch.Tensor:
    """All maps from their common minimum to their common maximum, as Gomez's public code does."""
    return (maps - maps.min()) / (maps.max() - maps.min())


# Maps [B, H, W] → masks [B, H, W].
MASKS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "positive": soft_masks,
    "absolute": absolute_masks,
    "min-max": min_max_masks,
    "batch": batch_masks,
}


@dataclass(frozen=True)
class Variant:
    """A protocol and what it changes of ours.

    ``topic`` is what is left open and ``label`` the choice, in words; ``needs`` the fields of a
    trace that the choice reaches, ``mask`` a key of ``MASKS``, ``score`` the explained score of
    every method, by default each method's own.
    """

    name: str
    topic: str
    label: str
    needs: tuple[str, ...]
    protocol: PerturbationProtocol = field(default_factory=PerturbationProtocol)
    mask: str = "positive"
    score: str = ""

    @property
    def settings(self) -> dict[str, Any]:
        """Plain values that name this variant."""
        return {**self.protocol.settings, "mask": self.mask, "score": self.score or "own"}


def _fill(fill: str, label: str) -> Variant:
    protocol = PerturbationProtocol(fill=fill)
    return Variant(f"fill-{fill}", "A removed pixel shows", label, ("deletion",), protocol)


def _blur(name: str, label: str, protocol: PerturbationProtocol) -> Variant:
    return Variant(f"blur-{name}", "Insertion starts from", label, ("insertion",), protocol)


def _steps(steps: int) -> Variant:
    protocol = PerturbationProtocol(steps=steps)
    return Variant(f"steps-{steps}", "Steps a curve", str(steps), CURVES, protocol)


def _mask(mask: str, label: str) -> Variant:
    return Variant(f"mask-{mask}", "The mask is", label, ("kept",), mask=mask)


# Grey is left out: it is nearly the network's mean colour.
VARIANTS = (
    Variant(OURS, "Our protocol", "as everywhere else here", (*CURVES, "kept")),
    _fill("black", "black"),
    _fill("white", "white"),
    _fill("blurred", "the blurred photo"),
    _blur("rise", "RISE's weaker blur", PROTOCOLS["rise"]),
    _blur("wide", "next to nothing", PerturbationProtocol(kernel=WIDE)),
    _steps(16),
    _steps(32),
    _mask("absolute", "the map without its signs"),
    _mask("min-max", "the map from its minimum up"),
    _mask("batch", "the map on a scale that five photos share"),
    # With two classes a probability's gradient is the margin's times a number, so the score itself
    # needs no line of its own.
    Variant(
        "score-margin",
        "The explained score is",
        "the lead over the other class",
        (*CURVES, "kept"),
        score="margin",
    ),
)
