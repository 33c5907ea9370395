"""A network and what is to be said of it → one zip that :func:`load_network` reads."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

from xaicore.files import replace_file
from xaicore.networks.importing.bundle import SETTINGS
from xaicore.networks.importing.facts import Facts
from xaicore.networks.importing.load import Brought, bring
from xaicore.networks.importing.source import Source, open_source


def pack(
    target: str | Path,
    network: str | Path,
    settings: Mapping[str, object],
    card: str | Path | None = None,
) -> Brought:
    """Write a zip of a network's file, a network.toml and a model card, and say what it holds.

    ``settings`` are the entries of network.toml. The weights that an ONNX file keeps in a second
    file, ``….onnx.data``, come along.
    Raises :class:`NetworkError` for what :func:`load_network` could not read, and
    :class:`FileError` for a place that cannot be written to.
    """
    files = [open_source(network)]
    second = Path(f"{network}.data")
    if second.is_file():
        files.append(open_source(second))
    entries = {"file": Path(network).name, **settings}
    if card is not None:
        files.append(open_source(card))
        entries["card"] = Path(card).name
    data = _zipped(files, entries)
    brought = bring(data, Facts())
    replace_file(Path(target), data)
    return brought


def _zipped(files: list[Source], entries: Mapping[str, object]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for file in files:
            archive.writestr(zipfile.ZipInfo(Path(file.name).name), file.data)
        # Strings, numbers and lists are written in TOML as in JSON.
        lines = [
            f"{name} = {json.dumps(value, ensure_ascii=False)}\n"
            for name, value in entries.items()
            if value is not None
        ]
        archive.writestr(zipfile.ZipInfo(SETTINGS), "".join(lines))
    return buffer.getvalue()
