"""Numbers and lists as people write them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from unicodedata import category

# Control characters, line breaks, and halves of characters.
_UNSHOWN = ("Cc", "Zl", "Zp", "Cs")


def format_number(value: float, decimals: int = 3) -> str:
    """A number with a true minus, "–" for NaN, and no sign where it rounds to zero."""
    if math.isnan(value):
        return "–"
    # z: what rounds to zero has no sign.
    return f"{value:z.{decimals}f}".replace("-", "−")


def join(words: Sequence[str]) -> str:
    """One word or more as a list in a sentence: "a, b and c"."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def plural(number: int, thing: str, things: str = "") -> str:
    """A number of things: "1 photo", "2 photos", "1,000 classes"; ``things`` where no s will do."""
    return f"{number:,} {thing if number == 1 else things or f'{thing}s'}"


def printable(text: str) -> str:
    r"""A name as one line of text: line breaks, controls and bytes that are not UTF-8 spelt out.

    Such as ``new\nline.jpg`` and ``caf\udce9.jpg``.
    """
    return "".join(
        c.encode("unicode_escape").decode() if category(c) in _UNSHOWN else c for c in text
    )
