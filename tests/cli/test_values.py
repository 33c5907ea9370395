"""Words on the command line are values, or are told why they are none."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from xaicore.cli import values


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (values.path, "a b", Path("a b")),
        (values.positive, "12", 12),
        (values.seed, "0", 0),
        (values.seed, "9223372036854775807", 2**63 - 1),
        (values.seconds, "0", 0.0),
        (values.number, "1/255", 1 / 255),
        (values.number, "-1e-3", -0.001),
        (values.numbers, "0.5", 0.5),
        (values.numbers, "0,0,1/4", (0.0, 0.0, 0.25)),
        (values.positive_numbers, "1,2,3", (1.0, 2.0, 3.0)),
        (values.labels, 'a, "b, c"', ["a", "b, c"]),
        (values.labels, "ImageNet", "ImageNet"),
        (values.size, "224", 224),
        (values.size, "224x4096", (224, 4096)),
        (values.resize, "stretch", "stretch"),
        (values.resize, "crop:0.875", ("crop", 0.875)),
        (values.resize, "crop:256", ("crop", 256.0)),
        (values.device, "cuda:1", "cuda:1"),
    ],
)
def test_values_are_read(read: Callable[[str], Any], text: str, value: Any) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "texts"),
    [
        (values.path, ("",)),
        (values.positive, ("0", "-1", "1.5", "", "²")),
        (values.seed, ("-1", "9223372036854775808", "red")),
        (values.seconds, ("-1", "nan", "soon")),
        (values.number, ("1e999999999", "inf", "1/0", "/2", "1/2/3")),
        (values.numbers, ("1,2", "1,2,3,4", "1,,2")),
        (values.positive_numbers, ("0", "1,0,1", "-1")),
        (values.labels, ("cat", "", "a,,b")),
        (values.size, ("0", "4097", "2x", "x2", "2x0", "1x2x3")),
        (values.resize, ("crop", "crop:0", "crop:0.05", "crop:20000", "squash", "Stretch")),
        (values.device, ("abacus", "cuda:", "CPU", "")),
    ],
)
def test_what_is_no_value_is_refused(read: Callable[[str], Any], texts: tuple[str, ...]) -> None:
    for text in texts:
        with pytest.raises(ArgumentTypeError):
            print(text, read(text))


def test_the_largest_seed_suits_the_generator() -> None:
    assert torch.Generator().manual_seed(values.MOST_SEED).initial_seed() == values.MOST_SEED
