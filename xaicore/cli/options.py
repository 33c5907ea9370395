"""Arguments that several commands share, and how they are read."""

from __future__ import annotations

import argparse
import csv
import sys
from fractions import Fraction
from pathlib import Path
from typing import NoReturn, TypeAlias

import torch

from xaicore.evaluation.patience import Patience
from xaicore.evaluation.store import Store
from xaicore.explainers import EXPLAINERS, USUAL
from xaicore.metrics.base import PROTOCOLS
from xaicore.networks.classifier import (
    BUNDLED_WEIGHTS,
    Classifier,
    choose_device,
    load_classifier,
)
from xaicore.networks.importing.load import load_network
from xaicore.networks.preprocessing import Resize, Size

USAGE_STATUS = 2
# What can be said of a network that somebody brings, as load_network takes it.
FACTS = ("architecture", "labels", "size", "mean", "std", "resize", "target_layer")


class Parser(argparse.ArgumentParser):
    """Answers a bad argument with one sentence instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_STATUS, f"{self.prog}: {message}; see --help\n")


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


def add_photos(parser: argparse.ArgumentParser) -> None:
    """Which photos: a folder or zip, a part of it, the first of it."""
    parser.add_argument(
        "--photos",
        type=Path,
        required=True,
        metavar="PATH",
        help="a folder or zip of photos; those in folders named Cat and Dog count as labelled",
    )
    parser.add_argument(
        "--split",
        choices=("all", "train", "validation", "test"),
        default="all",
        help="the part of PetNet's own data to take (default: %(default)s)",
    )
    parser.add_argument(
        "--limit", type=positive, metavar="N", help="take the first N photos (default: all)"
    )


def add_store(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--store",
        metavar="URL",
        help="where results are kept, as SQLAlchemy writes it "
        "(default: XAICORE_STORE, else a file of your own)",
    )

    parser.add_argument(
        "--patience",
        type=seconds,
        metavar="SECONDS",
        help="how long a store that is away is waited for (default: XAICORE_PATIENCE, else 60)",
    )


def open_store(options: argparse.Namespace) -> Store:
    """The store that was asked for; what it has to tell goes to stderr."""

    def tell(line: str) -> None:
        print(line, file=sys.stderr)

    store = Store(options.store, Patience(options.patience, tell=tell))
    if store.notice:
        tell(store.notice)
    return store


def add_methods(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--methods",
        nargs="+",
        choices=list(EXPLAINERS),
        default=list(USUAL),
        metavar="NAME",
        help=f"any of {', '.join(EXPLAINERS)} (default: {' '.join(USUAL)})",
    )


def add_protocol(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--protocol",
        choices=list(PROTOCOLS),
        default="gomez",
        help="how maps are tested (default: %(default)s)",
    )


def add_network(parser: argparse.ArgumentParser) -> None:
    """Which network: PetNet's weights or one that somebody brings, and the device it runs on."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument(
        "--weights",
        type=Path,
        default=BUNDLED_WEIGHTS,
        metavar="FILE",
        help="PetNet's weights, a .safetensors file (default: the bundled ones)",
    )
    either.add_argument(
        "--network",
        type=Path,
        metavar="FILE",
        help="a network of your own: weights, ONNX, or a folder or zip with a network.toml",
    )
    add_facts(parser)
    add_device(parser)


def add_facts(parser: argparse.ArgumentParser) -> None:
    """What the file of a network does not say of it."""
    facts = parser.add_argument_group(
        "what the network's file does not say", "what is given here wins over the file"
    )
    facts.add_argument(
        "--architecture", metavar="NAME", help="PetNet, or any name of torchvision or timm"
    )
    facts.add_argument(
        "--labels",
        type=labels_of,
        metavar="A,B,…",
        help='its classes in the order of the outputs, "no" before "yes"; or imagenet',
    )
    facts.add_argument(
        "--size", type=size_of, metavar="N|HxW", help="a side in pixels, or height and width"
    )
    scale = "one number or one a channel, on the scale 0…1, such as 0.5 or 0,0,1/255"
    for name in ("--mean", "--std"):
        facts.add_argument(name, type=numbers_of, metavar="X,…", help=scale)
    facts.add_argument(
        "--resize",
        type=resize_of,
        metavar="stretch|crop:AMOUNT",
        help="straight to the size, or the middle: a share up to 1, or the shorter side in pixels",
    )
    facts.add_argument("--target-layer", metavar="NAME", help="the layer that Grad-CAM looks at")


def check_network(options: argparse.Namespace) -> None:
    """Refuse facts about a network that is not given, before anything is loaded."""
    given = [name for name in FACTS if getattr(options, name) is not None]
    if given and options.network is None:
        option = given[0].replace("_", "-")
        options.parser.error(f"--{option} says something of a --network, and none is given")


def load_chosen(options: argparse.Namespace) -> Classifier:
    """The network that was asked for; what was taken for granted about it goes to stderr."""
    if options.network is None:
        return load_classifier(options.weights, options.device)
    facts = {name: getattr(options, name) for name in FACTS}
    classifier = load_network(options.network, **facts, device=options.device)
    for note in classifier.notes:
        print(note, file=sys.stderr)
    return classifier


def add_data_and_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="PATH",
        help="a folder or zip with a folder Cat and a folder Dog, as Kaggle's PetImages",
    )
    add_device(parser)


def add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--device",
        type=device_of,
        default="auto",
        help="auto (a GPU where there is one), cpu or cuda (default: %(default)s)",
    )


def positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def seconds(text: str) -> float:
    number = _number(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is less than nothing")
    return number


def labels_of(text: str) -> str | list[str]:
    """Names between commas, in quotes where a name holds one; ImageNet's stay a word."""
    if text.lower() == "imagenet":
        return text
    try:
        return next(csv.reader([text], skipinitialspace=True), [])
    except csv.Error as error:
        raise argparse.ArgumentTypeError("these are no names between commas") from error


def size_of(text: str) -> Size:
    height, by, width = text.lower().partition("x")
    if not height.isdecimal() or (by and not width.isdecimal()):
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a side, such as 224, nor height and width, such as 224x160"
        )
    return (int(height), int(width)) if by else int(height)


def numbers_of(text: str) -> float | tuple[float, ...]:
    numbers = tuple(_number(part) for part in text.split(","))
    return numbers if len(numbers) > 1 else numbers[0]


def resize_of(text: str) -> Resize:
    if text == "stretch":
        return "stretch"
    kind, _, amount = text.partition(":")
    if kind != "crop":
        raise argparse.ArgumentTypeError(f"{text!r} is neither stretch nor crop:AMOUNT")
    return "crop", _number(amount)


def _number(text: str) -> float:
    """A number, or a fraction such as 1/255."""
    try:
        return float(Fraction(text))
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from error


def device_of(text: str) -> torch.device:
    try:
        device = choose_device(text)
        torch.empty(0, device=device)
    except Exception as error:  # torch raises many types for a device it does not have
        raise argparse.ArgumentTypeError(f"there is no device {text!r} here") from error
    return device
