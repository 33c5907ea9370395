"""A photo's profile is used: its colours are those that the formulas give in sRGB."""

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.bad_photos import encode
from tests.photos.profiles import DISPLAY_P3, grey_profile, grey_to_srgb, rgb_profile, to_srgb
from tests.photos.tiff import tiff
from xaicore.photos import load_photo

# Rounding to 8 bits on the way in and out.
ROUNDING = 2
COLOURS = np.random.default_rng(0).integers(0, 256, (64, 3), np.uint8)


def in_row(colours: np.ndarray) -> Image.Image:
    return Image.fromarray(colours[None].repeat(4, 0))


def row_of(photo: Image.Image) -> np.ndarray:
    return np.asarray(photo, np.int16)[1]


@pytest.mark.parametrize("picture_format", ["PNG", "TIFF", "WEBP"])
def test_display_p3_becomes_srgb_by_the_formulas(picture_format):
    options = {"lossless": True, "exact": True} if picture_format == "WEBP" else {}
    profile = rgb_profile(DISPLAY_P3)
    data = encode(in_row(COLOURS), picture_format, icc_profile=profile, **options)
    found, expected = row_of(load_photo(data)), to_srgb(COLOURS, DISPLAY_P3)
    assert np.abs(found - expected).max() <= ROUNDING
    assert np.abs(COLOURS - expected).mean() > 6  # what is lost without


@pytest.mark.parametrize("picture_format", ["JPEG", "HEIF", "AVIF"])
def test_photos_of_phones_keep_their_colours(picture_format):
    colours = np.array([[200, 90, 60], [60, 160, 90], [50, 80, 190]], np.uint8)
    quality = {"quality": 100} | ({"subsampling": 0} if picture_format == "JPEG" else {})
    blocks = in_row(colours).resize((96, 32), Image.Resampling.NEAREST)
    data = encode(blocks, picture_format, icc_profile=rgb_profile(DISPLAY_P3), **quality)
    found = np.asarray(load_photo(data), np.int16)[16, [16, 48, 80]]
    assert np.abs(found - to_srgb(colours, DISPLAY_P3)).max() <= 4


def test_a_palette_and_what_is_seen_through_follow_the_profile():
    profile = rgb_profile(DISPLAY_P3)
    few = in_row(COLOURS[:4])
    palette = few.quantize(4)
    found = row_of(load_photo(encode(palette, "PNG", icc_profile=profile)))
    colours = np.asarray(palette.convert("RGB"))[1]
    assert np.abs(found - to_srgb(colours, DISPLAY_P3)).max() <= ROUNDING
    clear = few.copy()
    clear.putalpha(51)
    found = row_of(load_photo(encode(clear, "PNG", icc_profile=profile)))
    expected = 255 + (to_srgb(COLOURS[:4], DISPLAY_P3) - 255) / 5
    assert np.abs(found - expected).max() <= ROUNDING


@pytest.mark.parametrize("mode", ["L", "LA"])
def test_a_grey_profile_s_gamma_is_used(mode):
    values = np.arange(256, dtype=np.uint8)
    grey = Image.fromarray(values[None].repeat(2, 0)).resize((256, 8)).convert(mode)
    found = row_of(load_photo(encode(grey, "PNG", icc_profile=grey_profile(1.8))))[:, 0]
    assert np.abs(found - grey_to_srgb(values, 1.8)).max() <= ROUNDING


@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_16_bit_colours_follow_the_profile(planes):
    values = np.asarray(in_row(COLOURS), np.uint16) * 257
    if planes == "separate":
        values = np.moveaxis(values, 2, 0).copy()
    options = {"photometric": "rgb", "planarconfig": planes}
    found = row_of(load_photo(tiff(values, iccprofile=rgb_profile(DISPLAY_P3), **options)))
    assert np.abs(found - to_srgb(COLOURS, DISPLAY_P3)).max() <= ROUNDING


def test_lab_becomes_srgb_by_its_formula():
    lab = Image.new("LAB", (4, 4), (128, 128, 128))
    # L* = 100 · 128 / 255, no colour: Y = ((50.2 + 16) / 116)³ = 0.186, which sRGB writes as 119.
    assert np.abs(row_of(load_photo(encode(lab, "TIFF"))) - 119).max() <= ROUNDING


def test_srgb_stays_bit_by_bit():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = encode(in_row(COLOURS), "PNG", icc_profile=profile)
    assert np.array_equal(row_of(load_photo(data)), COLOURS)


@pytest.mark.parametrize(
    "profile",
    [b"x", rgb_profile(DISPLAY_P3)[:200], bytes(400), grey_profile(1.0)],
    ids=["one byte", "cut off", "zeros", "of grey"],
)
@pytest.mark.parametrize("picture_format", ["PNG", "JPEG", "TIFF"])
def test_a_profile_that_cannot_be_used_counts_as_srgb(picture_format, profile):
    plain = encode(in_row(COLOURS), picture_format)
    data = encode(in_row(COLOURS), picture_format, icc_profile=profile)
    assert np.array_equal(row_of(load_photo(data)), row_of(load_photo(plain)))
