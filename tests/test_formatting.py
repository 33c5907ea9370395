"""Numbers as people write them."""

from __future__ import annotations

import math

import pytest

from xaicore.formatting import format_number


@pytest.mark.parametrize(
    ("value", "decimals", "written"),
    [
        (0.12345, 3, "0.123"),
        (-0.12345, 2, "−0.12"),
        (-0.0004, 3, "0.000"),
        (-0.0006, 3, "−0.001"),
        (1234.5, 0, "1234"),
        (math.nan, 3, "–"),
    ],
)
def test_numbers_by_hand(value: float, decimals: int, written: str) -> None:
    assert format_number(value, decimals) == written


def test_three_decimals_are_the_rule() -> None:
    assert format_number(2 / 3) == "0.667"
