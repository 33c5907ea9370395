"""What is left of the class when the photo is multiplied by the map, or by what the map leaves.

Chattopadhay et al. 2018; Jung and Oh 2021 for ADD.
"""

from __future__ import annotations

import math

import numpy as np

from xaicore.metrics.base import Metric, PerturbationTrace, probability

# Two passes of one photo in different batches may differ by this much in float32.
ROUNDING = 1e-5
NEARLY_CERTAIN = 0.999


def average_drop(trace: PerturbationTrace) -> np.ndarray:
    return signed_drop(trace).clip(min=0)


def signed_drop(trace: PerturbationTrace) -> np.ndarray:
    return _drop(trace, "kept")


def drop_in_deletion(trace: PerturbationTrace) -> np.ndarray:
    return _drop(trace, "removed")


def increase(trace: PerturbationTrace) -> np.ndarray:
    """1 where the masked photo scores higher, by log-odds: a probability soon reads exactly 1."""
    masked = trace.read("kept")
    return np.where(np.isnan(masked), np.nan, masked > trace.clean + ROUNDING)


def mean_increase(trace: PerturbationTrace) -> np.ndarray:
    gain = probability(trace.read("kept")) - probability(trace.clean)
    return gain.clip(min=0)


def _drop(trace: PerturbationTrace, name: str) -> np.ndarray:
    before, after = probability(trace.clean), probability(trace.read(name))
    return (before - after) / np.where(before == 0, np.nan, before)


def no_mask(trace: PerturbationTrace) -> str:
    """Say that a map has no mask; empty if it has one."""
    masked = trace.kept if trace.kept is not None else trace.removed
    if masked is not None and np.isnan(masked).any():
        return "Nothing in this map is positive, so there is no mask to lay over the photo."
    return ""


def no_room(trace: PerturbationTrace) -> str:
    """Say that the probability can hardly rise; empty if it can."""
    clean = float(probability(trace.clean)[0])
    if clean < NEARLY_CERTAIN:
        return ""
    return f"The network is all but certain already ({clean:.4f}), so there is no room to rise."


AD = Metric(
    name="ad",
    label="AD",
    compute=average_drop,
    caveat=no_mask,
    needs=("kept",),
    higher_is_better=False,
    bounds=(0.0, 1.0),
    summary="How much of the class is lost when only what the map calls salient is left to see.",
    citation="Chattopadhay et al. 2018",
)

IIC = Metric(
    name="iic",
    label="IIC",
    compute=increase,
    caveat=lambda trace: no_mask(trace) or no_room(trace),
    needs=("kept",),
    higher_is_better=True,
    bounds=(0.0, 1.0),
    summary="Whether the network is surer when only what the map calls salient is left to see.",
    citation="Chattopadhay et al. 2018",
)

AD_SIGNED = Metric(
    name="ad_signed",
    label="AD, signed",
    compute=signed_drop,
    caveat=no_mask,
    needs=("kept",),
    higher_is_better=False,
    bounds=(-math.inf, 1.0),
    summary="The average drop with gains counted as negative drops.",
    citation="after Chattopadhay et al. 2018",
    extra=True,
)

IIC_MEAN = Metric(
    name="iic_mean",
    label="IIC, mean",
    compute=mean_increase,
    caveat=lambda trace: no_mask(trace) or no_room(trace),
    needs=("kept",),
    higher_is_better=True,
    bounds=(0.0, 1.0),
    summary="By how much the probability rises when only what the map calls salient is left.",
    citation="after Chattopadhay et al. 2018",
    extra=True,
)

ADD = Metric(
    name="add",
    label="ADD",
    compute=drop_in_deletion,
    caveat=no_mask,
    needs=("removed",),
    higher_is_better=True,
    bounds=(-math.inf, 1.0),
    summary="How much of the class is lost when what the map calls salient is faded out.",
    citation="Jung and Oh 2021",
    extra=True,
)
