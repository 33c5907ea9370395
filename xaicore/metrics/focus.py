"""Focus: does a map of a mosaic find the tiles of the class it explains? (Arias-Duart et al. 2022)

Labels alone give the ground truth, so it works on any list of labelled photos.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image

from xaicore.explainers import explain
from xaicore.metrics.base import MetricError
from xaicore.networks.classifier import Classifier

CITATION = "Arias-Duart et al. 2022"


@dataclass(frozen=True)
class Mosaic:
    """Four square photos, two of each of two classes: ``labels`` [4] of the tiles, row by row."""

    picture: Image.Image
    labels: tuple[int, int, int, int]


def make_mosaics(
    photos: Sequence[Image.Image], labels: Sequence[int], count: int, size: int, seed: int = 0
) -> list[Mosaic]:
    """Draw mosaics of ``size``×``size`` pixels (even), each of two photos of each of two classes.

    Raises :class:`MetricError` unless exactly two classes have at least two photos each.
    """
    groups = {label: np.flatnonzero(np.asarray(labels) == label) for label in set(labels)}
    if len(groups) != 2 or min(len(group) for group in groups.values()) < 2:
        raise MetricError("A mosaic needs two photos of each of two classes.")
    generator = np.random.default_rng(seed)
    mosaics = []
    for _ in range(count):
        drawn = [generator.choice(groups[label], 2, replace=False) for label in sorted(groups)]
        tiles = generator.permutation(np.concatenate(drawn))
        first, second, third, fourth = (int(labels[tile]) for tile in tiles)
        picture = _join([photos[tile] for tile in tiles], size)
        mosaics.append(Mosaic(picture, (first, second, third, fourth)))
    return mosaics


def _join(tiles: Sequence[Image.Image], size: int) -> Image.Image:
    side = size // 2
    picture = Image.new("RGB", (2 * side, 2 * side))
    for index, tile in enumerate(tiles):
        row, column = divmod(index, 2)
        resized = tile.resize((side, side), Image.Resampling.BILINEAR)
        picture.paste(resized, (column * side, row * side))
    return picture


def to_batch(classifier: Classifier, mosaics: Sequence[Mosaic]) -> torch.Tensor:
    """Mosaics at their own size on the network's input scale, float32 [M, channels, size, size].

    Raises :class:`MetricError` for a size that the network cannot take.
    """
    grey = classifier.preprocessing.channels == 1
    pictures = [mosaic.picture.convert("L" if grey else "RGB") for mosaic in mosaics]
    pixels = torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures]))
    colours = pixels.view(*pixels.shape[:3], -1).permute(0, 3, 1, 2).float() / 255
    batch = classifier.normalise(colours).to(classifier.device)
    if not classifier.takes(batch):
        raise MetricError(
            f"This network cannot take mosaics of {batch.shape[-1]} × {batch.shape[-2]} pixels, "
            "so its Focus cannot be measured at that size."
        )
    return batch


def share_on_target(
    maps: np.ndarray, labels: Sequence[Sequence[int]], targets: Sequence[int]
) -> np.ndarray:
    """Share of positive relevance of maps [M, H, W] on the tiles of their target class.

    float64 [M]; 0.5 is chance; NaN for a map without positive relevance.
    """
    positive = np.asarray(maps, dtype=np.float64).clip(min=0)
    height, width = (side // 2 for side in positive.shape[1:])
    tiles = [
        positive[:, rows, columns].sum((1, 2))
        for rows in (slice(None, height), slice(height, None))
        for columns in (slice(None, width), slice(width, None))
    ]
    sums = np.stack(tiles, axis=1)
    right = np.asarray(labels) == np.asarray(targets)[:, None]
    total = sums.sum(1)
    return (sums * right).sum(1) / np.where(total == 0, np.nan, total)


def measure_focus(
    classifier: Classifier, mosaics: Sequence[Mosaic], explainer: str, **parameters: Any
) -> np.ndarray:
    """Focus of a method for both classes of every mosaic, float64 [M, 2], classes ascending."""
    batch = to_batch(classifier, mosaics)
    labels = [mosaic.labels for mosaic in mosaics]
    scores = []
    for place in range(2):
        class_indices = [sorted(set(tiles))[place] for tiles in labels]
        maps = explain(classifier, batch, explainer, class_indices, **parameters).maps
        scores.append(share_on_target(maps, labels, class_indices))
    return np.stack(scores, axis=1)
