"""Numbers and lists as people write them."""

from __future__ import annotations

import math
from collections.abc import Sequence


def format_number(value: float, decimals: int = 3) -> str:
    """A number with a true minus, "–" for NaN, and no sign where it rounds to zero."""
    if math.isnan(value):
        return "–"
    # z: what rounds to zero has no sign.
    return f"{value:z.{decimals}f}".replace("-", "−")


def join(words: Sequence[str]) -> str:
    """One word or more as a list in a sentence: "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
