"""Numbers as people write them."""

from __future__ import annotations

import math


def format_number(value: float, decimals: int = 3) -> str:
    """A number with a true minus, "–" for NaN, and no sign where it rounds to zero."""
    if math.isnan(value):
        return "–"
    # z: what rounds to zero has no sign.
    return f"{value:z.{decimals}f}".replace("-", "−")
