"""Does a map stay where the network's answer stays? Photos are changed by too little to see.

Yeh et al. 2019, among changes that the network does not care about.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from xaicore.metrics.base import Metric, PerturbationTrace
from xaicore.metrics.remaking import Remake, add_colours
from xaicore.networks.classifier import Classifier
from xaicore.progress import Progress

# Changed copies of each photo, and how far a colour may move, on the scale 0…1.
COPIES = 6
REACH = 0.02
# By what share of itself the probability may move.
TOLERANCE = 0.01


@dataclass(frozen=True)
class Changed:
    """Maps of one photo and of its changed copies that leave the network's answer alone.

    ``photos`` float32 [n + 1, C, H, W] on the input scale and ``maps`` float32 [n + 1, h, w], those
    of the unchanged photo first; ``changes`` float64 [n], each ‖R(x') − R(x)‖ ÷ ‖R(x)‖.
    """

    photos: np.ndarray
    maps: np.ndarray
    changes: np.ndarray

    @property
    def score(self) -> float:
        """The largest change; NaN where no copy leaves the answer alone or the map is 0."""
        return float(self.changes.max()) if len(self.changes) else math.nan


def change(
    remake: Remake, classifier: Classifier, photo: torch.Tensor, class_index: int, seed: int = 0
) -> Changed:
    """Explain a photo [1, C, H, W] and those of its changed copies that the network sees alike."""
    photo = classifier.to_input(photo)
    copies = changed_copies(classifier, photo, seed)
    alike = torch.from_numpy(_alike(classifier, photo, copies, class_index))
    kept = torch.cat([photo, copies[alike.to(copies.device)]])
    maps = remake(classifier, kept, torch.full((len(kept),), class_index, device=kept.device))
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    size = np.linalg.norm(flat[0])
    changes = np.linalg.norm(flat[1:] - flat[0], axis=1) / (size if size else math.nan)
    return Changed(kept.cpu().numpy(), maps, changes)


def largest_changes(
    remake: Remake,
    classifier: Classifier,
    batch: torch.Tensor,
    class_indices: torch.Tensor,
    seed: int,
    progress: Progress,
) -> np.ndarray:
    """The largest relative change of the map of each photo [B, C, H, W], float64 [B]."""
    scores = []
    for photo, class_index in zip(batch.split(1), class_indices.tolist(), strict=True):
        scores.append(change(remake, classifier, photo, class_index, seed).score)
        progress(len(scores), len(batch))
    return np.array(scores)


def changed_copies(classifier: Classifier, photo: torch.Tensor, seed: int) -> torch.Tensor:
    """A photo with every colour moved a little, float32 [COPIES, C, H, W]."""
    generator = torch.Generator().manual_seed(seed)
    moves = torch.rand(COPIES, *photo.shape[1:], generator=generator) * 2 - 1
    return add_colours(classifier, photo, REACH * moves)


def _alike(
    classifier: Classifier, photo: torch.Tensor, copies: torch.Tensor, class_index: int
) -> np.ndarray:
    """Which copies the network gives the same class, and nearly the same probability, bool [n]."""
    before, after = classifier.predict(photo)[0], classifier.predict(copies)
    own = before[class_index]
    near = np.abs(after[:, class_index] - own) <= TOLERANCE * own
    return near & (after.argmax(1) == before.argmax())


def _nothing(trace: PerturbationTrace) -> str:
    """Say that there is no figure; empty if there is one."""
    if np.isnan(trace.read("changed")).any():
        return "No small change leaves the answer alone, or the map cannot be made once more."
    return ""


STABILITY = Metric(
    name="stability",
    label="Instability",
    compute=lambda trace: trace.read("changed"),
    caveat=_nothing,
    needs=("changed",),
    higher_is_better=False,
    bounds=(0.0, math.inf),
    summary="How much the map changes, at most, with a photo that the network sees alike.",
    citation="after Yeh et al. 2019",
    extra=True,
)
