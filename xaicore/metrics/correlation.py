"""Insertion and deletion correlation: do saliences say how much, not only in which order?

Gomez, Fréour and Mouchère 2022.
"""

from __future__ import annotations

import numpy as np

from xaicore.metrics.base import Metric, PerturbationTrace
from xaicore.metrics.curves import curve, evenness, flatness


def insertion_correlation(trace: PerturbationTrace) -> np.ndarray:
    return pearson(np.diff(curve(trace, "insertion"), axis=1), trace.saliency)


def deletion_correlation(trace: PerturbationTrace) -> np.ndarray:
    return pearson(-np.diff(curve(trace, "deletion"), axis=1), trace.saliency)


def pearson(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Correlation of each pair of rows [M, n] → [M]; NaN where a row is constant."""
    constant = (np.ptp(a, axis=1) == 0) | (np.ptp(b, axis=1) == 0)
    a, b = (_standardise(rows) for rows in (a, b))
    return np.where(constant, np.nan, (a * b).mean(1))


def _standardise(rows: np.ndarray) -> np.ndarray:
    spread = rows.std(1, keepdims=True)
    return (rows - rows.mean(1, keepdims=True)) / np.where(spread == 0, 1, spread)


IC = Metric(
    name="ic",
    label="IC",
    compute=insertion_correlation,
    caveat=lambda trace: evenness(trace) or flatness(trace, "insertion"),
    needs=("insertion",),
    higher_is_better=True,
    bounds=(-1.0, 1.0),
    summary="Whether the steps that the map calls more salient raise the probability more.",
    citation="Gomez et al. 2022",
)

DC = Metric(
    name="dc",
    label="DC",
    compute=deletion_correlation,
    caveat=lambda trace: evenness(trace) or flatness(trace, "deletion"),
    needs=("deletion",),
    higher_is_better=True,
    bounds=(-1.0, 1.0),
    summary="Whether removing what the map calls more salient lowers the probability more.",
    citation="Gomez et al. 2022",
)
