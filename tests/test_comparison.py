"""Agreement, duels and changed photos: by hand, against scipy, and on networks worked out."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import binomtest, spearmanr
from torch import nn

from xaicore.classifier import Classifier
from xaicore.comparison import (
    CHANGES,
    Agreement,
    agreement,
    agreement_sentence,
    chance_overlap,
    change_photos,
    consensus,
    delete,
    duel,
    follows,
    only_areas,
    overlap,
    rank_correlation,
    top_area,
    win_rate,
)
from xaicore.metrics.base import MetricError

RNG = np.random.default_rng(0)


def test_rank_correlation_is_scipy_s_with_ties() -> None:
    for spread in (3, 20, 10_000):
        a, b = RNG.integers(0, spread, (2, 16, 16)).astype(np.float32)
        expected = spearmanr(a.ravel(), b.ravel()).statistic
        assert rank_correlation(a, b) == pytest.approx(expected, abs=1e-12)


def test_rank_correlation_by_hand() -> None:
    a = np.array([[1.0, 2.0], [3.0, 4.0]])
    # Squared rank differences 1, 1, 1, 1: 1 − 6·4 / (4·15) = 0.6.
    assert rank_correlation(a, np.array([[2.0, 1.0], [4.0, 3.0]])) == pytest.approx(0.6)
    assert rank_correlation(a, np.exp(a)) == pytest.approx(1)
    assert rank_correlation(a, -a) == pytest.approx(-1)
    assert math.isnan(rank_correlation(a, np.ones((2, 2))))


def test_top_area_has_the_pixels_asked_for_and_breaks_ties_by_seed() -> None:
    saliency = np.arange(16.0).reshape(4, 4)
    assert np.argwhere(top_area(saliency, 0.25)).tolist() == [[3, 0], [3, 1], [3, 2], [3, 3]]
    flat = np.zeros((20, 20))
    first, again, other = (top_area(flat, 0.1, seed) for seed in (0, 0, 1))
    assert first.sum() == other.sum() == 40
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    # Not simply the top rows.
    assert first[10:].sum() > 5
    # A view with negative strides is a map too.
    np.testing.assert_array_equal(top_area(saliency[::-1], 0.25), top_area(saliency, 0.25)[::-1])


def test_overlap_by_hand_and_by_chance() -> None:
    a = np.array([[True, True, False, False]])
    b = np.array([[False, True, True, False]])
    assert overlap(a, b) == pytest.approx(1 / 3)
    assert math.isnan(overlap(a & b & ~a, np.zeros_like(a)))
    drawn = [top_area(saliency, 0.2) for saliency in RNG.random((2, 300, 300))]
    assert overlap(*drawn) == pytest.approx(chance_overlap(0.2), abs=0.01)


def test_agreement_is_that_of_each_pair() -> None:
    maps = [*RNG.random((3, 12, 12)), np.zeros((12, 12))]
    found = agreement(maps, 0.25)
    assert isinstance(found, Agreement)
    for i in range(3):
        for j in range(3):
            assert found.correlations[i, j] == pytest.approx(rank_correlation(maps[i], maps[j]))
            expected = overlap(top_area(maps[i], 0.25), top_area(maps[j], 0.25))
            assert found.overlaps[i, j] == expected
    assert np.isnan(found.correlations[3]).all()
    assert np.isnan(found.overlaps[:, 3]).all()


@pytest.mark.parametrize(
    ("labels", "pairs", "sentence"),
    [
        (["LRP", "LIME"], [0.7], "LRP and LIME agree."),
        (["LRP", "LIME"], [0.3], "LRP and LIME agree only in part."),
        (["LRP", "LIME"], [0.1], "LRP and LIME look at different places."),
        (["LRP", "LIME"], [-0.4], "LRP and LIME contradict each other."),
        (
            ["LRP", "Grad-CAM", "LIME"],
            [0.1, 0.0, 0.8],
            "Grad-CAM and LIME agree; LRP looks elsewhere.",
        ),
        (
            ["LRP", "Grad-CAM", "LIME"],
            [0.1, 0.3, 0.8],
            "Grad-CAM and LIME agree; LRP agrees only in part, most with LIME.",
        ),
        # The first two agree most; the third agrees with one of them only.
        (
            ["LRP", "Grad-CAM", "LIME"],
            [0.9, 0.6, 0.3],
            "LRP and Grad-CAM agree; LIME agrees only in part, most with LRP.",
        ),
        (["LRP", "Grad-CAM", "LIME"], [0.9, 0.9, 0.9], "LRP, Grad-CAM and LIME agree."),
        (
            ["LRP", "Grad-CAM", "LIME"],
            [0.4, 0.0, 0.1],
            "LRP and Grad-CAM agree only in part; LIME looks elsewhere.",
        ),
        (
            ["LRP", "Grad-CAM", "LIME", "DeepLIFT"],
            [0.8, 0.0, 0.1, 0.0, 0.0, 0.1],
            "LRP and Grad-CAM agree; LIME and DeepLIFT look elsewhere.",
        ),
        (
            ["LRP", "Grad-CAM", "LIME"],
            [0.1, 0.0, -0.4],
            "LRP, Grad-CAM and LIME look at different places.",
        ),
    ],
)
def test_agreement_in_words(labels: list[str], pairs: list[float], sentence: str) -> None:
    upper = np.zeros((len(labels), len(labels)))
    upper[np.triu_indices(len(labels), 1)] = pairs
    assert agreement_sentence(labels, np.eye(len(labels)) + upper + upper.T) == sentence


def test_an_empty_map_is_said_to_be_empty() -> None:
    correlations = np.array([[1.0, np.nan], [np.nan, np.nan]])
    sentence = agreement_sentence(["LRP", "LIME"], correlations)
    assert sentence == "LIME is the same everywhere and cannot be compared."


def test_consensus_is_what_the_weakest_says() -> None:
    a = np.array([[3.0, -2.0, 1.0, 0.0]])
    b = np.array([[1.0, -5.0, -1.0, 4.0]])
    np.testing.assert_array_equal(consensus([a, b]), [[1.0, -2.0, 0.0, 0.0]])


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


LEFT, RIGHT = slice(0, 4), slice(4, 8)


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


def test_the_win_rate_has_wilson_s_interval() -> None:
    for wins, losses in ((0, 5), (3, 7), (10, 0), (150, 50)):
        found = win_rate(np.array([1] * wins + [-1] * losses + [0] * 4))
        expected = binomtest(wins, wins + losses).proportion_ci(0.95, method="wilson")
        assert (found.wins, found.losses, found.draws) == (wins, losses, 4)
        assert found.rate == wins / (wins + losses)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-4)
    assert math.isnan(win_rate(np.zeros(3)).rate)


def test_changes_do_what_they_say(classifier: Classifier) -> None:
    colours = torch.linspace(0.2, 0.6, 3 * 8 * 8).view(1, 3, 8, 8)
    noisy = CHANGES["noise"].apply(colours.expand(2, -1, -1, -1), 0.1) - colours
    assert torch.equal(noisy[0], noisy[1])
    assert noisy.std() == pytest.approx(0.1, rel=0.15)
    assert torch.equal(CHANGES["brightness"].apply(colours, 1.5), 1.5 * colours)
    shifted = CHANGES["shift"].apply(colours, 3)
    assert torch.equal(shifted[..., 3:, 3:], colours[..., :5, :5])
    assert torch.equal(shifted[..., 0, 3:], colours[..., 0, :5])
    assert torch.equal(CHANGES["flip"].apply(colours, 0)[..., 0], colours[..., 7])
    batch = classifier.normalise(colours)
    bright = classifier.denormalise(change_photos(classifier, batch, CHANGES["brightness"], 2.0))
    torch.testing.assert_close(bright, (2 * colours).clamp(max=1))


@pytest.mark.parametrize("name", CHANGES)
def test_a_map_that_follows_correlates_fully(name: str) -> None:
    """Brightness itself is a map that follows every change."""
    change = CHANGES[name]
    colours = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    amount = change.amount.default if change.amount else 0.0
    changed = change.apply(colours, amount)
    before, after = (picture[0].mean(0).numpy() for picture in (colours, changed))
    followed = follows(change.follow(before, amount), after)
    # Noise of 0.05 leaves a little less.
    assert followed == pytest.approx(1, abs=0.05 if name == "noise" else 1e-9)
    if name in ("shift", "flip"):
        assert abs(follows(before, after)) < 0.3
