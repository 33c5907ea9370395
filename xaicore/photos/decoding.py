"""A picture that is opened, of any kind and size → an upright RGB photo, in bounded memory."""

from __future__ import annotations

import contextlib
import io
import threading

import numpy as np
from PIL import Image, ImageOps

from xaicore.photos.colours import to_srgb
from xaicore.photos.depth import to_8_bit, white_of
from xaicore.photos.errors import damaged
from xaicore.photos.headers import refuse_many_scans, refuse_size

# A photo of more pixels is halved, which leaves more than any network sees.
WHOLE_PIXELS = 16_500_000
# Above this size one photo is decoded at a time, so that two never need memory at once.
LARGE_PIXELS = 8_000_000
BAND_PIXELS = 2_000_000
ORIENTATION = 0x0112
END_OF_JPEG = b"\xff\xd9"
# What a JPEG is continued with where its end is missing: if pixels were missing, too, they differ.
CONTINUATIONS = (bytes(64), b"\xfe" * 64)

_ONE_LARGE = threading.Lock()


def decode(picture: Image.Image, data: bytes = b"") -> Image.Image:
    """The upright photo in 8-bit sRGB, at half its size above 16 megapixels.

    ``data`` is the picture's file, where it is one. Raises :class:`PhotoError` for what is damaged,
    too large or too narrow.
    """
    refuse_size(*picture.size, picture.format)
    pixels = picture.width * picture.height
    if picture.format in ("JPEG", "MPO"):
        refuse_many_scans(data, pixels)
    with _ONE_LARGE if pixels > LARGE_PIXELS else contextlib.nullcontext():
        try:
            return _decode(picture, data)
        except Exception as error:  # each decoder fails in its own way on damaged pixels
            raise damaged() from error


def _decode(picture: Image.Image, data: bytes) -> Image.Image:
    halve = picture.width * picture.height > WHOLE_PIXELS
    if halve and picture.format in ("JPEG", "MPO"):
        # The decoder itself halves: the whole photo is never in memory.
        picture.draft(None, (picture.width // 2, picture.height // 2))
        halve = picture.width * picture.height > WHOLE_PIXELS
    try:
        picture.load()
    except OSError:
        picture = _without_end(picture, data)
    return _upright(_in_bands(picture, 2 if halve else 1), _orientation_of(picture))


def _without_end(picture: Image.Image, data: bytes) -> Image.Image:
    """A JPEG that lacks nothing but its end; raises ``OSError`` where pixels are missing."""
    if picture.format not in ("JPEG", "MPO") or not data:
        raise OSError
    size = picture.size
    first, second = (_continued(data.removesuffix(b"\xff"), more, size) for more in CONTINUATIONS)
    if first.tobytes() != second.tobytes():
        raise OSError
    return first


def _continued(data: bytes, more: bytes, size: tuple[int, int]) -> Image.Image:
    picture = Image.open(io.BytesIO(data + more + END_OF_JPEG), formats=("JPEG",))
    picture.draft(None, size)
    picture.load()
    return picture


def _orientation_of(picture: Image.Image) -> int:
    # A broken EXIF block is no reason to refuse a picture whose pixels are whole.
    with contextlib.suppress(Exception):
        return int(picture.getexif().get(ORIENTATION, 1))
    return 1


def _upright(photo: Image.Image, orientation: int) -> Image.Image:
    if orientation == 1:
        return photo
    photo.getexif()[ORIENTATION] = orientation
    turned = ImageOps.exif_transpose(photo)
    # Through an array, so that no metadata stays.
    return Image.fromarray(np.array(turned))


def _in_bands(picture: Image.Image, factor: int) -> Image.Image:
    """The picture in 8-bit sRGB, shrunk by a factor, band after band."""
    convert = to_srgb(picture)
    white = white_of(np.asarray(picture)) if _is_deep(picture) else 0.0
    width, height = picture.size
    photo = Image.new("RGB", (-(-width // factor), -(-height // factor)))
    rows = max(1, BAND_PIXELS // width) * factor
    for top in range(0, height, rows):
        band = picture.crop((0, top, width, min(top + rows, height)))
        if white:
            band = Image.fromarray(to_8_bit(np.asarray(band), white))
        band = convert(band)
        photo.paste(band.reduce(factor) if factor > 1 else band, (0, top // factor))
    return photo


def _is_deep(picture: Image.Image) -> bool:
    return picture.mode.startswith(("I", "F"))
