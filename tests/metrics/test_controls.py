"""Controls know nothing of the network, are the same every time, and rank a score rightly."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from xaicore import CONTROLS, METRICS, MetricError, percentile_among_controls
from xaicore.metrics.controls import band, share_tied


@pytest.fixture
def maps(batch: torch.Tensor) -> np.ndarray:
    shape = (len(batch), *batch.shape[2:])
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("name", list(CONTROLS))
def test_every_draw_is_a_map_of_its_own_and_the_same_every_time(
    name: str, batch: torch.Tensor, maps: np.ndarray
) -> None:
    control = CONTROLS[name]
    drawn = [control.make(batch, maps, draw) for draw in range(control.draws)]
    for draw, made in enumerate(drawn):
        assert made.shape == maps.shape
        assert made.dtype == np.float32
        assert np.ptp(made, axis=(1, 2)).all()
        np.testing.assert_array_equal(made, control.make(batch, maps, draw))
    assert len({made.tobytes() for made in drawn}) == control.draws


@pytest.mark.parametrize("name", [n for n, c in CONTROLS.items() if not c.derived])
def test_what_is_not_derived_depends_on_the_photo_alone(
    name: str, batch: torch.Tensor, maps: np.ndarray
) -> None:
    control = CONTROLS[name]
    together = control.make(batch, maps, 0)
    alone = control.make(batch[2:3], -maps[2:3], 0)
    np.testing.assert_array_equal(together[2:3], alone)


def test_random_maps_differ_from_photo_to_photo(batch: torch.Tensor, maps: np.ndarray) -> None:
    made = CONTROLS["random"].make(batch, maps, 0)
    assert abs(np.corrcoef(made[0].ravel(), made[1].ravel())[0, 1]) < 0.05


def test_the_gaussian_is_highest_in_the_middle_and_even(
    batch: torch.Tensor, maps: np.ndarray
) -> None:
    (bump,) = CONTROLS["gaussian"].make(batch[:1], maps[:1], 0)
    np.testing.assert_allclose(bump, bump[::-1, ::-1], atol=1e-7)
    assert bump.argmax() in (63 * 128 + 63, 63 * 128 + 64, 64 * 128 + 63, 64 * 128 + 64)
    # σ is a quarter of the side: 32 pixels from the middle it is down to exp(−1/2).
    middle = CONTROLS["gaussian"].make(torch.zeros(1, 3, 129, 129), np.zeros((1, 129, 129)), 0)[0]
    assert middle[64, 64] == pytest.approx(1)
    assert middle[64, 64 + 32] == pytest.approx(math.exp(-0.5 * (32 / (129 / 4)) ** 2), abs=1e-6)


def test_the_gaussian_is_as_wide_and_as_high_as_its_map() -> None:
    (bump,) = CONTROLS["gaussian"].make(torch.zeros(1, 3, 41, 81), np.zeros((1, 41, 81)), 0)
    assert bump[20 + 10, 40] == pytest.approx(math.exp(-0.5 * (10 / (41 / 4)) ** 2), abs=1e-6)
    assert bump[20, 40 + 10] == pytest.approx(math.exp(-0.5 * (10 / (81 / 4)) ** 2), abs=1e-6)


def test_edges_lie_where_brightness_changes() -> None:
    photo = torch.zeros(1, 3, 16, 16)
    photo[..., 8:] = 1
    (edges,) = CONTROLS["edges"].make(photo, np.zeros((1, 16, 16)), 0)
    assert edges[:, 7:9].min() > 0.5
    assert np.abs(np.delete(edges, (7, 8), axis=1)).max() < 1e-6


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_edges_of_every_colour_count(channel: int) -> None:
    photo = torch.zeros(1, 3, 16, 16)
    photo[:, channel, :, 8:] = 3
    (edges,) = CONTROLS["edges"].make(photo, np.zeros((1, 16, 16)), 0)
    assert edges[:, 7:9].min() > 0.5


def test_another_photo_s_map_is_another_s(batch: torch.Tensor, maps: np.ndarray) -> None:
    made = CONTROLS["other"].make(batch, maps, 0)
    np.testing.assert_array_equal(made[1], maps[0])
    np.testing.assert_array_equal(made[0], maps[-1])
    with pytest.raises(MetricError, match="two photos"):
        CONTROLS["other"].make(batch[:1], maps[:1], 0)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_no_draw_gives_a_photo_its_own_map(count: int) -> None:
    maps = np.arange(count, dtype=np.float32)[:, None, None] * np.ones((4, 4), np.float32)
    for draw in range(CONTROLS["other"].draws):
        made = CONTROLS["other"].make(torch.rand(count, 3, 4, 4), maps, draw)
        assert (made != maps).all()


def test_the_same_photo_twice_is_no_other_photo(batch: torch.Tensor, maps: np.ndarray) -> None:
    other = CONTROLS["other"]
    twins, theirs = batch[[0, 1, 0, 2]], maps[[0, 1, 0, 2]]
    for draw in range(other.draws):
        made = other.make(twins, theirs, draw)
        np.testing.assert_array_equal(made[0], made[2])
        np.testing.assert_array_equal(made[[0, 1, 3]], other.make(batch[:3], maps[:3], draw))
    with pytest.raises(MetricError, match="two photos"):
        other.make(batch[[0, 0]], maps[[0, 0]], 0)


def test_draws_turn_the_map_both_ways_then_each() -> None:
    saliency = np.array([[[1, 2], [3, 4]]], dtype=np.float32)
    made = [CONTROLS["flipped"].make(torch.zeros(1, 3, 2, 2), saliency, draw) for draw in range(3)]
    np.testing.assert_array_equal(made[0][0], [[4, 3], [2, 1]])
    np.testing.assert_array_equal(made[1][0], [[2, 1], [4, 3]])
    np.testing.assert_array_equal(made[2][0], [[3, 4], [1, 2]])


def test_flips_and_blurs_keep_what_they_should(batch: torch.Tensor, maps: np.ndarray) -> None:
    flipped = CONTROLS["flipped"].make(batch, maps, 0)
    np.testing.assert_array_equal(flipped, maps[:, ::-1, ::-1])
    blurred = CONTROLS["blurred"].make(batch, maps, 0)
    np.testing.assert_allclose(blurred.sum((1, 2)), maps.sum((1, 2)), rtol=1e-3, atol=0.5)
    assert blurred.std() < maps.std() / 5


def test_only_the_blur_knows_something() -> None:
    assert [name for name, control in CONTROLS.items() if not control.blind] == ["blurred"]


@pytest.mark.parametrize(
    ("metric", "score", "controls", "expected"),
    [
        ("iauc", 0.8, [0.1, 0.2, 0.9, 0.7], 75),
        ("dauc", 0.8, [0.1, 0.2, 0.9, 0.7], 25),
        ("iauc", 0.5, [0.5, 0.5], 50),
        ("iauc", 0.5, [0.5, 0.1, math.nan], 75),
        ("iauc", 1.0, [0.0], 100),
    ],
)
def test_percentile_among_controls_by_hand(
    metric: str, score: float, controls: list[float], expected: float
) -> None:
    found = percentile_among_controls(METRICS[metric], score, np.array(controls))
    assert found == pytest.approx(expected)


def test_no_percentile_without_figures() -> None:
    assert math.isnan(percentile_among_controls(METRICS["ic"], math.nan, np.array([0.1])))
    assert math.isnan(percentile_among_controls(METRICS["ic"], 0.1, np.array([math.nan])))


def test_share_tied_by_hand() -> None:
    assert share_tied(1.0, np.array([1.0, 0.0, 1.0, 0.0, math.nan])) == 50
    assert math.isnan(share_tied(1.0, np.array([math.nan])))


def test_the_band_holds_the_middle_four_fifths() -> None:
    curves = np.stack([np.arange(11.0), 10 * np.arange(11.0)], axis=1)
    np.testing.assert_allclose(band(curves), [[1, 10], [9, 90]])


def test_an_unknown_control_lists_the_names() -> None:
    with pytest.raises(MetricError, match="random, gaussian, edges"):
        CONTROLS["dowsing"]
