"""ROAD: pixels are removed so that their shape tells nothing (Rong et al. 2022).

A removed pixel becomes the weighted mean of its neighbours, known or removed themselves, plus a
little noise: nothing is left to see where it was.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import torch
from scipy import sparse
from scipy.sparse.linalg import splu

from xaicore.metrics.base import Metric, PerturbationTrace
from xaicore.metrics.curves import LEAST_CHANGE, evenness
from xaicore.metrics.perturbation import Scorer, fit_maps, rank_pixels
from xaicore.networks.classifier import Classifier

SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
ORDERS = ("most salient first", "least salient first")
BESIDE, DIAGONAL = 1 / 6, 1 / 12
# Standard deviation in colours, on the scale 0…1.
NOISE = 0.01


def trace_imputed(
    scorer: Scorer,
    batch: torch.Tensor,
    saliency: torch.Tensor,
    owners: torch.Tensor,
    class_indices: torch.Tensor,
    seed: int,
) -> np.ndarray:
    """Probabilities float64 [M, 2, shares] of photos without pixels, by ``ORDERS`` and ``SHARES``.

    Map i of ``saliency`` [M, H, W] is one of photo ``owners[i]`` of ``batch`` [B, C, H, W].
    """
    ranks = rank_pixels(saliency, seed).cpu().numpy()
    photos = scorer.classifier.denormalise(batch).double().cpu().numpy()
    noise = draw_noise(photos.shape[1:], seed)
    count = len(ORDERS) * len(SHARES)

    def make(indices: torch.Tensor) -> torch.Tensor:
        pictures = []
        for which, place in zip(*divmod(indices.cpu().numpy(), count), strict=True):
            order, share = divmod(int(place), len(SHARES))
            gone = removed(ranks[which], SHARES[share], least=bool(order))
            pictures.append(remove(photos[owners[which]], gone, noise))
        return scorer.classifier.normalise(torch.from_numpy(np.stack(pictures)).to(batch))

    scorer.total += len(saliency) * count
    odds = scorer.score(make, class_indices[owners].repeat_interleave(count))
    return odds.sigmoid().cpu().numpy().reshape(len(saliency), len(ORDERS), len(SHARES))


def pictures_without(
    classifier: Classifier,
    photo: torch.Tensor,
    saliency: np.ndarray,
    shares: Sequence[float],
    seed: int = 0,
) -> np.ndarray:
    """What the network sees of a photo [1, C, H, W] without pixels of its map [h, w].

    Colours 0…1, float32 [2, shares, H, W, C], by ``ORDERS``.
    """
    fitted = fit_maps(saliency[None], torch.zeros(1, dtype=torch.int64), photo)
    ranks = rank_pixels(fitted, seed)[0].cpu().numpy()
    pixels = classifier.denormalise(photo)[0].double().cpu().numpy()
    noise = draw_noise(pixels.shape, seed)
    pictures = [
        remove(pixels, removed(ranks, share, least), noise)
        for least in (False, True)
        for share in shares
    ]
    colours = np.moveaxis(np.stack(pictures), 1, -1).clip(0, 1).astype(np.float32)
    return colours.reshape(2, len(shares), *colours.shape[1:])


def remove(photo: np.ndarray, gone: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """A photo [C, H, W] with noise upon what is filled in for the ``gone`` pixels."""
    return impute(photo, gone) + noise * gone


def removed(ranks: np.ndarray, share: float, least: bool = False) -> np.ndarray:
    """The share of the pixels that comes first, or last, among ranks [H, W], bool [H, W]."""
    count = round(share * ranks.size)
    return ranks >= ranks.size - count if least else ranks < count


def draw_noise(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """What is added to imputed pixels, the same for all photos, float64 of a photo's shape."""
    return np.random.default_rng(seed).normal(scale=NOISE, size=shape)


def impute(photo: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """A photo [C, H, W] whose ``gone`` pixels, bool [H, W], are means of their neighbours.

    Rong et al. 2022, section 4.2, equation 8; at the border fewer neighbours share the weight.
    """
    missing = gone.ravel()
    if not missing.any():
        return photo
    rows = _equations(*gone.shape)[missing]
    known = photo.reshape(len(photo), -1)[:, ~missing]
    # The system is symmetric and diagonally dominant: no pivoting is needed.
    factors = splu(
        rows[:, missing].tocsc(),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0,
        options={"SymmetricMode": True},
    )
    flat = photo.reshape(len(photo), -1).copy()
    flat[:, missing] = factors.solve(-(rows[:, ~missing] @ known.T)).T
    return flat.reshape(photo.shape)


@functools.lru_cache(maxsize=4)
def _equations(height: int, width: int) -> sparse.csr_array:
    """One row a pixel [HW, HW]: itself less the weighted mean of its neighbours is 0."""
    down, across = _beside(height), _beside(width)
    here, there = sparse.eye_array(height), sparse.eye_array(width)
    weights = BESIDE * (sparse.kron(down, there) + sparse.kron(here, across))
    weights = weights + DIAGONAL * sparse.kron(down, across)
    return sparse.csr_array(sparse.diags_array(weights.sum(1)) - weights)


def _beside(count: int) -> sparse.dia_array:
    """Which of ``count`` pixels in a line are neighbours, [count, count]."""
    return sparse.diags_array([np.ones(count - 1)] * 2, offsets=[-1, 1], shape=(count, count))


def gap(trace: PerturbationTrace) -> np.ndarray:
    """How much sooner the class goes with the most salient pixels than with the least."""
    most, least = np.moveaxis(trace.read("imputed"), 1, 0)
    return (least - most).mean(1)


def _stillness(trace: PerturbationTrace) -> str:
    """Say that the probability hardly moves; empty if it does."""
    values = trace.read("imputed")
    if np.ptp(values) >= LEAST_CHANGE:
        return ""
    return (
        f"The probability hardly moves, from {values.min():.3f} to {values.max():.3f}, "
        "whatever pixels are removed."
    )


ROAD = Metric(
    name="road",
    label="ROAD",
    compute=gap,
    caveat=lambda trace: evenness(trace) or _stillness(trace),
    needs=("imputed",),
    higher_is_better=True,
    bounds=(-1.0, 1.0),
    summary="How much sooner the class goes without the most salient pixels than without the "
    "least, where removed pixels are filled in from their neighbours.",
    citation="Rong et al. 2022",
    extra=True,
)
