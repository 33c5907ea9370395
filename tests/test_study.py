"""The study's sentences are judged by figures, and by nothing when there are none."""

from __future__ import annotations

import pytest

from tests.test_leaderboard import make_rows, noise
from xaicore.leaderboard import summarise
from xaicore.study import (
    CANNOT_TELL,
    CLAIMS,
    DOES_NOT,
    HOLDS,
    has_negative_drop,
    highest_drop_is_best,
    is_best,
    is_lowest,
)


def board(**means: float):
    rows = {
        name: {"ic": noise(mean, 60, seed, 0.02), "ad_signed": noise(mean - 0.5, 60, seed, 0.02),
               "ad": noise(mean, 60, seed, 0.02)}
        for seed, (name, mean) in enumerate(means.items())
    }  # fmt: skip
    return summarise(make_rows(rows))


@pytest.mark.parametrize(
    ("means", "best", "lowest"),
    [
        ({"gradcam": 0.9, "lrp": 0.5}, HOLDS, DOES_NOT),
        ({"gradcam": 0.1, "lrp": 0.5}, DOES_NOT, HOLDS),
        ({"gradcam": 0.5, "lrp": 0.5}, CANNOT_TELL, CANNOT_TELL),
    ],
)
def test_best_and_lowest(means: dict[str, float], best: str, lowest: str) -> None:
    assert is_best(board(**means), "gradcam", "ic").verdict == best
    assert is_lowest(board(**means), "gradcam", "ic").verdict == lowest


@pytest.mark.parametrize(("mean", "verdict"), [(0.3, HOLDS), (0.9, DOES_NOT), (0.5, CANNOT_TELL)])
def test_a_drop_below_zero(mean: float, verdict: str) -> None:
    assert has_negative_drop(board(gradcam=mean, lrp=0.95)).verdict == verdict


def test_the_highest_drop_is_no_virtue() -> None:
    found = highest_drop_is_best(board(gradcam=0.9, lrp=0.2))
    assert found.verdict == DOES_NOT
    assert "Grad-CAM loses most, 0.9" in found.because


def test_without_figures_nothing_can_be_told() -> None:
    empty = summarise(make_rows({"lrp": {"iauc": [0.5, 0.6]}}))
    assert {claim.check(empty).verdict for claim in CLAIMS} == {CANNOT_TELL}
