"""Arguments that several commands share, and how they are read."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn, TypeAlias

import torch

from xaicore.explainers import EXPLAINERS
from xaicore.metrics.base import PROTOCOLS
from xaicore.networks.classifier import BUNDLED_WEIGHTS, choose_device

USAGE_STATUS = 2


class Parser(argparse.ArgumentParser):
    """Answers a bad argument with one sentence instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_STATUS, f"{self.prog}: {message}; see --help\n")


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


def add_methods(parser: argparse.ArgumentParser) -> None:
    usual = [name for name, explainer in EXPLAINERS.items() if not explainer.extra]
    parser.add_argument(
        "--methods",
        nargs="+",
        choices=list(EXPLAINERS),
        default=usual,
        metavar="NAME",
        help=f"any of {', '.join(EXPLAINERS)} (default: {' '.join(usual)})",
    )


def add_protocol(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--protocol",
        choices=list(PROTOCOLS),
        default="gomez",
        help="how maps are tested (default: %(default)s)",
    )


def add_weights_and_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--weights",
        type=Path,
        default=BUNDLED_WEIGHTS,
        metavar="FILE",
        help="PetNet's weights, a .safetensors file (default: the bundled ones)",
    )
    add_device(parser)


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


def device_of(text: str) -> torch.device:
    try:
        device = choose_device(text)
        torch.empty(0, device=device)
    except Exception as error:  # torch raises many types for a device it does not have
        raise argparse.ArgumentTypeError(f"there is no device {text!r} here") from error
    return device
