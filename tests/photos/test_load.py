"""Every kind of picture comes out upright and in the right colours; every bad one is refused."""

from __future__ import annotations

import io
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.bad_photos import BAD_PHOTOS, BadPhoto, encode, png
from xaicore.photos import FORMATS, MAX_PIXELS, PhotoError, load_photo

RED, GREEN, BLUE, YELLOW = (230, 20, 30), (20, 200, 40), (30, 40, 220), (240, 220, 10)
# Corners in reading order. What is stored under each EXIF orientation so that it reads upright.
UPRIGHT = (RED, GREEN, BLUE, YELLOW)
TO_STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
LOSSY = 12


def corners_picture() -> Image.Image:
    """64×48 pixels, each quarter in its own colour."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:24, :32], pixels[:24, 32:], pixels[24:, :32], pixels[24:, 32:] = UPRIGHT
    return Image.fromarray(pixels)


def corners(photo: Image.Image) -> np.ndarray:
    """The colour at the middle of each quarter, in reading order [4, 3]."""
    width, height = photo.size
    places = [(x * width // 4, y * height // 4) for y in (1, 3) for x in (1, 3)]
    return np.array([photo.getpixel(place) for place in places], dtype=int)


def png_16(pixels: np.ndarray) -> bytes:
    """A 16-bit PNG, grey [H, W] or RGB [H, W, 3]; Pillow itself writes only the grey one."""
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return png(width, height, bits=16, colour_type=0 if pixels.ndim == 2 else 2, rows=rows)


def rgb_tiff_16(pixels: np.ndarray) -> bytes:
    """An uncompressed little-endian 16-bit RGB TIFF of one strip."""
    height, width = pixels.shape[:2]
    body = pixels.astype("<u2").tobytes()
    tags = [
        (256, 3, 1, width),
        (257, 3, 1, height),
        (258, 3, 3, 8 + len(body)),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, 8),
        (277, 3, 1, 3),
        (278, 3, 1, height),
        (279, 4, 1, len(body)),
    ]
    depths = struct.pack("<HHH", 16, 16, 16)
    directory = struct.pack("<H", len(tags))
    directory += b"".join(struct.pack("<HHII", *tag) for tag in tags) + struct.pack("<I", 0)
    start = 8 + len(body) + len(depths)
    return struct.pack("<2sHI", b"II", 42, start) + body + depths + directory


@pytest.mark.parametrize("picture_format", FORMATS)
def test_every_format_keeps_its_colours(picture_format: str) -> None:
    photo = load_photo(encode(corners_picture(), picture_format))
    assert (photo.mode, photo.size) == ("RGB", (64, 48))
    assert np.abs(corners(photo) - UPRIGHT).max() <= LOSSY


def test_an_animation_gives_its_first_frame() -> None:
    later = Image.new("RGB", (64, 48), "white")
    for picture_format in ("GIF", "WEBP", "PNG", "TIFF"):
        data = encode(corners_picture(), picture_format, save_all=True, append_images=[later])
        assert np.abs(corners(load_photo(data)) - UPRIGHT).max() <= LOSSY, picture_format


@pytest.mark.parametrize("orientation", TO_STORED)
@pytest.mark.parametrize("picture_format", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
def test_photos_come_out_upright(picture_format: str, orientation: int) -> None:
    turn = TO_STORED[orientation]
    stored = corners_picture() if turn is None else corners_picture().transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    photo = load_photo(encode(stored, picture_format, exif=exif.tobytes()))
    assert photo.size == (64, 48)
    assert np.abs(corners(photo) - UPRIGHT).max() <= LOSSY


@pytest.mark.parametrize("picture_format", ["PNG", "WEBP"])
@pytest.mark.parametrize("exif", [b"Exif\0\0XX*\0\0\0\0\x08", b"Exif\0\0MM\0*\0\0"])
def test_a_broken_exif_block_is_no_reason_to_refuse(picture_format: str, exif: bytes) -> None:
    data = encode(corners_picture(), picture_format, exif=exif)
    assert np.abs(corners(load_photo(data)) - UPRIGHT).max() <= LOSSY


@pytest.mark.parametrize(
    ("mode", "stored", "expected"),
    [
        ("1", 1, (255, 255, 255)),
        ("1", 0, (0, 0, 0)),
        ("L", 90, (90, 90, 90)),
        ("LA", (0, 51), (204, 204, 204)),  # black at a fifth: four fifths of the white shows
        ("RGBA", (200, 0, 100, 0), (255, 255, 255)),
        ("RGBA", (200, 0, 100, 255), (200, 0, 100)),
        ("RGBA", (255, 0, 0, 51), (255, 204, 204)),
        ("CMYK", (255, 0, 0, 0), (0, 255, 255)),
        ("CMYK", (0, 0, 0, 255), (0, 0, 0)),
        ("I;16", 65535, (255, 255, 255)),
        ("I;16", 257 * 100, (100, 100, 100)),
        ("I", 257 * 100, (100, 100, 100)),
        ("F", 0.2, (51, 51, 51)),
        ("F", 51.0, (51, 51, 51)),
    ],
)
def test_every_mode_becomes_rgb_by_value(mode: str, stored: Any, expected: tuple) -> None:
    picture = Image.new(mode, (4, 4), stored)
    assert load_photo(picture).getpixel((1, 1)) == expected
    picture_format = "TIFF" if mode in ("CMYK", "F", "I") else "PNG"
    assert load_photo(encode(picture, picture_format)).getpixel((1, 1)) == expected


def test_cmyk_jpeg() -> None:
    data = encode(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), "JPEG")
    assert np.abs(np.array(load_photo(data)) - (0, 255, 255)).max() <= LOSSY


@pytest.mark.parametrize("picture_format", ["PNG", "GIF"])
def test_palette_with_a_transparent_colour_lies_on_white(picture_format: str) -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 200, 100, 50])
    palette.putpixel((1, 0), 1)
    solid = load_photo(encode(palette, picture_format))
    assert [solid.getpixel((x, 0)) for x in (0, 1)] == [(10, 20, 30), (200, 100, 50)]
    photo = load_photo(encode(palette, picture_format, transparency=0))
    assert [photo.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), (200, 100, 50)]


def test_grey_and_rgb_with_a_transparent_colour_lie_on_white() -> None:
    grey = encode(Image.new("L", (2, 2), 7), "PNG", transparency=7)
    colour = encode(Image.new("RGB", (2, 2), (1, 2, 3)), "PNG", transparency=(1, 2, 3))
    assert load_photo(grey).getpixel((0, 0)) == (255, 255, 255)
    assert load_photo(colour).getpixel((0, 0)) == (255, 255, 255)


def test_16_bit_files_are_scaled_not_clipped() -> None:
    grey = np.array([[0, 257 * 3], [257 * 128, 65535]], np.uint16)
    assert np.array(load_photo(png_16(grey)))[..., 0].tolist() == [[0, 3], [128, 255]]
    colour = np.array([[[0, 257 * 3, 65535]]], np.uint16)
    assert load_photo(png_16(colour)).getpixel((0, 0)) == (0, 3, 255)
    assert load_photo(rgb_tiff_16(colour)).getpixel((0, 0)) == (0, 3, 255)


def test_a_dark_16_bit_picture_stays_dark() -> None:
    assert load_photo(Image.new("I;16", (2, 2), 257)).getpixel((0, 0)) == (1, 1, 1)
    assert load_photo(Image.new("F", (2, 2), 0.0)).getpixel((0, 0)) == (0, 0, 0)


def test_path_text_bytes_and_picture_give_the_same(tmp_path: Path) -> None:
    data = encode(corners_picture(), "PNG")
    path = tmp_path / "corners.png"
    path.write_bytes(data)
    for source in (data, path, str(path), Image.open(io.BytesIO(data)), corners_picture()):
        assert np.array_equal(np.array(load_photo(source)), np.array(corners_picture()))


def test_the_result_is_new_and_bare() -> None:
    exif = Image.Exif()
    exif[0x0112] = 1
    exif[0x010F] = "Camera"
    source = Image.open(
        io.BytesIO(encode(corners_picture(), "JPEG", exif=exif.tobytes(), dpi=(9, 9)))
    )
    photo = load_photo(source)
    assert photo is not source
    assert not photo.getexif()
    assert photo.info == {}
    plain = corners_picture()
    load_photo(plain).putpixel((0, 0), (0, 0, 0))
    assert plain.getpixel((0, 0)) == RED


@pytest.mark.parametrize(("data", "says"), BAD_PHOTOS.values(), ids=BAD_PHOTOS)
def test_bad_files_get_their_sentence(data: bytes, says: str) -> None:
    with pytest.raises(PhotoError, match=re.escape(says)) as caught:
        load_photo(data)
    assert re.fullmatch(r"[A-Z][^!]+\.", str(caught.value))


@pytest.mark.parametrize("bad", [BAD_PHOTOS["cut.jpg"], BAD_PHOTOS["small-bomb.png"]])
def test_a_bad_file_opened_elsewhere_gets_its_sentence_too(bad: BadPhoto) -> None:
    with pytest.raises(PhotoError, match=bad.says):
        load_photo(Image.open(io.BytesIO(bad.data)))


def test_an_oversized_file_is_refused_by_path(tmp_path: Path) -> None:
    path = tmp_path / "oversized.jpg"
    path.write_bytes(BAD_PHOTOS["oversized.jpg"].data)
    with pytest.raises(PhotoError, match="larger than 40 MB"):
        load_photo(path)


@pytest.mark.filterwarnings("error")
def test_the_limit_of_pixels_is_judged_from_the_header() -> None:
    """Just over the limit, past Pillow's warning, past Pillow's error: one sentence."""
    for width in (MAX_PIXELS // 10_000 + 1, 12_000, 30_000):
        with pytest.raises(PhotoError, match="65 megapixels"):
            load_photo(png(width, 10_000))
    with pytest.raises(PhotoError, match="damaged"):  # allowed, so its missing pixels are noticed
        load_photo(png(1_000, 1_000))


@pytest.mark.parametrize("path", ["missing.jpg", ".", "bad\0name.jpg"])
def test_a_missing_path_is_named(path: str, tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="no readable file"):
        load_photo(tmp_path / path)
