"""Maps that know nothing of this network and photo: what a score must beat to mean something."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import percentileofscore
from skimage.filters import gaussian, sobel

from xaicore.metrics.base import Metric, MetricError
from xaicore.registry import Registry

_GAUSSIAN_SHARES = (1 / 4, 1 / 8, 1 / 3, 1 / 6)
_BLUR_SHARES = (1 / 16, 1 / 8, 1 / 32)
BAND_PERCENTILES = (10, 90)
_FLIPS = ((1, 2), (2,), (1,))


@dataclass(frozen=True)
class Control:
    """Registry entry of a control.

    ``make(batch, maps, draw)`` takes photos [B, 3, H, W], the maps under test [B, H, W] and the
    number of the draw below ``draws``, and gives float32 [B, H, W]. A ``derived`` control is made
    of the maps; one that is not ``blind`` still knows something of network and photo.
    """

    name: str
    label: str
    make: Callable[[torch.Tensor, np.ndarray, int], np.ndarray]
    draws: int
    summary: str
    derived: bool = False
    blind: bool = True


def draw_random(batch: torch.Tensor, maps: np.ndarray, draw: int) -> np.ndarray:
    """Every pixel a number of its own, drawn for this photo."""
    drawn = [_generator(photo, draw).random(maps.shape[1:]) for photo in batch]
    return np.stack(drawn).astype(np.float32)


def draw_gaussian(batch: torch.Tensor, maps: np.ndarray, draw: int) -> np.ndarray:
    """A bump in the middle, where photographers put what they photograph."""
    height, width = maps.shape[1:]
    rows = (np.arange(height) - (height - 1) / 2)[:, None] / (height * _GAUSSIAN_SHARES[draw])
    columns = (np.arange(width) - (width - 1) / 2)[None] / (width * _GAUSSIAN_SHARES[draw])
    bump = np.exp(-(rows**2 + columns**2) / 2).astype(np.float32)
    return np.repeat(bump[None], len(maps), axis=0)


def draw_edges(batch: torch.Tensor, maps: np.ndarray, draw: int) -> np.ndarray:
    """Sobel's edges of the photo's brightness."""
    brightness = batch.mean(1).cpu().numpy()
    return np.stack([sobel(photo) for photo in brightness]).astype(np.float32)


def mean_map(maps: Sequence[np.ndarray]) -> np.ndarray:
    """What methods say on average: the mean of their maps [B, H, W], each over its largest size."""
    peaks = [np.abs(own).max((1, 2), keepdims=True) for own in maps]
    scaled = [own / np.where(peak > 0, peak, 1) for own, peak in zip(maps, peaks, strict=True)]
    return np.asarray(np.mean(scaled, axis=0, dtype=np.float32))


def take_other(batch: torch.Tensor, maps: np.ndarray, draw: int) -> np.ndarray:
    """The map of another photo of the batch; raises :class:`MetricError` where there is none.

    The same photo twice is one photo.
    """
    whose = _first_equals(batch)
    firsts = sorted(set(whose))
    if len(firsts) < 2:
        raise MetricError("Another photo's map needs at least two photos.")
    shift = 1 + draw % (len(firsts) - 1)
    return maps[[firsts[firsts.index(first) - shift] for first in whose]]


def _first_equals(batch: torch.Tensor) -> list[int]:
    """For each photo the place of the first one that is equal to it."""
    contents = [photo.cpu().contiguous().numpy().tobytes() for photo in batch]
    return [contents.index(content) for content in contents]


def flip(batch: torch.Tensor, maps: np.ndarray, draw: int) -> np.ndarray:
    """The map turned upside down and mirrored, or only one of the two."""
    return np.flip(maps, _FLIPS[draw]).copy()


def blur(batch: torch.Tensor, maps: np.ndarray, draw: int) -> np.ndarray:
    """The map without its detail."""
    sigma = maps.shape[1] * _BLUR_SHARES[draw]
    return np.stack([gaussian(m, sigma, mode="reflect") for m in maps]).astype(np.float32)


def _generator(photo: torch.Tensor, draw: int) -> np.random.Generator:
    """The same numbers for the same photo, wherever in a batch it stands."""
    content = zlib.crc32(photo.cpu().contiguous().numpy().tobytes())
    return np.random.default_rng([draw, content])


CONTROLS: Registry[Control] = Registry(
    "control",
    MetricError,
    [
        Control("random", "Random", draw_random, 6, "Every pixel a random number."),
        Control("gaussian", "Centre", draw_gaussian, 4, "A Gaussian bump in the photo's middle."),
        Control("edges", "Edges", draw_edges, 1, "The edges of the photo, by Sobel's filter."),
        Control(
            "other", "Another photo's", take_other, 3, "The map of another photo.", derived=True
        ),
        Control(
            "flipped", "Flipped", flip, 3, "The map upside down, mirrored, or both.", derived=True
        ),
        Control(
            "blurred",
            "Blurred",
            blur,
            3,
            "The map without its detail; it still knows network and photo.",
            derived=True,
            blind=False,
        ),
    ],
)


def percentile_among_controls(metric: Metric, score: float, controls: np.ndarray) -> float:
    """Percent of the controls' scores that a score is better than; ties count half.

    Undefined controls are left out; NaN where the score or all controls are undefined.
    """
    if np.isnan(score) or np.isnan(controls).all():
        return float("nan")
    sign = 1 if metric.higher_is_better else -1
    beaten = percentileofscore(sign * controls, sign * score, kind="mean", nan_policy="omit")
    return float(beaten)


def share_tied(score: float, controls: np.ndarray) -> float:
    """Percent of the controls' scores that equal a score; NaN where all of them are undefined."""
    known = controls[~np.isnan(controls)]
    return float(100 * (known == score).mean()) if len(known) else float("nan")


def band(curves: np.ndarray) -> np.ndarray:
    """Where the middle four fifths of curves [M, n] run, lowest and highest, float64 [2, n]."""
    return np.percentile(curves, BAND_PERCENTILES, axis=0)
