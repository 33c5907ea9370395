"""The study's sentences are judged by figures, and by nothing when there are none."""

from __future__ import annotations

import pytest

from tests.leaderboard.test_board import make_rows, noise
from xaicore.leaderboard.board import Board, summarise
from xaicore.leaderboard.study import (
    CANNOT_TELL,
    CLAIMS,
    DOES_NOT,
    HOLDS,
    has_negative_drop,
    highest_drop_is_best,
    is_first,
)


def board(gradcam: float, *, others: float = 0.5, leave_out: str = "") -> Board:
    """A board on which Grad-CAM's figures differ from the other three's."""
    means = {"lrp": others, "gradcam": gradcam, "deeplift": others, "lime": others}
    return summarise(
        make_rows(
            {
                name: {
                    "ic": noise(mean, 60, seed, 0.02),
                    "ad_signed": noise(mean - 0.4, 60, seed, 0.02),
                    "ad": noise(mean, 60, seed, 0.02),
                }
                for seed, (name, mean) in enumerate(means.items())
                if name != leave_out
            }
        )
    )


@pytest.mark.parametrize(
    ("gradcam", "highest", "lowest"),
    [(0.9, HOLDS, DOES_NOT), (0.1, DOES_NOT, HOLDS), (0.5, CANNOT_TELL, CANNOT_TELL)],
)
def test_highest_and_lowest(gradcam: float, highest: str, lowest: str) -> None:
    assert is_first(board(gradcam), "gradcam", "ic").verdict == highest
    assert is_first(board(gradcam), "gradcam", "ic", sign=-1).verdict == lowest


def test_a_verdict_on_all_four_needs_all_four() -> None:
    found = is_first(board(0.9, leave_out="lime"), "gradcam", "ic")
    assert found.verdict == CANNOT_TELL
    assert "no figure for LIME" in found.because


@pytest.mark.parametrize(("mean", "verdict"), [(0.3, HOLDS), (0.9, DOES_NOT), (0.4, CANNOT_TELL)])
def test_a_drop_below_zero(mean: float, verdict: str) -> None:
    assert has_negative_drop(board(mean)).verdict == verdict


def test_the_highest_drop_is_no_virtue() -> None:
    found = highest_drop_is_best(board(0.9))
    assert found.verdict == DOES_NOT
    assert "Grad-CAM 0.899" in found.because
    assert "Grad-CAM loses most" in found.because


def test_without_figures_nothing_can_be_told() -> None:
    empty = summarise(make_rows({"lrp": {"iauc": [0.5, 0.6]}}))
    assert {claim.check(empty).verdict for claim in CLAIMS} == {CANNOT_TELL}
