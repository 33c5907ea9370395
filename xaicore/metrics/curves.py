"""Insertion and deletion: areas under curves (Petsiuk et al. 2018)."""

from __future__ import annotations

import numpy as np

from xaicore.metrics.base import Metric, PerturbationTrace

# A curve that moves less than this says little about the order of the pixels.
LEAST_CHANGE = 0.02


def insertion_area(trace: PerturbationTrace) -> np.ndarray:
    return np.trapezoid(trace.read("insertion"), trace.fractions, axis=1)


def deletion_area(trace: PerturbationTrace) -> np.ndarray:
    return np.trapezoid(trace.read("deletion"), trace.fractions, axis=1)


def flatness(trace: PerturbationTrace, name: str) -> str:
    """Say that a curve hardly moves; empty if it does."""
    values = trace.read(name)
    if np.ptp(values) >= LEAST_CHANGE:
        return ""
    return (
        f"The probability hardly moves, from {values.min():.3f} to {values.max():.3f}, "
        "whatever pixels come first."
    )


def evenness(trace: PerturbationTrace) -> str:
    """Say that a map is the same everywhere; empty if it is not."""
    if np.ptp(trace.saliency) > 0:
        return ""
    return "The map is the same everywhere, so the order of its pixels is chance."


IAUC = Metric(
    name="iauc",
    label="IAUC",
    compute=insertion_area,
    caveat=lambda trace: evenness(trace) or flatness(trace, "insertion"),
    needs=("insertion",),
    higher_is_better=True,
    bounds=(0.0, 1.0),
    summary="How fast the class comes back as the most salient pixels return to a blurred photo.",
    citation="Petsiuk et al. 2018",
)

DAUC = Metric(
    name="dauc",
    label="DAUC",
    compute=deletion_area,
    caveat=lambda trace: evenness(trace) or flatness(trace, "deletion"),
    needs=("deletion",),
    higher_is_better=False,
    bounds=(0.0, 1.0),
    summary="How long the class holds out while the most salient pixels are removed.",
    citation="Petsiuk et al. 2018",
)
