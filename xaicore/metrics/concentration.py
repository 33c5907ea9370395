"""How much of a map lies on few pixels: sparseness and entropy, from the map alone."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import entropy

from xaicore.metrics.base import Metric, PerturbationTrace


def sparseness(trace: PerturbationTrace) -> np.ndarray:
    """Gini index of |R|: 0 for a map that is the same everywhere, 1 − 1/n for a single pixel."""
    shares = np.sort(_shares(trace), axis=1)
    count = shares.shape[1]
    # Hurley and Rickard 2009, equation 1: the least salient pixel counts most.
    weights = (count - np.arange(count) - 0.5) / count
    return 1 - 2 * shares @ weights


def spread(trace: PerturbationTrace) -> np.ndarray:
    """Entropy of |R| ÷ Σ|R| in bits: log2 n for a map that is the same everywhere."""
    return entropy(_shares(trace), base=2, axis=1)


def _shares(trace: PerturbationTrace) -> np.ndarray:
    """Each pixel's share of |R|, float64 [M, n]; NaN for a map that is 0 everywhere."""
    absolute = np.abs(trace.read("maps")).reshape(len(trace.clean), -1)
    total = absolute.sum(1, keepdims=True)
    return absolute / np.where(total == 0, np.nan, total)


def emptiness(trace: PerturbationTrace) -> str:
    """Say that a map is 0 everywhere; empty if it is not."""
    return "" if trace.read("maps").any() else "The map is 0 everywhere."


SPARSENESS = Metric(
    name="sparseness",
    label="Sparseness",
    compute=sparseness,
    caveat=emptiness,
    needs=("maps",),
    higher_is_better=True,
    bounds=(0.0, 1.0),
    summary="Whether few pixels hold most of the map, by the Gini index.",
    citation="Chalasani et al. 2020",
    extra=True,
)

ENTROPY = Metric(
    name="entropy",
    label="Entropy",
    compute=spread,
    caveat=emptiness,
    needs=("maps",),
    higher_is_better=False,
    bounds=(0.0, math.inf),
    summary="Over how many pixels the map is spread, in bits: one more is twice as many.",
    citation="Bhatt et al. 2020",
    extra=True,
)
