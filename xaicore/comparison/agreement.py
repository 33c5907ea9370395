"""Maps of one photo side by side: where they agree, in figures and in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import rankdata

from xaicore.metrics.correlation import pearson
from xaicore.metrics.perturbation import rank_pixels

# Rank correlations from which on maps are said to agree, or to have something in common.
AGREE = 0.5
RELATED = 0.2


def top_area(saliency: np.ndarray, share: float, seed: int = 0) -> np.ndarray:
    """The most salient ``share`` of a map's pixels, bool [H, W].

    Always the same number of pixels: those of equal saliency come in a seeded random order, the
    same for every map.
    """
    ranks = rank_pixels(torch.tensor(saliency.copy())[None], seed)[0]
    return (ranks < round(share * ranks.numel())).numpy()


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two areas, bool [H, W]; NaN where both are empty."""
    union = (a | b).sum()
    return float((a & b).sum() / union) if union else math.nan


def chance_overlap(share: float) -> float:
    """The overlap to expect of two areas of this share that know nothing of each other."""
    return share / (2 - share)


@dataclass(frozen=True)
class Agreement:
    """Every pair of M maps: rank correlations and overlaps of top areas, float64 [M, M]."""

    correlations: np.ndarray
    overlaps: np.ndarray


def agreement(maps: Sequence[np.ndarray], share: float) -> Agreement:
    """Compare maps [H, W] of one photo; NaN where one of a pair is constant."""
    constant = np.array([np.ptp(saliency) == 0 for saliency in maps])
    undefined = constant[:, None] | constant
    ranks = np.stack([rankdata(saliency) for saliency in maps]).reshape(len(maps), -1)
    areas = [top_area(saliency, share) for saliency in maps]
    correlations = np.stack([pearson(ranks, row[None]) for row in ranks])
    overlaps = np.array([[overlap(a, b) for b in areas] for a in areas])
    return Agreement(correlations, np.where(undefined, np.nan, overlaps))


def agreement_sentence(labels: Sequence[str], correlations: np.ndarray) -> str:
    """Rank correlations [M, M] in words: "LIME and Grad-CAM agree; LRP looks elsewhere"."""
    known = [i for i in range(len(labels)) if not np.isnan(correlations[i, i])]
    agreeing, rest = _group(known, correlations, AGREE)
    partly, alone = _group(rest, correlations, RELATED)
    parts = [f"{_names(labels, group)} agree" for group in agreeing]
    parts += [f"{_names(labels, group)} agree only in part" for group in partly]
    if len(alone) > 1 and len(alone) == len(known):
        opposed = len(known) == 2 and correlations[known[0], known[1]] <= -RELATED
        does = "contradict each other" if opposed else "look at different places"
        parts.append(f"{_names(labels, alone)} {does}")
    elif len(known) > 1:
        parts += _say_rest(labels, alone, known, correlations)
    empty = [i for i in range(len(labels)) if i not in known]
    parts += [f"{labels[i]} is the same everywhere and cannot be compared" for i in empty]
    return "; ".join(parts) + "."


def _group(
    members: list[int], correlations: np.ndarray, least: float
) -> tuple[list[list[int]], list[int]]:
    """Put maps together while every pair of a group has ``least``, the closest first.

    Also returns those that stay alone.
    """
    groups = [[i] for i in members]
    while len(groups) > 1:
        pairs = [(a, b) for n, a in enumerate(groups) for b in groups[n + 1 :]]
        closest = max(pairs, key=lambda pair: correlations[np.ix_(*pair)].min())
        if correlations[np.ix_(*closest)].min() < least:
            break
        joined = sorted([*closest[0], *closest[1]])
        groups = sorted([*(group for group in groups if group not in closest), joined])
    together = [group for group in groups if len(group) > 1]
    return together, [group[0] for group in groups if len(group) == 1]


def _say_rest(
    labels: Sequence[str], alone: Sequence[int], known: Sequence[int], correlations: np.ndarray
) -> list[str]:
    """What to say of maps that belong to no group."""
    parts, elsewhere = [], []
    for one in alone:
        closest = max((i for i in known if i != one), key=lambda i: correlations[one, i])
        if correlations[one, closest] >= RELATED:
            parts.append(f"{labels[one]} agrees only in part, most with {labels[closest]}")
        else:
            elsewhere.append(one)
    if elsewhere:
        does = "looks elsewhere" if len(elsewhere) == 1 else "look elsewhere"
        parts.append(f"{_names(labels, elsewhere)} {does}")
    return parts


def _names(labels: Sequence[str], group: Sequence[int]) -> str:
    *first, last = (labels[i] for i in group)
    return " and ".join(filter(None, [", ".join(first), last]))


def consensus(maps: Sequence[np.ndarray]) -> np.ndarray:
    """What all maps [H, W] say at least: their weakest value where all have one sign, else 0."""
    stack = np.stack(maps)
    return np.clip(stack.min(0), 0, None) + np.clip(stack.max(0), None, 0)
