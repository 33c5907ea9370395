"""What the command line's tests share: its status, what it says, a photo and small networks."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.networks.importing_files import safetensors_file, small_mobilenet, zip_file
from xaicore.cli import main

SETTINGS = """
architecture = "mobilenet_v3_small"
labels = ["fox", "owl", "yak"]
size = 64
mean = 0.5
std = 0.25
"""


def status(*arguments: object) -> int:
    """The exit status, whether returned or raised by argparse."""
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return int(stop.code or 0)


def sentence(capsys: pytest.CaptureFixture[str]) -> str:
    """What was said on stderr: one line, no traceback."""
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) == 1
    assert "Traceback" not in said
    return said


def write_mobilenet(file: Path, classes: int = 3) -> Path:
    file.write_bytes(safetensors_file(small_mobilenet(classes).state_dict()))
    return file


def write_bundle(file: Path, settings: str = SETTINGS) -> Path:
    """A zip that says all of a network of three classes."""
    weights = safetensors_file(small_mobilenet(3).state_dict())
    file.write_bytes(zip_file({"network.toml": settings, "net.safetensors": weights}))
    return file


def write_photos(folder: Path, count: int) -> Path:
    """Photos of plain patches, twice as wide as they are high."""
    folder.mkdir()
    for number in range(count):
        photo = Image.new("RGB", (120, 60), (40 * number, 90, 200))
        photo.paste((230, 40 * number, 20), (50, 10, 80, 50))
        photo.save(folder / f"{number}.png")
    return folder
