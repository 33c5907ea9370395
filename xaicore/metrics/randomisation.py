"""Does a map follow the network? Its layers are made random, from the last to the first.

Adebayo et al. 2018; smoothed over noisy photos as by Hedström et al. 2024.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from skimage.metrics import structural_similarity

from xaicore.metrics.base import Metric, PerturbationTrace
from xaicore.metrics.correlation import rank_correlation
from xaicore.metrics.remaking import Remake, add_colours
from xaicore.networks.classifier import Classifier
from xaicore.networks.randomising import randomised_twins
from xaicore.progress import Progress, no_progress

# Noisy copies of each photo, and the standard deviation of their noise in colours 0…1.
COPIES = 3
NOISE = 0.1
# The side of the windows that SSIM looks through, in pixels.
WINDOW = 7


@dataclass(frozen=True)
class Randomised:
    """Maps of B photos by a network and by its ever more random twins.

    ``maps`` float32 [B, stages + 1, h, w], the network's own first; ``layers`` int64 [stages], how
    many of the last of ``total`` layers are random; ``correlations`` (Spearman's ρ) and
    ``similarities`` (SSIM of the absolute maps) with the network's own, float64 [B, stages], NaN
    where a map is the same everywhere.
    """

    maps: np.ndarray
    layers: np.ndarray
    total: int
    correlations: np.ndarray
    similarities: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        """Mean rank correlation over the stages that have one, float64 [B]."""
        return _mean_known(self.correlations)

    @property
    def likeness(self) -> np.ndarray:
        """Mean SSIM over the stages that have one, float64 [B]."""
        return _mean_known(self.similarities)


def randomise(
    remake: Remake,
    classifier: Classifier,
    batch: torch.Tensor,
    class_indices: torch.Tensor,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Randomised:
    """Have photos [B, C, H, W] be explained by random twins of the network, for the same classes.

    ``progress(done, total)`` counts maps of the batch; what it raises stops the work.
    """
    twins = randomised_twins(classifier, seed)
    noisy = noisy_copies(classifier, batch, seed)
    networks = [classifier, *(twin.classifier for twin in twins)]
    stages = []
    for number, network in enumerate(networks):
        total = np.zeros(())
        for place, copy in enumerate(noisy):
            total = total + remake(network, copy, class_indices)
            progress(number * COPIES + place + 1, len(networks) * COPIES)
        stages.append(total / COPIES)
    maps = np.stack(stages, axis=1).astype(np.float32)
    return Randomised(
        maps,
        np.array([twin.layers for twin in twins]),
        twins[0].total,
        np.array([[rank_correlation(own[0], other) for other in own[1:]] for own in maps]),
        np.array([[similarity(own[0], other) for other in own[1:]] for own in maps]),
    )


def mean_correlations(
    remake: Remake,
    classifier: Classifier,
    batch: torch.Tensor,
    class_indices: torch.Tensor,
    seed: int,
    progress: Progress,
) -> np.ndarray:
    """Mean rank correlation of each photo's maps with those of random twins, float64 [B]."""
    return randomise(remake, classifier, batch, class_indices, seed, progress).scores


def noisy_copies(classifier: Classifier, batch: torch.Tensor, seed: int) -> list[torch.Tensor]:
    """The photos with noise, the same for every photo."""
    generator = torch.Generator().manual_seed(seed)
    noise = NOISE * torch.randn(COPIES, *batch.shape[1:], generator=generator)
    return [add_colours(classifier, batch, one) for one in noise]


def similarity(a: np.ndarray, b: np.ndarray) -> float:
    """SSIM of two absolute maps [h, w], each over its maximum; NaN where one is constant."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    first, second = (np.abs(m) / np.abs(m).max() for m in (a, b))
    side = min(WINDOW, *a.shape)
    return float(
        structural_similarity(first, second, win_size=side - (side % 2 == 0), data_range=1.0)
    )


def _mean_known(values: np.ndarray) -> np.ndarray:
    """Mean of each row of its numbers, NaN where there are none."""
    known = ~np.isnan(values)
    counts = known.sum(1)
    return np.where(known, values, 0).sum(1) / np.where(counts, counts, np.nan)


def _constancy(trace: PerturbationTrace) -> str:
    """Say that there is no figure; empty if there is one."""
    if np.isnan(trace.read("randomised")).any():
        return "The maps to be compared are the same everywhere, or cannot be made once more."
    return ""


RANDOMISATION = Metric(
    name="randomisation",
    label="Randomisation",
    compute=lambda trace: trace.read("randomised"),
    caveat=_constancy,
    needs=("randomised",),
    higher_is_better=False,
    bounds=(-1.0, 1.0),
    summary="How like itself the map stays while the network forgets, layer by layer.",
    citation="Adebayo et al. 2018",
    extra=True,
)
