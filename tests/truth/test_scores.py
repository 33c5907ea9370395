"""Maps against masks: figures worked by hand."""

import numpy as np
import pytest

from xaicore.truth.scores import TruthError, score_truth

MASK = np.array([[True, False], [True, False]])


def score(*rows, mask=MASK):
    return score_truth(np.array([rows], dtype=np.float32), mask)


def test_share_counts_positive_relevance_alone():
    # Inside 3, outside 1; what speaks against does not count.
    assert score((3, 1), (-8, -9)).share == [0.75]


def test_the_most_relevant_pixel_points():
    assert score((1, 3), (2, 0)).pointing == [0]
    assert score((1, 0), (3, 2)).pointing == [1]


def test_ties_point_by_their_share():
    # Of three pixels that are most relevant, two lie in the mask.
    assert score((3, 3), (3, 0)).pointing == pytest.approx([2 / 3])


def test_auprc_steps_along_precision_and_recall():
    # In order: out, in, in, out. Recall rises by half at precision 1/2, and at 2/3.
    assert score((3, 4), (2, 1)).auprc == pytest.approx([(1 / 2 + 2 / 3) / 2])
    assert score((4, 1), (3, 2)).auprc == [1]


def test_a_map_that_says_nothing_scores_chance():
    truth = score((0, 0), (0, 0), mask=np.array([[True, False], [False, False]]))
    assert np.isnan(truth.share)
    assert truth.pointing == truth.auprc == truth.chance == [0.25]


def test_without_a_mask_or_a_finite_map_nothing_is_defined():
    empty = score((1, 2), (3, 4), mask=np.zeros((2, 2), dtype=bool))
    broken = score((np.nan, 2), (3, 4))
    for truth in (empty, broken):
        assert np.isnan([truth.share, truth.pointing, truth.auprc, truth.chance]).all()


def test_every_map_has_its_own_mask():
    maps = np.array([[[1, 0], [0, 0]]] * 2)
    assert score_truth(maps, np.stack([MASK, ~MASK])).pointing.tolist() == [1, 0]


def test_random_maps_score_chance_on_average():
    generator = np.random.default_rng(0)
    mask = np.zeros((16, 16), dtype=bool)
    mask[:4, :8] = True
    truth = score_truth(generator.random((400, 16, 16)), mask)
    assert truth.share.mean() == pytest.approx(1 / 8, abs=0.01)
    assert truth.pointing.mean() == pytest.approx(1 / 8, abs=0.05)


def test_sizes_must_agree():
    with pytest.raises(TruthError, match="same height and width"):
        score_truth(np.zeros((1, 4, 4)), MASK)
