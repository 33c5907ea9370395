"""20,000 files grown from good ones, and the largest photos, in bounded time and memory."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.bad_photos import encode
from tests.photos.mutants import mutants
from tests.photos.tiff import tiff
from xaicore.photos import PhotoError, load_photo

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux' /proc"),
    pytest.mark.filterwarnings("ignore"),
]

FILES, ROUNDS = 20_000, 8
MOST_SECONDS, MOST_MEGABYTES, MOST_OF_LARGE = 2.0, 300, 600
SIDES = 9248, 6944  # 64 megapixels


def _megabytes(field: str) -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) / 1024


def cost_of(data: bytes) -> tuple[float, float, str]:
    """Processor seconds, megabytes at the peak, and what was said of a file."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
    before, started = _megabytes("VmRSS"), time.process_time()
    try:
        load_photo(data)
        said = ""
    except PhotoError as error:
        said = str(error)
    return time.process_time() - started, _megabytes("VmHWM") - before, said


def costs_of_mutants(seed: int) -> list[tuple[float, float, str]]:
    return [cost_of(data) for data in mutants(seed, FILES // ROUNDS)]


def apart(work, argument):
    """What ``work`` gives in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, (argument,))


@pytest.mark.parametrize("seed", range(1, ROUNDS + 1))
def test_mutants_take_little_time_and_memory(seed):
    costs = apart(costs_of_mutants, seed)
    assert len(costs) == FILES // ROUNDS
    assert max(seconds for seconds, _, _ in costs) < MOST_SECONDS
    assert max(megabytes for _, megabytes, _ in costs) < MOST_MEGABYTES


def photo() -> Image.Image:
    rough = Image.fromarray(np.random.default_rng(0).integers(0, 256, (217, 289, 3), np.uint8))
    return rough.resize(SIDES, Image.Resampling.NEAREST)


def grey(kind: type) -> np.ndarray:
    return np.asarray(photo().convert("L"), kind)


PACKED = {"compression": "zlib", "rowsperstrip": 64}
LARGE = {
    "JPEG": lambda: encode(photo(), "JPEG", quality=60),
    "progressive JPEG": lambda: encode(photo(), "JPEG", progressive=True, subsampling=0),
    "CMYK JPEG": lambda: encode(photo().convert("CMYK"), "JPEG", quality=50),
    "PNG": lambda: encode(photo(), "PNG", compress_level=1),
    "PNG seen through": lambda: encode(photo().convert("RGBA"), "PNG", compress_level=1),
    "16-bit PNG": lambda: encode(Image.fromarray(grey(np.uint16) * 257), "PNG", compress_level=1),
    "GIF": lambda: encode(photo().quantize(16, dither=Image.Dither.NONE), "GIF"),
    "HEIF": lambda: encode(photo(), "HEIF", quality=40),
    "AVIF": lambda: encode(photo(), "AVIF", quality=40, speed=10),
    "WebP": lambda: encode(photo().resize((6000, 5900)), "WEBP", quality=40, method=0),
    "TIFF": lambda: encode(photo(), "TIFF", compression="tiff_deflate"),
    "16-bit TIFF": lambda: tiff(np.asarray(photo(), np.uint16) * 257, photometric="rgb", **PACKED),
    "float TIFF": lambda: tiff(grey(np.float32) / 255, photometric="minisblack", **PACKED),
}


@pytest.mark.parametrize("kind", LARGE)
def test_the_largest_photos_take_bounded_memory(kind):
    _, megabytes, said = apart(cost_of, LARGE[kind]())
    assert said == ""
    assert megabytes < MOST_OF_LARGE
