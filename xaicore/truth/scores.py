"""A map against the mask of what decides: three figures, and the chance that each must beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import average_precision_score

from xaicore.errors import PetlensError


class TruthError(PetlensError):
    """Maps that cannot be held against masks; the message says why and what to do."""


@dataclass(frozen=True)
class Truth:
    """How maps lie on the masks of what decides, float64 [M] each; all have the same ``chance``.

    ``share`` of the positive relevance that lies in the mask, NaN where a map has none;
    ``pointing``, whether the most relevant pixel lies in it, ties counting by their share;
    ``auprc``, the area under precision and recall of relevance as a detector of the mask;
    ``chance``, the share of pixels in the mask. All are NaN where a mask is empty or a map is not
    finite.
    """

    share: np.ndarray
    pointing: np.ndarray
    auprc: np.ndarray
    chance: np.ndarray


def score_truth(maps: np.ndarray, masks: np.ndarray) -> Truth:
    """Hold maps [M, H, W] against masks, bool [M, H, W] or one [H, W] for all.

    Raises :class:`TruthError` where their sizes differ. Pointing: Zhang et al. 2018; share:
    Arras et al. 2022, relevance mass accuracy.
    """
    if maps.shape[-2:] != masks.shape[-2:]:
        raise TruthError(
            f"Maps of {maps.shape[-2:]} cannot be held against masks of {masks.shape[-2:]}; "
            "give both the same height and width."
        )
    masks = np.broadcast_to(masks, maps.shape)
    figures = [_score(one, mask) for one, mask in zip(maps.astype(np.float64), masks, strict=True)]
    return Truth(*np.array(figures, dtype=np.float64).reshape(-1, 4).T)


def _score(one: np.ndarray, mask: np.ndarray) -> tuple[float, float, float, float]:
    """Share, pointing, AUPRC and chance of one map."""
    if not mask.any() or not np.isfinite(one).all():
        return (np.nan,) * 4
    positive = one.clip(min=0)
    total = positive.sum()
    return (
        positive[mask].sum() / total if total else np.nan,
        mask[one == one.max()].mean(),
        average_precision_score(mask.ravel(), one.ravel()),
        mask.mean(),
    )
