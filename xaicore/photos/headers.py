"""What a file is by its first bytes and marks, before a pixel is decoded."""

from __future__ import annotations

from xaicore.photos.errors import camera_raw, too_many_scans

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
