"""Bytes, a path or a PIL picture → an upright RGB photo; the one place that distrusts input."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

import numpy as np
import pillow_heif
from PIL import Image, ImageOps, UnidentifiedImageError

from xaicore.errors import PetlensError

MAX_BYTES = 20 * 2**20
MAX_PIXELS = 50_000_000
# Naming them keeps Pillow's rarer decoders, one of which starts Ghostscript, out of reach.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "HEIF", "AVIF")

PhotoSource = bytes | str | Path | Image.Image

pillow_heif.register_heif_opener()


class PhotoError(PetlensError):
    """A photo that cannot be used; the message says why and what to do, in plain words."""


def load_photo(source: PhotoSource) -> Image.Image:
    """Read a photo and turn it upright.

    Returns a new RGB picture without metadata: EXIF rotation applied, transparency laid on white,
    16-bit scaled to 8-bit, the first frame of an animation. Raises :class:`PhotoError` for anything
    that is not a whole picture of at most 20 MB and 50 megapixels (judged from its header).
    """
    if isinstance(source, Image.Image):
        return _to_photo(source)
    data = source if isinstance(source, bytes) else _read(Path(source))
    with _open(data) as picture:
        return _to_photo(picture)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        raise PhotoError(f"There is no readable file at {path}. Check the path.") from error


def _open(data: bytes) -> Image.Image:
    """Read the header only; no pixel is decoded."""
    if not data:
        raise PhotoError("This file is empty. Choose the photo again, or another copy of it.")
    if len(data) > MAX_BYTES:
        raise PhotoError(
            f"This file is larger than {MAX_BYTES // 2**20} MB, the most that is read. "
            "Save the photo at a smaller size and try again."
        )
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels() from error
    except UnidentifiedImageError as error:
        raise PhotoError(
            "This file is not a picture that can be read. "
            "Choose a JPEG, PNG, WebP, GIF, BMP, TIFF, HEIC or AVIF photo."
        ) from error
    except Exception as error:  # each decoder fails in its own way on a broken header
        raise _damaged() from error


def _to_photo(picture: Image.Image) -> Image.Image:
    if picture.width * picture.height > MAX_PIXELS:
        raise _too_many_pixels()
    try:
        picture.load()
        return _to_rgb(_upright(picture))
    except Exception as error:  # each decoder fails in its own way on damaged pixels
        raise _damaged() from error


def _too_many_pixels() -> PhotoError:
    return PhotoError(
        f"This picture has more than {MAX_PIXELS // 10**6} megapixels, the most that is read. "
        "Make it smaller and try again."
    )


def _damaged() -> PhotoError:
    return PhotoError(
        "This photo is damaged or was cut off part way. Copy or export it again, or choose another."
    )


def _upright(picture: Image.Image) -> Image.Image:
    # A broken EXIF block is no reason to refuse a picture whose pixels are whole.
    with contextlib.suppress(Exception):
        return ImageOps.exif_transpose(picture)
    return picture


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith(("I", "F")):
        picture = _to_8_bit(picture)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    # Through an array, so that neither metadata nor the caller's own object is handed back.
    return Image.fromarray(np.array(picture.convert("RGB")))


def _to_8_bit(picture: Image.Image) -> Image.Image:
    """Scale a grey picture of 16-bit, 32-bit or floating-point values to 8-bit."""
    values = np.nan_to_num(np.array(picture, dtype=np.float64))
    if picture.mode.startswith("I;16"):
        white = 65535.0
    else:  # The mode does not say what white is: take the least usual value that holds all.
        highest = float(values.max())
        white = next((usual for usual in (1.0, 255.0, 65535.0) if highest <= usual), highest)
    return Image.fromarray(np.uint8(np.clip(values / white, 0, 1) * 255 + 0.5))
