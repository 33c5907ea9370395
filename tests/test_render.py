"""Overlays, pixel by pixel, against values worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from xaicore.render import (
    AGAINST,
    DISPLAY_PIXELS,
    FOR,
    MARK,
    Look,
    blend,
    common_scale,
    draw_areas,
    draw_outlines,
    keep_best,
    legend,
    mark_pixels,
    measure_scale,
    missing_evidence,
    place_map,
    render,
    render_part,
    resize_map,
    subdue,
    to_display_size,
    to_picture,
)

GREY = (100, 100, 100)
FULL = Look(opacity=1.0)


def photo(width: int = DISPLAY_PIXELS, height: int = DISPLAY_PIXELS) -> Image.Image:
    return Image.new("RGB", (width, height), GREY)


def halves(left: float, right: float) -> np.ndarray:
    saliency = np.empty((128, 128), dtype=np.float32)
    saliency[:, :64], saliency[:, 64:] = left, right
    return saliency


def corners(picture: Image.Image) -> tuple[object, object]:
    """The colours at the middle of the left and of the right border."""
    return picture.getpixel((0, picture.height // 2)), picture.getpixel(
        (picture.width - 1, picture.height // 2)
    )


def test_full_strength_is_pure_colour_and_its_sign_chooses_which() -> None:
    assert corners(render(photo(), halves(-3, 3), FULL)) == (AGAINST, FOR)
    assert corners(render(photo(), halves(3, -3), FULL)) == (FOR, AGAINST)


def test_colours_are_the_ones_the_legend_names() -> None:
    assert FOR == (230, 97, 0)
    assert AGAINST == (93, 58, 155)


def test_photo_is_untouched_where_the_map_is_zero() -> None:
    assert corners(render(photo(), halves(0, 3), FULL)) == (GREY, FOR)


def test_half_strength_at_half_opacity_covers_a_quarter() -> None:
    left, _ = corners(render(photo(), halves(1, 2), Look(opacity=0.5), scale=2))
    # 100 + ¼ (230 − 100) = 132.5, 100 + ¼ (97 − 100) = 99.25, 100 − ¼ · 100 = 75
    assert left == (132, 99, 75)


def test_opacity_zero_is_the_photo() -> None:
    assert corners(render(photo(), halves(-1, 1), Look(opacity=0))) == (GREY, GREY)


def test_values_beyond_the_scale_are_cut_at_full_colour() -> None:
    assert corners(render(photo(), halves(-9, 9), FULL, scale=1)) == (AGAINST, FOR)


def test_positive_only_hides_evidence_against_at_the_same_colour_for() -> None:
    assert corners(render(photo(), halves(-3, 3), Look(signed=False, opacity=1))) == (GREY, FOR)


def test_scale_is_the_99th_percentile_of_magnitudes() -> None:
    saliency = np.arange(-100, 101, dtype=np.float32).reshape(3, 67)
    # 201 magnitudes 0, 1, 1, 2, 2 … 100, 100; the one at 0.99 · 200 = 198 is 99.
    assert measure_scale(saliency) == 99


def test_scale_of_a_sparse_map_is_its_maximum() -> None:
    saliency = np.zeros((128, 128))
    saliency[5, 5] = -4
    assert measure_scale(saliency) == 4


def test_a_common_scale_is_that_of_the_strongest_map() -> None:
    maps = [np.diag([1.0, -3.0]), np.diag([2.0, 0.5]), np.zeros((2, 2))]
    assert common_scale(maps) == measure_scale(maps[0])
    # Of what speaks for the class only, the second map has more.
    assert common_scale(maps, Look(signed=False)) == measure_scale(maps[1])
    assert common_scale(maps[2:]) == 1


def test_a_given_scale_makes_maps_comparable() -> None:
    faint, _ = corners(render(photo(), halves(1, 1.5), FULL, scale=10))
    # 100 + 0.1 · 130, 100 − 0.1 · 3, 100 − 0.1 · 100
    assert faint == (113, 100, 90)


@pytest.mark.parametrize(
    ("size", "shown"),
    [((1280, 640), (640, 320)), ((64, 128), (320, 640)), ((640, 480), (640, 480))],
)
def test_picture_keeps_the_photo_s_aspect(size: tuple[int, int], shown: tuple[int, int]) -> None:
    assert render(photo(*size), halves(-1, 1)).size == shown


def test_a_line_of_a_photo_keeps_one_pixel() -> None:
    assert to_display_size(Image.new("RGB", (5000, 1))).size == (640, 1)


def test_map_is_stretched_back_over_a_wide_photo() -> None:
    picture = np.asarray(render(photo(640, 320), halves(0, 1), FULL))
    assert tuple(picture[160, 300]) == GREY
    assert tuple(picture[160, 340]) == FOR


def test_map_is_stretched_bilinearly() -> None:
    stretched = resize_map(np.array([[0.0, 1.0]]), (4, 1))
    np.testing.assert_allclose(stretched, [[0, 0.25, 0.75, 1]], atol=1e-6)


def test_smoothing_keeps_the_sum_and_lowers_the_peak() -> None:
    saliency = np.zeros((16, 16))
    saliency[0, 3], saliency[9, 9] = 5, -2
    smooth = Look(smoothing=2).apply(saliency)
    assert smooth.sum() == pytest.approx(3)
    assert 0 < smooth.max() < 1


def test_one_pixel_is_smoothed_to_a_gaussian() -> None:
    saliency = np.zeros((33, 33))
    saliency[16, 16] = 1
    smooth = Look(smoothing=2).apply(saliency)
    # Two pixels are one σ.
    assert smooth[16, 18] / smooth[16, 16] == pytest.approx(np.exp(-0.5), rel=1e-6)


def test_smoothing_is_for_the_eye_only() -> None:
    saliency = halves(-1, 1)
    render(photo(), saliency, Look(smoothing=3))
    np.testing.assert_array_equal(saliency, halves(-1, 1))


@pytest.mark.parametrize(
    ("saliency", "signed", "words"),
    [
        (halves(0, 0), True, "zero everywhere"),
        (halves(0, 0), False, "zero everywhere"),
        (halves(2, 2), True, "same everywhere"),
        (halves(-1, 0), False, "No positive evidence"),
        (halves(-1, np.nan), True, "not numbers"),
        (halves(-1, np.inf), True, "not numbers"),
    ],
)
def test_a_map_without_evidence_says_so_and_leaves_the_photo(
    saliency: np.ndarray, signed: bool, words: str
) -> None:
    look = Look(signed=signed, opacity=1, smoothing=1)
    assert words in missing_evidence(saliency, look)
    assert render(photo(), saliency, look) == photo()


def test_a_map_with_evidence_misses_nothing() -> None:
    assert missing_evidence(halves(-1, 0)) == ""
    assert missing_evidence(halves(-1, 1), Look(signed=False)) == ""


def test_blend_rounds_to_the_nearest_shade() -> None:
    picture = blend(Image.new("RGB", (2, 1), (0, 0, 0)), np.array([[0.5, -0.5]]), 1.0)
    assert [picture.getpixel((x, 0)) for x in (0, 1)] == [(115, 48, 0), (46, 29, 78)]


def test_best_superpixels_are_those_that_speak_most_for_the_class() -> None:
    segments = np.array([[0, 0, 1], [2, 2, 3]])
    weights = np.array([0.2, 0.9, -0.5, 0.4])[segments]
    np.testing.assert_allclose(keep_best(weights, segments, 2), [[0, 0, 0.9], [0, 0, 0.4]])
    np.testing.assert_allclose(keep_best(weights, segments, 9), weights.clip(min=0))


def test_outlines_run_where_superpixels_meet_at_the_picture_s_own_size() -> None:
    outlined = np.asarray(draw_outlines(photo(8, 4), np.array([[0, 1], [0, 1]])))
    white = (outlined == 255).all(2)
    np.testing.assert_array_equal(white, np.tile([0, 0, 0, 1, 1, 0, 0, 0], (4, 1)).astype(bool))


def test_legend_runs_from_against_over_nothing_to_for() -> None:
    strip = legend(Look(), width=5, height=2)
    assert [strip.getpixel((x, 0)) for x in (0, 2, 4)] == [
        (*AGAINST, 255),
        (*FOR, 0),
        (*FOR, 255),
    ]


def test_positive_legend_has_no_colour_against() -> None:
    strip = legend(Look(signed=False), width=3)
    assert [strip.getpixel((x, 0)) for x in range(3)] == [(*FOR, 0), (*FOR, 128), (*FOR, 255)]


def test_colours_become_a_picture_of_sharp_boxes() -> None:
    colours = np.array([[[1, 0, 0], [0, 0.5, 1]]], dtype=np.float32)
    pixels = np.asarray(to_picture(colours, (4, 2)))
    np.testing.assert_array_equal(pixels[:, :2], np.broadcast_to((255, 0, 0), (2, 2, 3)))
    np.testing.assert_array_equal(pixels[:, 2:], np.broadcast_to((0, 128, 255), (2, 2, 3)))


def test_marked_pixels_turn_cyan_and_the_rest_grey() -> None:
    picture = Image.new("RGB", (4, 2), (100, 100, 100))
    pixels = np.asarray(mark_pixels(picture, np.array([[False, True]])))
    np.testing.assert_array_equal(pixels[:, :2], np.full((2, 2, 3), 60))
    np.testing.assert_array_equal(pixels[:, 2:], np.broadcast_to(MARK, (2, 2, 3)))


def test_a_strength_may_run_between_other_colours() -> None:
    grey = Image.new("RGB", (3, 1), (100, 100, 100))
    ends = ((0, 0, 200), (200, 0, 0))
    blended = blend(grey, np.array([[-1.0, 0.0, 0.5]]), 1.0, ends)
    assert np.asarray(blended).tolist() == [[[0, 0, 200], [100, 100, 100], [150, 50, 50]]]


def test_areas_are_outlined_in_their_colours() -> None:
    areas = [np.zeros((4, 8), dtype=bool) for _ in range(2)]
    areas[0][:, :4] = True
    areas[1][:, 6:] = True
    drawn = draw_areas(Image.new("RGB", (80, 40), (9, 9, 9)), areas, [(255, 255, 0), (0, 255, 255)])
    row = np.asarray(drawn)[20].tolist()
    # Both sides of the border at 40, a rim around it; far from borders nothing.
    assert row[39] == row[40] == [255, 255, 0]
    assert row[38] == row[41] == [0, 0, 0]
    assert row[59] == row[60] == [0, 255, 255]
    assert row[20] == row[50] == row[75] == [9, 9, 9]


def test_a_subdued_picture_is_dim_and_grey() -> None:
    subdued = np.asarray(subdue(Image.new("RGB", (2, 2), (100, 100, 100))))
    assert (subdued == 60).all()


def test_a_map_of_a_photo_s_middle_lies_there() -> None:
    """Of a photo of 12 × 6 the network sees the middle 6 × 6, in maps of 3 × 3."""
    values = np.arange(1.0, 10).reshape(3, 3)
    placed = place_map(values, (3, 0, 9, 6), (12, 6))
    assert placed.shape == (3, 6)
    np.testing.assert_array_equal(placed[:, 2:5], values)
    assert placed.sum() == values.sum()
    assert place_map(values, (0, 0, 12, 6), (12, 6)) is values


def test_a_map_of_a_part_is_laid_over_the_whole_on_its_own_scale():
    photo = Image.new("RGB", (640, 320), (200, 200, 200))
    saliency = np.ones((320, 320))
    saliency[:160] = -1
    part = np.asarray(render_part(photo, saliency, (160, 0, 480, 320), Look(opacity=1.0)))
    assert (part[:, :160] == 200).all()
    assert (part[:, 480:] == 200).all()
    assert tuple(part[20, 320]) == AGAINST
    assert tuple(part[300, 320]) == FOR
    nothing = render_part(photo, -np.ones((320, 320)), (160, 0, 480, 320), Look(signed=False))
    assert (np.asarray(nothing) == 200).all()
