"""What is whole is read, whatever lies beside it; what is not, or is too much, is refused."""

import re

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.bad_photos import encode, png
from xaicore.photos import FORMATS, SUFFIXES, PhotoError, load_photo
from xaicore.photos.decoding import LARGE_PIXELS, WHOLE_PIXELS

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
PHOTO = Image.fromarray(PIXELS).resize((128, 96), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("zip", [True, False])
def test_megabytes_of_notes_in_a_png_are_no_damage(zip):
    notes = PngInfo()
    notes.add_text("parameters", "a photo of a cat, " * 120_000, zip=zip)
    photo = load_photo(encode(PHOTO, "PNG", pnginfo=notes))
    assert np.array_equal(np.asarray(photo), np.asarray(PHOTO))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_that_lacks_its_end_is_whole_or_refused(mode, progressive):
    """However much is missing: never other pixels than those of the whole file."""
    data = encode(PHOTO.convert(mode), "JPEG", quality=92, progressive=progressive)
    whole = np.asarray(load_photo(data))
    outcomes = [outcome_of(data[:-missing], whole) for missing in range(1, 120)]
    assert outcomes[:2] == ["whole", "whole"]
    assert "other" not in outcomes
    assert outcomes.count("damaged") > 100


def outcome_of(data, whole):
    try:
        return "whole" if np.array_equal(load_photo(data), whole) else "other"
    except PhotoError as error:
        return "damaged" if "damaged" in str(error) else str(error)


def test_a_jpeg_of_many_scans_is_refused_by_their_number():
    data = encode(PHOTO.convert("L"), "JPEG", progressive=True)
    last, end = data.rindex(b"\xff\xda"), data.rindex(b"\xff\xd9")
    assert load_photo(data[:end] + data[last:end] * 80 + data[end:]).size == PHOTO.size
    with pytest.raises(PhotoError, match="draws itself over"):
        load_photo(data[:end] + data[last:end] * 1000 + data[end:])


def test_a_large_jpeg_of_some_scans_is_refused_as_well():
    data = encode(Image.new("L", (7000, 7000), 128), "JPEG", progressive=True, quality=30)
    last, end = data.rindex(b"\xff\xda"), data.rindex(b"\xff\xd9")
    with pytest.raises(PhotoError, match="draws itself over"):
        load_photo(data[:end] + data[last:end] * 40 + data[end:])


@pytest.mark.parametrize("picture_format", ["JPEG", "PNG"])
def test_a_large_photo_is_halved_upright_and_in_its_colours(picture_format):
    width, height = 6000, 2 * (WHOLE_PIXELS // 12_000) + 202
    corner = Image.new("RGB", (width // 2, height // 2), (200, 40, 60))
    photo = Image.new("RGB", (width, height), (20, 90, 160))
    photo.paste(corner)
    exif = Image.Exif()
    exif[0x0112] = 6
    found = load_photo(encode(photo, picture_format, exif=exif.tobytes()))
    assert found.size == (height // 2, width // 2)
    # A quarter turn brings the upper left corner to the upper right.
    places = [(found.width * x // 4, found.height * y // 4) for y in (1, 3) for x in (1, 3)]
    expected = [(20, 90, 160), (200, 40, 60), (20, 90, 160), (20, 90, 160)]
    assert np.abs(np.array([found.getpixel(one) for one in places]) - expected).max() <= 3
    assert found.width * found.height > LARGE_PIXELS / 2


def test_bands_leave_no_seams():
    height = 9000
    ramp = np.arange(height, dtype=np.uint32) * 255 // height
    picture = Image.fromarray(np.uint8(ramp)[:, None].repeat(400, 1))
    assert np.array_equal(np.asarray(load_photo(picture))[..., 0], np.asarray(picture))


@pytest.mark.parametrize("size", [(2000, 3), (2, 9000), (33, 1)])
def test_a_strip_is_too_narrow(size):
    with pytest.raises(PhotoError, match=re.escape(f"{size[0]} × {size[1]} pixels")):
        load_photo(encode(Image.new("RGB", size), "PNG"))


@pytest.mark.parametrize("size", [(1, 1), (32, 1), (3, 96)])
def test_a_small_picture_is_none(size):
    assert load_photo(encode(Image.new("RGB", size), "PNG")).size == size


def test_every_suffix_that_is_offered_is_of_a_format_that_is_read():
    usual = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif"}
    assert usual | {".tiff", ".heic", ".heics", ".heif", ".hif", ".avif"} <= set(SUFFIXES)
    forms = Image.registered_extensions()
    assert {forms[suffix] for suffix in SUFFIXES} <= {*FORMATS, "MPO"}
    assert not {".eps", ".pdf", ".svg", ".ico", ".jp2"} & set(SUFFIXES)


def test_a_large_webp_is_refused_by_its_header(monkeypatch):
    moving = {"save_all": True, "append_images": [PHOTO.rotate(90)]}
    data = bytearray(encode(PHOTO, "WEBP", **moving))
    assert data[12:16] == b"VP8X"
    data[24:30] = (6499).to_bytes(3, "little") * 2
    # Its decoder takes memory for all pixels as soon as it is opened.
    monkeypatch.setattr(Image, "open", None)
    with pytest.raises(PhotoError, match="36 megapixels, the most that is read of a WebP"):
        load_photo(bytes(data))


def test_a_small_header_before_little_data_is_damaged():
    with pytest.raises(PhotoError, match="damaged"):
        load_photo(png(4000, 4000))
