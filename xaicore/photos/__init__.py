"""A file, bytes or a PIL picture → an upright RGB photo; the one place that distrusts input."""

from __future__ import annotations

import io

import pillow_heif
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from xaicore.photos.decoding import decode
from xaicore.photos.errors import (
    MAX_BYTES,
    MAX_PIXELS,
    PhotoError,
    damaged,
    no_picture,
    too_many_pixels,
)
from xaicore.photos.headers import refuse_camera_raw, refuse_webp_size
from xaicore.photos.reading import FileSource, read
from xaicore.photos.tiffs import STARTS, open_tiff

__all__ = [
    "FORMATS",
    "MAX_BYTES",
    "MAX_PIXELS",
    "SUFFIXES",
    "PhotoError",
    "PhotoSource",
    "load_photo",
]

# Naming them keeps Pillow's rarer decoders, one of which starts Ghostscript, out of reach.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "HEIF", "AVIF")
# Those of JPEGs that hold several pictures, of which the first is the photo.
_SEVERAL = ("MPO",)

PhotoSource = FileSource | Image.Image

pillow_heif.register_heif_opener()
# Programs that make pictures write megabytes of notes beside them.
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = 64 * 2**20


def _suffixes() -> tuple[str, ...]:
    known = Image.registered_extensions().items()
    return tuple(sorted(suffix for suffix, form in known if form in (*FORMATS, *_SEVERAL)))


# What the names of photos end with, in lower case, with the dot.
SUFFIXES = _suffixes()


def load_photo(source: PhotoSource) -> Image.Image:
    """Read a photo and turn it upright.

    ``source`` is a path, bytes, a file open for reading, a pipe, or a picture. Returns a new RGB
    picture without metadata, in sRGB: colour profile and EXIF rotation applied, transparency laid
    on white, deeper values scaled to 8-bit, the first frame of an animation; above 16 megapixels it
    is halved. Raises :class:`PhotoError` for anything that is not a whole picture of at most 40 MB
    and 65 megapixels (judged from its header), and for a camera's raw file.
    """
    if isinstance(source, Image.Image):
        return decode(source)
    data = read(source)
    with _open(data) as picture:
        return decode(picture, data)


def _open(data: bytes) -> Image.Image:
    """Read the header only; of a picture of 8-bit values no pixel is decoded."""
    refuse_camera_raw(data)
    refuse_webp_size(data)
    try:
        if data.startswith(STARTS):
            return open_tiff(data)
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except PhotoError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise too_many_pixels() from error
    except UnidentifiedImageError as error:
        raise no_picture() from error
    except Exception as error:  # each decoder fails in its own way on a broken header
        raise damaged() from error
