"""Cut a photo into superpixels, counted from 0 as LIME counts them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from skimage.segmentation import felzenszwalb, quickshift, slic

METHODS = ("slic", "quickshift", "felzenszwalb")
# quickshift and felzenszwalb take no count; the setting that comes nearest is used.
QUICKSHIFT_DISTANCES = (4, 6, 9, 14, 22, 40)
FELZENSZWALB_SCALES = (10, 20, 40, 80, 160, 320)


def cut(photo: np.ndarray, method: str, count: int, seed: int) -> np.ndarray:
    """Label each pixel of a photo, float64 [H, W, 1 or 3] in 0…1, with its superpixel.

    Labels, int64 [H, W], run from 0 without gaps; their number is near ``count``,
    seldom equal to it.
    """
    photo = np.ascontiguousarray(np.broadcast_to(photo, (*photo.shape[:2], 3)))
    if method == "slic":
        # Labels from 1, scikit-image's default, would shift every weight by one superpixel.
        labels = slic(photo, n_segments=count, compactness=10, sigma=1, start_label=0)
    elif method == "quickshift":
        labels = _nearest(
            lambda distance: quickshift(photo, kernel_size=3, max_dist=distance, rng=seed),
            QUICKSHIFT_DISTANCES,
            count,
        )
    else:
        labels = _nearest(
            lambda scale: felzenszwalb(photo, scale=scale, sigma=0.8, min_size=40),
            FELZENSZWALB_SCALES,
            count,
        )
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape)


def _nearest(
    segment: Callable[[float], np.ndarray], settings: tuple[float, ...], count: int
) -> np.ndarray:
    """Try settings from fine to coarse until the count is passed; keep the nearest result."""
    best = segment(settings[0])
    for setting in settings[1:]:
        labels = segment(setting)
        if abs(labels.max() + 1 - count) <= abs(best.max() + 1 - count):
            best = labels
        if labels.max() + 1 < count:
            break
    return best


def mean_colours(photo: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Paint every superpixel with its own mean colour, float64 [H, W, 3]."""
    sizes = np.bincount(labels.ravel())
    sums = [
        np.bincount(labels.ravel(), photo[..., channel].ravel())
        for channel in range(photo.shape[2])
    ]
    return (np.stack(sums, axis=1) / sizes[:, None])[labels]
