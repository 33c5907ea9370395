"""TIFFs, which can hold anything: what Pillow reads rightly, what tifffile reads, and the rest."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from PIL import Image

from xaicore.photos.depth import to_8_bit, white_of
from xaicore.photos.errors import (
    MAX_PIXELS,
    PhotoError,
    camera_raw,
    damaged,
    too_many_pixels,
    unusual_tiff,
)
from xaicore.photos.headers import refuse_size

STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
ORIENTATION, PROFILE, DNG_VERSION = 274, 34675, 50706
# How a sensor's values are told from a picture's, and what cameras compress them with.
SENSOR_VALUES = (32803, 34892)
CAMERA_COMPRESSIONS = (32767, 32769, 32770, 34713, 65000, 65535)
CANON = slice(8, 10), b"CR"
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2
ALPHA = (1, 2)
REDUCED = 1
MOST_PAGES = 64
# tifffile says so of compressions that it leaves to a package of its own.
LACKS_DECODER = "imagecodecs"
# Of values, unpacked: grey ones of 32 bits in the largest photo. Reading takes twice as much.
MOST_BYTES = 4 * MAX_PIXELS

logging.getLogger("tifffile").addFilter(lambda _record: False)


def open_tiff(data: bytes) -> Image.Image:
    """The first picture of a TIFF that is no thumbnail.

    Raises :class:`PhotoError` for a camera's raw file, and for values that cannot be read rightly.
    """
    import tifffile  # only a TIFF needs it

    place = 0
    try:
        with tifffile.TiffFile(io.BytesIO(data)) as file:
            pages = list(islice(_pages(file.pages), MOST_PAGES))
            if any(map(_is_camera_raw, pages)) or data[CANON[0]] == CANON[1]:
                raise camera_raw()
            whole = [page for page in pages if not page.subfiletype & REDUCED] or pages
            place = whole[0].index
            if not _is_pillows(whole[0]):
                return _picture_of(whole[0], data, place)
    except PhotoError:
        raise
    except Exception:  # where the tags are damaged, Pillow decides
        pass
    picture = Image.open(io.BytesIO(data), formats=("TIFF",))
    picture.seek(place)
    return picture


def _pages(pages: Any) -> Iterator[Any]:
    """All pages of a file, and those that lie within others."""
    for page in pages or ():
        yield page
        yield from _pages(page.pages)


def _is_camera_raw(page: Any) -> bool:
    return (
        DNG_VERSION in page.tags
        or page.photometric in SENSOR_VALUES
        or page.compression in CAMERA_COMPRESSIONS
    )


def _is_pillows(page: Any) -> bool:
    """Whether Pillow reads this page as what it is, as far as its tags tell."""
    if isinstance(page.index, tuple):  # it lies within another
        return False
    if page.bitspersample <= 8:
        return page.dtype is None or page.dtype.kind != "i"
    chunky = page.samplesperpixel in (3, 4) and page.planarconfig == 1
    return page.dtype == np.uint16 and chunky


def _picture_of(page: Any, data: bytes, place: int) -> Image.Image:
    """A page of any values as a picture of 8-bit ones, with its profile and orientation."""
    refuse_size(page.imagewidth, page.imagelength)
    if page.dtype is None or page.dtype.kind not in "iuf":
        raise unusual_tiff(_in_words(page))
    if page.nbytes > MOST_BYTES:
        most = MOST_BYTES // (page.dtype.itemsize * page.samplesperpixel)
        raise too_many_pixels(most, " of a TIFF with so many bits a pixel")
    values = _colours_first_to_last(page, _values(page, data, place))
    pixels = to_8_bit(values, white_of(values))
    if page.photometric == WHITE_IS_ZERO:
        pixels[..., 0] = 255 - pixels[..., 0]
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    if PROFILE in page.tags:
        picture.info["icc_profile"] = bytes(page.tags[PROFILE].value)
    if ORIENTATION in page.tags:
        picture.getexif()[ORIENTATION] = int(page.tags[ORIENTATION].value)
    return picture


def _values(page: Any, data: bytes, place: int) -> np.ndarray:
    try:
        return page.asarray()
    except Exception as error:
        if LACKS_DECODER not in str(error):
            raise damaged() from error
    if page.samplesperpixel > 1:
        raise unusual_tiff(_in_words(page))
    with Image.open(io.BytesIO(data), formats=("TIFF",)) as picture:
        picture.seek(place)
        values = np.asarray(picture)
    # Pillow has no unsigned 32-bit pictures, but keeps their bits.
    return values.view(np.uint32) if page.dtype == np.uint32 else values


def _colours_first_to_last(page: Any, values: np.ndarray) -> np.ndarray:
    """Values [H, W, 1 to 4]: grey or colours, and their opacity where there is one."""
    if page.planarconfig == 2 and values.ndim == 3:
        values = np.moveaxis(values, 0, -1)
    if values.ndim == 2:
        values = values[..., None]
    colours = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3}.get(page.photometric, 0)
    if values.ndim != 3 or not colours or values.shape[-1] < colours:
        raise unusual_tiff(_in_words(page))
    extra = tuple(page.extrasamples)
    return values[..., : colours + bool(extra and extra[0] in ALPHA)]


def _in_words(page: Any) -> str:
    """What a page holds, such as "floating-point 32-bit RGB values"."""
    kinds = {"f": "floating-point ", "i": "signed ", "c": "complex "}
    kind = kinds.get(page.dtype.kind, "") if page.dtype is not None else ""
    is_grey = page.photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO)
    colours = "grey" if is_grey else getattr(page.photometric, "name", "unknown")
    packed = getattr(page.compression, "name", "unknown")
    return f"{kind}{page.bitspersample}-bit {colours} values, compression {packed}"
