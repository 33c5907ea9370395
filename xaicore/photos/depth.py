"""Grey and colour values of more than 8 bits → 8-bit."""

from __future__ import annotations

import math

import numpy as np

USUAL_WHITES = (1.0, 255.0, 65535.0)
# Rendered pictures go a little beyond white in many places, and far beyond in few.
OVERSHOOT, HIGHLIGHTS, BRIGHT_SHARE = 1.1, 16.0, 0.95
# Of a large picture so many values tell how bright it is.
ENOUGH = 1_000_000
BAND_VALUES = 2_000_000


def white_of(values: np.ndarray) -> float:
    """The value of white in a picture [H, W, ...]: as its type says, or the least usual that fits.

    Of floating-point pictures, and those of 32-bit numbers, the type does not say it.
    """
    if values.dtype.kind == "f":
        return _least_usual(_bright(values), USUAL_WHITES)
    full = float(np.iinfo(values.dtype).max)
    if values.dtype.itemsize < 4:
        return full
    return _least_usual(float(values.max(initial=0)), (*USUAL_WHITES, full))


def to_8_bit(values: np.ndarray, white: float) -> np.ndarray:
    """Values 0…``white`` as uint8 [H, W, ...]; what is no number is black, the rest is cut off."""
    pixels = np.empty(values.shape, np.uint8)
    rows = max(1, BAND_VALUES // values[0].size)
    for top in range(0, len(values), rows):
        # In double precision, which holds all 32-bit numbers.
        band = np.nan_to_num(values[top : top + rows].astype(np.float64), posinf=white)
        pixels[top : top + rows] = np.clip(band / white, 0, 1) * 255 + 0.5
    return pixels


def _bright(values: np.ndarray) -> float:
    step = max(1, math.isqrt(values.size // ENOUGH))
    few = values[::step, ::step]
    few = few[np.isfinite(few)]
    if not few.size:
        return 0.0
    highest = float(np.max(values, where=np.isfinite(values), initial=0))
    return max(float(np.quantile(few, BRIGHT_SHARE)) / OVERSHOOT, highest / HIGHLIGHTS)


def _least_usual(needed: float, whites: tuple[float, ...]) -> float:
    return next((white for white in whites if needed <= white), needed)
