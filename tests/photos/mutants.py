"""Photos of every format, and files that are grown from them by chance."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from tests.bad_photos import encode
from tests.photos.tiff import tiff

# Lengths and counts that readers trip over.
NUMBERS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


def good_files() -> list[bytes]:
    """Small photos of every format, and of the many ways to write some of them."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (24, 32, 3), np.uint8)
    colour = Image.fromarray(pixels).resize((96, 72), Image.Resampling.BICUBIC)
    grey, clear = colour.convert("L"), colour.convert("RGBA")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif, notes = Image.Exif(), PngInfo()
    exif[0x0112] = 6
    notes.add_text("parameters", "a cat" * 200, zip=True)
    deep = np.asarray(colour, np.uint16) * 257
    moving = {"save_all": True, "append_images": [colour.rotate(90)]}
    return [
        encode(colour, "JPEG", icc_profile=profile, exif=exif.tobytes()),
        encode(colour, "JPEG", progressive=True),
        encode(colour.convert("CMYK"), "JPEG"),
        encode(colour, "PNG", icc_profile=profile, pnginfo=notes),
        encode(clear, "PNG"),
        encode(colour.quantize(), "PNG", transparency=3),
        encode(Image.fromarray(deep[..., 0]), "PNG"),
        encode(colour, "WEBP"),
        encode(clear, "WEBP", lossless=True),
        encode(colour, "WEBP", **moving),
        encode(colour.quantize(), "GIF", **moving),
        encode(colour, "BMP"),
        encode(colour.quantize(), "DIB"),
        encode(colour, "HEIF", exif=exif.tobytes()),
        encode(colour, "AVIF"),
        encode(colour, "TIFF"),
        encode(colour, "TIFF", compression="tiff_lzw"),
        encode(colour, "TIFF", compression="jpeg"),
        encode(grey.convert("1"), "TIFF", compression="group4"),
        tiff(deep, photometric="rgb"),
        tiff(np.moveaxis(deep, 2, 0).copy(), photometric="rgb", planarconfig="separate"),
        tiff(deep[..., 0], photometric="miniswhite", compression="zlib"),
        tiff(np.asarray(grey, np.float32) / 255, photometric="minisblack", tile=(16, 16)),
        tiff(np.asarray(colour), photometric="rgb", subfiletype=1),
    ]


def mutants(seed: int, number: int) -> Iterator[bytes]:
    """So many files, each a good one with one to six changes."""
    files = good_files()
    for one in range(number):
        rng = random.Random(f"{seed} {one}")
        data = bytearray(rng.choice(files))
        for _ in range(rng.randint(1, 6)):
            rng.choice(CHANGES)(data, rng, files)
        yield bytes(data)


def _place(data: bytearray, rng: random.Random) -> int:
    """A place in the file, half of the time in its first bytes, where most is decided."""
    end = len(data) if rng.random() < 0.5 else min(len(data), 512)
    return rng.randrange(end) if end else 0


def _flip(data: bytearray, rng: random.Random, _files: list[bytes]) -> None:
    for _ in range(rng.randint(1, 8)):
        if data:
            data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _write_number(data: bytearray, rng: random.Random, _files: list[bytes]) -> None:
    place, form = _place(data, rng), rng.choice(("<H", ">H", "<I", ">I"))
    size = struct.calcsize(form)
    number = rng.choice(NUMBERS) & (256**size - 1)
    data[place : place + size] = struct.pack(form, number)


def _cut_off(data: bytearray, rng: random.Random, _files: list[bytes]) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _take_out(data: bytearray, rng: random.Random, _files: list[bytes]) -> None:
    place = _place(data, rng)
    del data[place : place + rng.choice((1, 2, 4, 64))]


def _repeat(data: bytearray, rng: random.Random, _files: list[bytes]) -> None:
    place, size = _place(data, rng), rng.choice((1, 4, 64, 512))
    data[place:place] = data[place : place + size] * rng.choice((1, 2, 50))


def _splice(data: bytearray, rng: random.Random, files: list[bytes]) -> None:
    other = rng.choice(files)
    place = _place(data, rng)
    data[place:] = other[rng.randrange(len(other)) :]


CHANGES = (_flip, _flip, _write_number, _write_number, _cut_off, _take_out, _repeat, _splice)
