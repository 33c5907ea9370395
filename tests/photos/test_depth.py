"""Values of more than 8 bits come out as the picture that they are of, or are refused by name."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from tests.photos.tiff import tiff
from xaicore.photos import PhotoError, load_photo

GREY = np.random.default_rng(0).integers(0, 256, (24, 32), np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (24, 32, 3), np.uint8)


def grey_of(photo):
    values = np.asarray(photo)
    assert (values == values[..., :1]).all()
    return values[..., 0].astype(int)


@pytest.mark.parametrize(
    ("values", "within"),
    [
        (np.uint16(GREY) * 257, 0),
        (np.int16(GREY) * 128, 2),  # white is 32,767, and 255 · 128 is a little less
        (np.int32(GREY) * 257, 0),
        (np.uint32(GREY) * 16_843_009, 0),
        (np.uint32(GREY) * 257, 0),
        (np.float32(GREY), 0),
        (np.float32(GREY) / 255, 0),
        (np.float32(GREY) / 255 * 1.004, 2),
        (np.float32(GREY) * 1.05, 13),
        (np.float64(GREY) / 255, 0),
        (np.float16(GREY / 255), 1),
    ],
)
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("white_is", [0, 1])
def test_grey_values_of_any_type(values, within, compression, white_is):
    photometric = "minisblack" if white_is else "miniswhite"
    photo = load_photo(tiff(values, photometric=photometric, compression=compression))
    expected = GREY.astype(int) if white_is else 255 - GREY.astype(int)
    assert np.abs(grey_of(photo) - expected).max() <= within


def test_highlights_and_what_is_no_number_darken_nothing():
    values = np.float32(GREY) / 255
    values[0, :4] = 9.0, np.inf, np.nan, -5.0
    found = grey_of(load_photo(tiff(values, photometric="minisblack")))
    assert found[0, :4].tolist() == [255, 255, 0, 0]
    assert np.array_equal(found[1:], GREY[1:])


def test_a_dark_floating_point_picture_of_0_to_255_stays_dark():
    found = grey_of(load_photo(tiff(np.float32(GREY // 20), photometric="minisblack")))
    assert np.array_equal(found, GREY // 20)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "packbits"])
def test_16_bit_grey_with_white_as_zero_as_other_programs_pack_it(compression):
    buffer, values = io.BytesIO(), 65535 - np.uint16(GREY) * 257
    Image.fromarray(values).save(buffer, "TIFF", compression=compression, tiffinfo={262: 0})
    assert np.array_equal(grey_of(load_photo(buffer.getvalue())), GREY)


@pytest.mark.parametrize(
    "values", [np.uint16(COLOUR) * 257, np.float32(COLOUR) / 255, np.uint32(COLOUR) * 16_843_009]
)
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_colours_of_any_type(values, planes):
    if planes == "separate":
        values = np.moveaxis(values, 2, 0).copy()
    data = tiff(values, photometric="rgb", planarconfig=planes, compression="zlib")
    assert np.array_equal(np.asarray(load_photo(data)), COLOUR)


def test_deep_colours_are_seen_through_and_turned_as_the_file_says():
    clear = np.dstack([COLOUR, np.full((24, 32), 51, np.uint8)])
    values = np.moveaxis(np.uint16(clear) * 257, 2, 0).copy()
    options = {"photometric": "rgb", "planarconfig": "separate", "extrasamples": ["unassalpha"]}
    turned = [(274, "H", 1, 3, True)]  # by half a turn
    photo = load_photo(tiff(values, extratags=turned, **options))
    expected = 255 + (COLOUR[::-1, ::-1].astype(float) - 255) / 5
    assert np.abs(np.asarray(photo) - expected).max() <= 1


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("values", [np.uint16(GREY) * 257, np.float32(COLOUR) / 255])
def test_a_deep_tiff_that_is_cut_off_is_damaged(values, share):
    data = tiff(values, photometric="rgb" if values.ndim == 3 else "minisblack")
    with pytest.raises(PhotoError, match="damaged"):
        load_photo(data[: int(share * len(data))])


def test_values_that_cannot_be_read_rightly_are_refused_by_name():
    planes = np.moveaxis(np.uint16(COLOUR), 2, 0).copy()
    with pytest.raises(PhotoError, match="16-bit CIELAB values, compression NONE"):
        load_photo(tiff(planes, photometric="cielab", planarconfig="separate"))


@pytest.mark.parametrize(
    "data",
    [
        tiff(COLOUR, photometric="rgb", extratags=[(50706, "B", 4, b"\1\4\0\0", True)]),
        tiff(np.uint16(GREY), photometric=32803, extratags=[(33421, "H", 2, (2, 2), True)]),
        tiff(np.uint16(COLOUR), photometric=34892),
        b"FUJIFILMCCD-RAW 0201" + bytes(200),
        b"\0\0\0\x18ftypcrx \0\0\0\1" + bytes(200),
        b"IIU\0\x18\0\0\0" + bytes(200),
        b"IIRO\x08\0\0\0" + bytes(200),
        b"II*\0\x10\0\0\0CR\2\0" + bytes(200),
    ],
    ids=["DNG", "sensor", "linear", "RAF", "CR3", "RW2", "ORF", "CR2"],
)
def test_a_camera_s_raw_file_is_refused_as_one(data):
    with pytest.raises(PhotoError, match="camera's raw file"):
        load_photo(data)


def test_the_picture_of_a_tiff_is_the_one_that_is_no_thumbnail():
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(COLOUR[::4, ::4].copy(), photometric="rgb", subfiletype=1)
        writer.write(COLOUR, photometric="rgb", subfiletype=0)
    assert np.array_equal(np.asarray(load_photo(buffer.getvalue())), COLOUR)
