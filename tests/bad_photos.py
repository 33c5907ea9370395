"""Files that are no usable photo, for every test that hands one in: module, page and browser."""

from __future__ import annotations

import io
import struct
import zlib
from typing import NamedTuple

import numpy as np
from PIL import Image

from xaicore.photos import MAX_BYTES


class BadPhoto(NamedTuple):
    """A file's bytes, and a fragment of the sentence a person must read."""

    data: bytes
    says: str


def encode(picture: Image.Image, picture_format: str, **options: object) -> bytes:
    """The picture as the bytes of a file."""
    buffer = io.BytesIO()
    picture.save(buffer, picture_format, **options)
    return buffer.getvalue()


def png(width: int, height: int, bits: int = 8, colour_type: int = 2, rows: bytes = b"") -> bytes:
    """A PNG of what its header claims and of these rows, which need not fit the claim."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def cut(picture_format: str, share: float) -> bytes:
    """A file of noise, cut off after this share of its bytes."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    whole = encode(Image.fromarray(noise), picture_format)
    return whole[: int(share * len(whole))]


def oversized() -> bytes:
    """A whole JPEG followed by more bytes than are read."""
    return encode(Image.new("RGB", (8, 8)), "JPEG") + bytes(MAX_BYTES)


BAD_PHOTOS = {
    "empty.jpg": BadPhoto(b"", "empty"),
    "shopping-list.jpg": BadPhoto(b"milk, eggs, cat food\n" * 20, "not a picture"),
    "page.png": BadPhoto(b"<!doctype html><title>Not found</title>", "not a picture"),
    "drawing.eps": BadPhoto(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
    "cut-in-header.jpg": BadPhoto(cut("JPEG", 0.05), "damaged"),
    "cut.jpg": BadPhoto(cut("JPEG", 0.6), "damaged"),
    "cut.png": BadPhoto(cut("PNG", 0.6), "damaged"),
    "cut.webp": BadPhoto(cut("WEBP", 0.6), "damaged"),
    "cut.gif": BadPhoto(cut("GIF", 0.6), "damaged"),
    "cut.bmp": BadPhoto(cut("BMP", 0.6), "damaged"),
    "cut.tiff": BadPhoto(cut("TIFF", 0.6), "damaged"),
    "cut.avif": BadPhoto(cut("AVIF", 0.98), "damaged"),
    "cut.heic": BadPhoto(cut("HEIF", 0.6), "damaged"),
    "bomb.png": BadPhoto(png(30_000, 30_000), "65 megapixels"),
    "small-bomb.png": BadPhoto(png(9_000, 9_000), "65 megapixels"),
    "oversized.jpg": BadPhoto(oversized(), "larger than 40 MB"),
}
