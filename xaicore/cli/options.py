"""Arguments that several commands share, checked before anything is loaded, and what they name."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from xaicore.cli import values
from xaicore.cli.parser import Names
from xaicore.cli.stopping import goes_on
from xaicore.files import FileError
from xaicore.names import METHODS, PROTOCOLS, USUAL_METHODS
from xaicore.progress import tell

if TYPE_CHECKING:
    import torch

    from xaicore.evaluation.store import Store
    from xaicore.networks.classifier import Classifier

# What can be said of a network that somebody brings, as load_network takes it.
FACTS = ("architecture", "labels", "size", "mean", "std", "resize", "target_layer")


def add_photos(parser: argparse.ArgumentParser) -> None:
    """Which photos: a folder or zip, a part of it, the first of it."""
    parser.add_argument(
        "--photos",
        type=values.path,
        required=True,
        metavar="PATH",
        help="a folder or zip of photos; folders named Cat and Dog, or files named as cat.1.jpg, "
        "say what they show",
    )
    parser.add_argument(
        "--split",
        choices=("all", "train", "validation", "test"),
        default="all",
        help="the part of the data to take, by folders of that name, else as PetNet's own "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--limit",
        type=values.positive,
        metavar="N",
        help="take the first N photos that can be read (default: all)",
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
        type=values.seconds,
        metavar="SECONDS",
        help="how long a store that is away is waited for (default: XAICORE_PATIENCE, else 60)",
    )


def open_store(options: argparse.Namespace) -> Store:
    """The store that was asked for; what it has to tell goes to stderr."""
    from xaicore.evaluation.patience import Patience
    from xaicore.evaluation.store import Store

    store = Store(options.store, Patience(options.patience, tell=tell))
    if store.notice:
        tell(store.notice)
    return store


@contextlib.contextmanager
def kept_in_store(options: argparse.Namespace) -> Iterator[None]:
    """Say of work that a fault of the store or of the disk ends how it goes on."""
    from xaicore.evaluation.faults import StoreError

    try:
        yield
    except (StoreError, FileError) as error:
        raise type(error)(f"{error} {goes_on(options)}") from error


def add_methods(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--methods",
        action=Names,
        names=METHODS,
        default=list(USUAL_METHODS),
        help=f"any of {', '.join(METHODS)}, with commas or spaces between them "
        f"(default: {','.join(USUAL_METHODS)})",
    )


def add_protocol(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--protocol",
        choices=PROTOCOLS,
        default="gomez",
        help="how maps are tested (default: %(default)s)",
    )


def add_network(parser: argparse.ArgumentParser) -> None:
    """Which network: PetNet's weights or one that somebody brings, and the device it runs on."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument(
        "--weights",
        type=values.path,
        metavar="FILE",
        help="PetNet's weights, a .safetensors file (default: the bundled ones)",
    )
    either.add_argument(
        "--network",
        type=values.path,
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
        type=values.labels,
        metavar="A,B,…",
        help='its classes in the order of the outputs, "no" before "yes"; or imagenet',
    )
    facts.add_argument(
        "--size", type=values.size, metavar="N|HxW", help="a side in pixels, or height and width"
    )
    scale = "one number or one a channel, on the scale 0…1, such as 0.5 or 0,0,1/255"
    facts.add_argument("--mean", type=values.numbers, metavar="X,…", help=scale)
    facts.add_argument("--std", type=values.positive_numbers, metavar="X,…", help=scale)
    facts.add_argument(
        "--resize",
        type=values.resize,
        metavar="stretch|crop:AMOUNT",
        help="straight to the size, or the middle: a share up to 1, or the shorter side in pixels",
    )
    facts.add_argument("--target-layer", metavar="NAME", help="the layer that Grad-CAM looks at")


def check_network(options: argparse.Namespace) -> None:
    """Refuse a network that is not there, and facts about one that is not given."""
    given = [name for name in FACTS if getattr(options, name) is not None]
    if given and options.network is None:
        option = given[0].replace("_", "-")
        options.parser.error(f"--{option} says something of a --network, and none is given")
    if options.network is not None:
        check_there(options.network, "no file or folder")
    check_weights(options.weights)


def check_weights(weights: Path | None) -> None:
    """Refuse weights that are given and no file."""
    if weights is not None and not weights.is_file():
        raise FileError(f"There is no weights file at {weights}. Check the path.")


def check_there(path: Path, lacking: str = "nothing") -> None:
    """Refuse a file or folder that is not there."""
    if not path.exists():
        raise FileError(f"There is {lacking} at {path}. Check the path.")


def load_chosen(options: argparse.Namespace) -> Classifier:
    """The network that was asked for; what was taken for granted about it goes to stderr."""
    from xaicore.networks.classifier import BUNDLED_WEIGHTS, load_classifier
    from xaicore.networks.importing.load import load_network

    device = chosen_device(options)
    if options.network is None:
        return load_classifier(options.weights or BUNDLED_WEIGHTS, device)
    facts = {name: getattr(options, name) for name in FACTS}
    classifier = load_network(options.network, **facts, device=device)
    for note in classifier.notes:
        tell(note)
    return classifier


def chosen_device(options: argparse.Namespace) -> torch.device:
    """The device that was asked for; one that is not here is refused as a bad argument is."""
    import torch

    from xaicore.networks.classifier import choose_device

    try:
        device = choose_device(options.device)
        torch.empty(0, device=device)
    except Exception:  # torch raises many types for a device it does not have
        options.parser.error(f"there is no device {options.device!r} here")
    return device


def add_data_and_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=values.path,
        required=True,
        metavar="PATH",
        help="a folder or zip with a folder Cat and a folder Dog, as Kaggle's PetImages",
    )
    add_device(parser)


def add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--device",
        type=values.device,
        default="auto",
        help="auto (a GPU where there is one), cpu or cuda (default: %(default)s)",
    )
