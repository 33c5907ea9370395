"""Where maps agree: by hand, against scipy, and in words."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from scipy.stats import spearmanr

from xaicore.comparison.agreement import (
    Agreement,
    agreement,
    agreement_sentence,
    chance_overlap,
    consensus,
    overlap,
    top_area,
)
from xaicore.metrics.correlation import rank_correlation

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
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert math.isnan(rank_correlation(a, np.ones((2, 2))))
        assert math.isnan(rank_correlation(np.ones((2, 2)), a))


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
