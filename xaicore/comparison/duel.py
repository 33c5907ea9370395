"""Two maps of one photo against each other, with the network as the referee."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import binomtest

from xaicore.comparison.agreement import top_area
from xaicore.explainers.base import ClassIndices, choose_classes
from xaicore.metrics.base import MetricError
from xaicore.metrics.perturbation import log_odds
from xaicore.networks.classifier import Classifier

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Duel:
    """What the network says of photos without what only A, or only B, found most important.

    Probabilities of the class, float64 [B]: ``before``, ``without_a``, ``without_b``; ``area``
    int64 [B] is how many pixels each deleted, 0 where both found the same.
    """

    before: np.ndarray
    without_a: np.ndarray
    without_b: np.ndarray
    area: np.ndarray

    @property
    def winners(self) -> np.ndarray:
        """1 where A's deletion lowers the probability more, −1 where B's does, 0 for a draw."""
        return np.sign(self.without_b - self.without_a).astype(np.int64)


def only_areas(a: np.ndarray, b: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """What only map A, and only map B, has in its top area, bool [H, W] of equal size."""
    tops = top_area(a, share), top_area(b, share)
    return tops[0] & ~tops[1], tops[1] & ~tops[0]


def delete(batch: torch.Tensor, areas: np.ndarray) -> torch.Tensor:
    """Photos [B, 3, H, W] with areas, bool [B, H, W], set to 0: the network's mean colour."""
    return batch.masked_fill(torch.as_tensor(areas, device=batch.device)[:, None], 0.0)


def duel(
    classifier: Classifier,
    batch: torch.Tensor,
    maps_a: np.ndarray,
    maps_b: np.ndarray,
    targets: ClassIndices | None = None,
    share: float = 0.1,
) -> Duel:
    """Have the network referee between two maps [B, H, W] of each photo [B, 3, H, W].

    ``targets`` [B] are class indices, by default the predicted ones. Raises :class:`MetricError`
    for maps that are not of the photos' shape or hold values that are not numbers.
    """
    for maps in (maps_a, maps_b):
        if maps.shape != (len(batch), *batch.shape[2:]) or not np.isfinite(maps).all():
            raise MetricError(
                "A duel needs two maps a photo, of the photo's height and width and all numbers."
            )
    batch = batch.to(classifier.device)
    class_indices = choose_classes(classifier, batch, targets)
    pairs = [only_areas(a, b, share) for a, b in zip(maps_a, maps_b, strict=True)]
    areas_a, areas_b = (np.stack(areas) for areas in zip(*pairs, strict=True))
    before, without_a, without_b = (
        log_odds(classifier.logits(pictures), class_indices).sigmoid().cpu().numpy()
        for pictures in (batch, delete(batch, areas_a), delete(batch, areas_b))
    )
    return Duel(before, without_a, without_b, area=areas_a.sum((1, 2)))


@dataclass(frozen=True)
class WinRate:
    """How often A won against B; ``rate`` and its interval ``low``…``high`` leave draws out.

    NaN where no photo was decided.
    """

    wins: int
    losses: int
    draws: int
    rate: float
    low: float
    high: float


def win_rate(winners: np.ndarray) -> WinRate:
    """Count winners (1, −1, 0) [B], with Wilson's 95 % interval (1927)."""
    wins, losses, draws = (int((winners == outcome).sum()) for outcome in (1, -1, 0))
    decided = wins + losses
    if not decided:
        return WinRate(wins, losses, draws, math.nan, math.nan, math.nan)
    interval = binomtest(wins, decided).proportion_ci(CONFIDENCE, method="wilson")
    rate = wins / decided
    return WinRate(wins, losses, draws, rate, float(interval.low), float(interval.high))
