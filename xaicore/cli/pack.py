"""``pack``: a network and all that is to be said of it, as one zip."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from xaicore.cli import values
from xaicore.cli.options import FACTS, add_facts, check_there
from xaicore.cli.parser import Commands
from xaicore.cli.stopping import starts_again
from xaicore.files import check_file
from xaicore.formatting import plural
from xaicore.progress import shown

if TYPE_CHECKING:
    from xaicore.networks.importing.load import Brought

MAX_NAMED = 5


def add(commands: Commands) -> None:
    parser = commands.add_parser(
        "pack",
        help="pack a network and what is to be said of it into one zip",
        description="Write a zip with a network's file, a network.toml and a model card, which "
        "explain, evaluate and the dashboard take as it is, and check that it can be read.",
    )
    parser.add_argument(
        "network", type=values.path, metavar="FILE", help="weights (.safetensors, .pth) or .onnx"
    )
    parser.add_argument(
        "--out", type=values.path, required=True, metavar="ZIP", help="where the zip goes"
    )
    parser.add_argument("--card", type=values.path, metavar="FILE", help="a model card, as text")
    add_facts(parser)
    parser.set_defaults(run=run, stopped=starts_again)


def run(options: argparse.Namespace) -> None:
    for file in (options.network, options.card):
        if file is not None:
            check_there(file, "no file or folder")
    check_file(options.out)
    with shown("packing the network"):
        from xaicore.networks.importing.pack import pack

        brought = pack(options.out, options.network, settings_of(options), options.card)
    print("\n".join((f"Written to {options.out}.", *_holds(brought), *brought.notes)))


def settings_of(options: argparse.Namespace) -> dict[str, Any]:
    """The entries of network.toml."""
    settings = {name: getattr(options, name) for name in FACTS}
    resize = settings.pop("resize")
    if isinstance(resize, tuple):
        return {**settings, "crop": resize[1]}
    return {**settings, "resize": resize}


def _holds(brought: Brought) -> tuple[str, ...]:
    """Sentences on what is in the zip."""
    photos, labels = brought.preprocessing, brought.labels
    name = brought.facts.architecture or brought.facts.format
    named = ", ".join(labels[:MAX_NAMED])
    more = f" and {len(labels) - MAX_NAMED} more" if len(labels) > MAX_NAMED else ""
    colours = "grey" if photos.channels == 1 else "coloured"
    seen = "stretched" if photos.resize == "stretch" else "of their middle"
    return (
        f"It holds a network ({name}) of {plural(len(labels), 'class', 'classes')}: {named}{more}.",
        f"It sees {colours} photos of {photos.height}×{photos.width} pixels, {seen}.",
        "A model card is with it." if brought.facts.card else "There is no model card with it.",
    )
