"""Numbers as people write them."""

from __future__ import annotations

import math

import pytest

from xaicore.formatting import format_number, plural, printable


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


@pytest.mark.parametrize(
    ("number", "written"),
    [(0, "0 photos"), (1, "1 photo"), (2, "2 photos"), (2126, "2,126 photos")],
)
def test_one_thing_is_no_things(number: int, written: str) -> None:
    assert plural(number, "photo") == written
    assert plural(1, "class", "classes") == "1 class"
    assert plural(3, "class", "classes") == "3 classes"


def test_bytes_that_are_no_text_are_spelt_out() -> None:
    assert printable("caf\udce9, žluť") == "caf\\udce9, žluť"


def test_what_would_break_a_line_or_steer_a_terminal_is_spelt_out() -> None:
    assert printable("a\nb\u2028\x1b[2J 😺👩\u200d💻") == "a\\nb\\u2028\\x1b[2J 😺👩\u200d💻"
