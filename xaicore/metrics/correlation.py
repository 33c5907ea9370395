"""Insertion and deletion correlation: do saliences say how much, not only in which order?

Gomez, Fréour and Mouchère 2022.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import spearmanr

from xaicore.metrics.base import Metric, PerturbationTrace
from xaicore.metrics.curves import evenness, flatness


def insertion_correlation(trace: PerturbationTrace) -> np.ndarray:
    return pearson(np.diff(trace.read("insertion"), axis=1), trace.saliency)


def deletion_correlation(trace: PerturbationTrace) -> np.ndarray:
    return pearson(-np.diff(trace.read("deletion"), axis=1), trace.saliency)


def pearson(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Correlation of each pair of rows [M, n] → [M]; NaN where a row is constant."""
    constant = (np.ptp(a, axis=1) == 0) | (np.ptp(b, axis=1) == 0)
    a, b = (_standardise(rows) for rows in (a, b))
    return np.where(constant, np.nan, (a * b).mean(1))


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's ρ of two maps, equal values sharing their mean rank; NaN where one is constant."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        # scipy would say so in a warning.
        return math.nan
    return float(spearmanr(a.ravel(), b.ravel()).statistic)


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
