"""Words on the command line → values, or a sentence on why they are none."""

from __future__ import annotations

import csv
import math
import re
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Literal

from xaicore.names import MAX_SIDE, SMALLEST_SHARE

# What every random generator takes.
MOST_SEED = 2**63 - 1
DEVICES = re.compile(r"auto|(cpu|cuda|mps|xpu)(:\d+)?")


def path(text: str) -> Path:
    """A place; nothing, as from a shell's variable that is not set, is none."""
    if not text:
        raise ArgumentTypeError("no path is given")
    return Path(text)


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def seed(text: str) -> int:
    if not text.isdecimal() or int(text) > MOST_SEED:
        raise ArgumentTypeError(f"{text!r} is not a whole number from 0 to {MOST_SEED}")
    return int(text)


def seconds(text: str) -> float:
    found = number(text)
    if found < 0:
        raise ArgumentTypeError(f"{text!r} is less than nothing")
    return found


def number(text: str) -> float:
    """A number, or a fraction such as 1/255."""
    over, _, under = text.partition("/")
    try:
        found = float(over) / float(under or 1)
    except (ValueError, ZeroDivisionError) as error:
        raise ArgumentTypeError(f"{text!r} is not a number") from error
    if not math.isfinite(found):
        raise ArgumentTypeError(f"{text!r} is not a number")
    return found


def numbers(text: str) -> float | tuple[float, ...]:
    """One number, or one for each of three colour channels."""
    found = tuple(number(part) for part in text.split(","))
    if len(found) not in (1, 3):
        raise ArgumentTypeError(f"{text!r} is neither one number nor three, one a colour channel")
    return found if len(found) > 1 else found[0]


def positive_numbers(text: str) -> float | tuple[float, ...]:
    found = numbers(text)
    if min(found if isinstance(found, tuple) else (found,)) <= 0:
        raise ArgumentTypeError(f"{text!r} is not above 0")
    return found


def labels(text: str) -> str | list[str]:
    """Names between commas, in quotes where a name holds one; ImageNet's stay a word."""
    if text.lower() == "imagenet":
        return text
    try:
        found = next(csv.reader([text], skipinitialspace=True), [])
    except csv.Error as error:
        raise ArgumentTypeError("these are no names between commas") from error
    if len(found) < 2 or not all(name.strip() for name in found):
        raise ArgumentTypeError(f"{text!r} is not at least two names between commas")
    return found


def size(text: str) -> int | tuple[int, int]:
    height, by, width = text.lower().partition("x")
    if not height.isdecimal() or (by and not width.isdecimal()):
        raise ArgumentTypeError(
            f"{text!r} is neither a side, such as 224, nor height and width, such as 224x160"
        )
    sides = int(height), int(width or height)
    if not all(1 <= side <= MAX_SIDE for side in sides):
        raise ArgumentTypeError(f"{text!r} is not from 1 to {MAX_SIDE} pixels a side")
    return sides if by else sides[0]


def resize(text: str) -> Literal["stretch"] | tuple[Literal["crop"], float]:
    if text == "stretch":
        return "stretch"
    kind, _, amount = text.partition(":")
    if kind != "crop":
        raise ArgumentTypeError(f"{text!r} is neither stretch nor crop:AMOUNT")
    found = number(amount)
    if not SMALLEST_SHARE <= found <= 4 * MAX_SIDE:
        raise ArgumentTypeError(
            f"{amount!r} is neither a share from {SMALLEST_SHARE:g} to 1 nor a side in pixels"
        )
    return "crop", found


def device(text: str) -> str:
    """A device's name; whether it is here shows when PyTorch is loaded."""
    if not DEVICES.fullmatch(text):
        raise ArgumentTypeError(f"there is no device {text!r} here")
    return text
