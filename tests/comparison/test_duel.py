"""Duels, on networks worked out by hand, and how often one map wins them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from torch import nn

from xaicore.comparison.agreement import top_area
from xaicore.comparison.duel import delete, duel, only_areas, win_rate
from xaicore.metrics.base import MetricError
from xaicore.networks.classifier import Classifier

RNG = np.random.default_rng(0)
LEFT, RIGHT = slice(0, 4), slice(4, 8)


class LeftCorner(nn.Module):
    """Logits: what is in the left top corner, and its negative."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([[1.0], [-1.0]]))
        self.convolution = nn.Conv2d(3, 1, 1, bias=False)
        nn.init.ones_(self.convolution.weight)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        corner = self.convolution(batch)[:, :, :4, :4].mean((2, 3))
        return corner @ self.weight.T


@pytest.fixture
def corner() -> Classifier:
    return Classifier(LeftCorner(), size=8, device="cpu", target_layer="convolution")


def at(*rows_and_columns: tuple[slice, slice]) -> np.ndarray:
    saliency = np.zeros((8, 8), dtype=np.float32)
    for place in rows_and_columns:
        saliency[place] = 1
    return saliency


def test_a_duel_is_won_by_the_map_that_knows_what_matters(corner: Classifier) -> None:
    batch = torch.ones(3, 3, 8, 8)
    knows, guesses = at((LEFT, LEFT)), at((RIGHT, RIGHT))
    found = duel(
        corner,
        batch,
        np.stack([knows, guesses, knows]),
        np.stack([guesses, knows, knows]),
        targets=[0, 0, 0],
        share=0.25,
    )
    # All three channels of ones: logits ±3, their difference 6; without the corner 0.
    clean, without = 1 / (1 + math.exp(-6)), 0.5
    np.testing.assert_allclose(found.before, clean, atol=1e-6)
    np.testing.assert_allclose(found.without_a, [without, clean, clean], atol=1e-6)
    np.testing.assert_allclose(found.without_b, [clean, without, clean], atol=1e-6)
    assert found.winners.tolist() == [1, -1, 0]
    assert found.area.tolist() == [16, 16, 0]


def test_a_duel_deletes_equal_areas_that_one_map_alone_found() -> None:
    a, b = RNG.random((2, 8, 8))
    only_a, only_b = only_areas(a, b, 0.25)
    assert only_a.sum() == only_b.sum() > 0
    assert not (only_a & only_b).any()
    shared = top_area(a, 0.25) & top_area(b, 0.25)
    np.testing.assert_array_equal(only_a | shared, top_area(a, 0.25))
    photo = torch.ones(1, 3, 8, 8)
    deleted = delete(photo, only_a[None])
    assert deleted.sum() == 3 * (64 - only_a.sum())
    assert (deleted[0, :, torch.as_tensor(only_a)] == 0).all()
    assert photo.sum() == 3 * 64


def test_duels_in_one_batch_are_those_of_each_photo(
    classifier: Classifier, batch: torch.Tensor
) -> None:
    maps = RNG.random((2, len(batch), 128, 128)).astype(np.float32)
    together = duel(classifier, batch, *maps)
    for i in range(len(batch)):
        alone = duel(classifier, batch[i : i + 1], maps[0, i : i + 1], maps[1, i : i + 1])
        np.testing.assert_allclose(alone.without_a, together.without_a[i : i + 1], atol=1e-6)
        np.testing.assert_allclose(alone.before, together.before[i : i + 1], atol=1e-6)
    np.testing.assert_allclose(together.before, classifier.predict(batch).max(1), atol=1e-6)


def test_a_duel_refuses_maps_that_do_not_fit(corner: Classifier) -> None:
    photo, good = torch.ones(1, 3, 8, 8), np.ones((1, 8, 8))
    for bad in (np.ones((2, 8, 8)), np.ones((1, 4, 4)), np.full((1, 8, 8), np.nan)):
        with pytest.raises(MetricError, match="two maps a photo"):
            duel(corner, photo, good, bad)


def test_the_win_rate_by_hand() -> None:
    # Three of ten, z² = 3.8415: middle (0.3 + 0.19207) / 1.38415 = 0.35551, and to either side
    # 1.95996 · √(0.3 · 0.7 / 10 + 3.8415 / 400) / 1.38415 = 0.24772.
    found = win_rate(np.array([1] * 3 + [-1] * 7))
    assert (found.low, found.high) == pytest.approx((0.10779, 0.60323), abs=1e-5)
    assert win_rate(np.array([1, 1])).high == 1
    assert win_rate(np.array([-1, -1])).low == 0


def test_the_win_rate_has_wilson_s_interval() -> None:
    for wins, losses in ((0, 5), (3, 7), (10, 0), (150, 50)):
        found = win_rate(np.array([1] * wins + [-1] * losses + [0] * 4))
        expected = binomtest(wins, wins + losses).proportion_ci(0.95, method="wilson")
        assert (found.wins, found.losses, found.draws) == (wins, losses, 4)
        assert found.rate == wins / (wins + losses)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-4)
    assert math.isnan(win_rate(np.zeros(3)).rate)
