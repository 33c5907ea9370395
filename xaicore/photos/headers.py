"""What a file is by its first bytes and marks, before a pixel is decoded."""

from __future__ import annotations

from xaicore.photos.errors import (
    MAX_PIXELS,
    MAX_RATIO,
    camera_raw,
    too_many_pixels,
    too_many_scans,
    too_narrow,
)

# A progressive JPEG has ten scans. Each decodes all pixels once more.
MAX_SCANS = 100
MAX_SCANNED_PIXELS = 1.2e9
START_OF_SCAN = b"\xff\xda"
# Raw files that are no TIFFs: of Canon, Fujifilm, Sigma, Minolta, Olympus and Panasonic.
CAMERA_RAW = (
    b"II\x1a\0\0\0HEAPCCDR",
    b"FUJIFILMCCD-RAW",
    b"FOVb",
    b"\0MRM",
    b"IIRO",
    b"IIRS",
    b"MMOR",
    b"IIU\0",
)
CANON_3 = b"ftypcrx "
WEBP = "WEBP"
# Its decoder holds four copies of the picture.
MOST_OF_WEBP = 36_000_000


def refuse_camera_raw(data: bytes) -> None:
    """Raise :class:`PhotoError` for a raw file that is no TIFF; those are told by their tags."""
    if data.startswith(CAMERA_RAW) or data[4:12] == CANON_3:
        raise camera_raw()


def refuse_many_scans(data: bytes, pixels: int) -> None:
    """Raise :class:`PhotoError` for a JPEG of ``pixels`` pixels that is drawn over and over."""
    # Within a scan's data this pair of bytes cannot stand; a thumbnail adds a few.
    scans = data.count(START_OF_SCAN)
    if scans > MAX_SCANS or scans * pixels > MAX_SCANNED_PIXELS:
        raise too_many_scans()


def refuse_size(width: int, height: int, picture_format: str | None = None) -> None:
    """Raise :class:`PhotoError` for a picture of more pixels than are read, or a narrow strip."""
    if width * height > MAX_PIXELS:
        raise too_many_pixels()
    if picture_format == WEBP and width * height > MOST_OF_WEBP:
        raise too_many_pixels(MOST_OF_WEBP, " of a WebP")
    if max(width, height) > MAX_RATIO * min(width, height):
        raise too_narrow(width, height)


def refuse_webp_size(data: bytes) -> None:
    """The same for an animated WebP, which takes memory for its pixels as soon as it is opened."""
    if data[:4] == b"RIFF" and data[8:16] == b"WEBPVP8X" and len(data) >= 30:
        width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        refuse_size(width, height, WEBP)
