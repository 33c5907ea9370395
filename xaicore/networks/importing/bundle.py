"""A folder or zip that says all of a network: its weights, and what network.toml says of them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from xaicore.networks.errors import NetworkError
from xaicore.networks.importing.facts import Facts, facts_from
from xaicore.networks.importing.source import Files, Source, zip_files
from xaicore.networks.importing.tensors import member_names

SETTINGS = "network.toml"
MAX_SETTINGS_BYTES = 5 * 2**20
WEIGHTS_SUFFIXES = (".safetensors", ".onnx", ".pth", ".pt", ".bin", ".ckpt")
CARD_NAMES = ("card.md", "card.json", "README.md", "model_card.md", "model_card.json")
FORMATS = {"weights": "weights", "onnx": "ONNX"}


def is_bundle(source: Source) -> bool:
    """Whether it is a folder, or a zip with a network.toml in it."""
    return not source.data or any(
        PurePosixPath(name).name == SETTINGS for name in member_names(source)
    )


def open_bundle(source: Source) -> tuple[Source, Facts]:
    """The network's own file in a folder or zip, and what network.toml says of it.

    Raises :class:`NetworkError` for a folder without network.toml, and for one that is wrong.
    """
    files = zip_files(source) if source.data else source.beside
    if files is None or SETTINGS not in files.names:
        raise NetworkError(
            f"There is no {SETTINGS} in {source.name}. Put one beside the weights; "
            "'python -m xaicore pack' writes it."
        )
    settings = _settings(files.read(SETTINGS))
    file = settings.pop("file", None) or _only(files, WEIGHTS_SUFFIXES)
    card = settings.pop("card", None) or next((n for n in CARD_NAMES if n in files.names), None)
    form = settings.pop("format", None)
    if form is not None and str(form).lower() not in FORMATS:
        raise NetworkError(f'{SETTINGS}: format is "weights" or "onnx".')
    facts = facts_from(settings, SETTINGS)
    if form is not None:
        facts = replace(facts, format=FORMATS[str(form).lower()])
    if card is not None:
        facts = replace(facts, card=_text(files.read(str(card)), str(card)))
    return Source(str(file), files.read(str(file)), files), facts


def _settings(data: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(data, SETTINGS))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise NetworkError(
            f"{SETTINGS} is not written as TOML: one entry a line, such as size = 224."
        ) from error


def _text(data: bytes, name: str) -> str:
    try:
        if len(data) <= MAX_SETTINGS_BYTES:
            return data.decode()
    except UnicodeDecodeError as error:
        raise NetworkError(f"{name} is no text. Save it as UTF-8.") from error
    raise NetworkError(f"{name} is larger than {MAX_SETTINGS_BYTES // 2**20} MB. Make it shorter.")


def _only(files: Files, suffixes: Iterable[str]) -> str:
    found = [name for name in files.names if name.lower().endswith(tuple(suffixes))]
    if len(found) != 1:
        raise NetworkError(
            f"Which file holds the network is not clear. Add to {SETTINGS}: "
            'file = "weights.safetensors".'
        )
    return found[0]
