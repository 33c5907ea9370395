"""The leaderboard's figures: means by hand, intervals that cover, and ranks."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap

from xaicore.leaderboard.board import (
    average_focus,
    average_seconds,
    compare,
    interval,
    summarise,
)
from xaicore.metrics import METRICS

SIX = [name for name, metric in METRICS.items() if not metric.extra]


def make_rows(scores: dict[str, dict[str, list[float]]], **more: list[object]) -> pd.DataFrame:
    """Rows of methods by metric and photo; what is not given is plain."""
    rows = []
    for method, columns in scores.items():
        count = len(next(iter(columns.values())))
        for position in range(count):
            rows.append(
                {
                    "position": position,
                    "photo": f"{position:016x}",
                    "label": ["cat", "dog"][position % 2],
                    "predicted": "cat",
                    "probability": 0.9,
                    "method": method,
                    "control": method in ("random", "edges", "blurred"),
                    "seconds": 0.5,
                    **{metric: values[position] for metric, values in columns.items()},
                    **{name: values[position] for name, values in more.items()},
                }
            )
    return pd.DataFrame(rows)


def noise(mean: float, count: int, seed: int, spread: float = 0.1) -> list[float]:
    return np.random.default_rng(seed).normal(mean, spread, count).tolist()


def test_means_leave_out_what_is_undefined() -> None:
    board = summarise(make_rows({"lrp": {"ic": [0.1, math.nan, 0.3]}, "lime": {"ic": [0, 0, 0.3]}}))
    assert board.cells["lrp", "ic"].mean == pytest.approx(0.2)
    assert board.cells["lrp", "ic"].valid == 2
    assert board.cells["lime", "ic"].mean == pytest.approx(0.1)
    assert board.photos == 3


def test_a_column_without_any_figure_says_so() -> None:
    board = summarise(make_rows({"lrp": {"ic": [math.nan] * 3}, "lime": {"ic": [math.nan] * 3}}))
    assert math.isnan(board.cells["lrp", "ic"].mean)
    assert board.cells["lrp", "ic"].valid == 0
    assert not any(cell.best for cell in board.cells.values())


def test_intervals_are_scipy_s() -> None:
    values = np.array(noise(0.4, 80, 0))
    ours = interval(values, resamples=20_000)
    theirs = bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=1
    ).confidence_interval
    assert ours.low == pytest.approx(theirs.low, abs=0.002)
    assert ours.high == pytest.approx(theirs.high, abs=0.002)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    covered = sum(
        cell.low <= 0.4 <= cell.high
        for cell in (interval(np.array(noise(0.4, 60, seed)), 500) for seed in range(300))
    )
    assert 0.90 <= covered / 300 <= 0.98


def test_one_seed_gives_the_same_numbers_and_another_gives_others() -> None:
    rows = make_rows({"lrp": {"iauc": noise(0.5, 30, 1)}, "lime": {"iauc": noise(0.6, 30, 2)}})
    assert summarise(rows).cells == summarise(rows).cells
    assert summarise(rows, seed=1).cells != summarise(rows).cells


def test_comparisons_are_paired() -> None:
    """Two methods a hair apart on every photo are told apart, though their intervals overlap."""
    hard = np.array(noise(0.5, 50, 0, spread=0.3))
    rows = make_rows({"lrp": {"iauc": hard.tolist()}, "lime": {"iauc": (hard - 0.01).tolist()}})
    board = summarise(rows)
    assert board.cells["lrp", "iauc"].best
    assert not board.cells["lime", "iauc"].tied
    assert board.cells["lime", "iauc"].high > board.cells["lrp", "iauc"].low


def test_what_cannot_be_told_from_the_best_is_marked() -> None:
    board = summarise(
        make_rows(
            {
                "lrp": {"dauc": noise(0.30, 40, 0)},
                "lime": {"dauc": noise(0.31, 40, 1)},
                "gradcam": {"dauc": noise(0.9, 40, 2)},
            }
        )
    )
    marks = {name: cell.best or cell.tied for (name, _), cell in board.cells.items()}
    assert marks == {"lrp": True, "lime": True, "gradcam": False}
    assert sum(cell.best for cell in board.cells.values()) == 1


def test_controls_never_win() -> None:
    board = summarise(make_rows({"lrp": {"iauc": [0.1, 0.2]}, "random": {"iauc": [0.9, 0.9]}}))
    assert board.controls == ("random",)
    assert board.cells["lrp", "iauc"].best
    assert not board.cells["random", "iauc"].best
    assert "random" not in board.ranks.index


def test_ranks_follow_each_metric_s_direction_and_ties_share() -> None:
    board = summarise(
        make_rows(
            {
                "lrp": {"iauc": [0.9, 0.9], "dauc": [0.1, 0.1]},
                "lime": {"iauc": [0.5, 0.5], "dauc": [0.4, 0.4]},
                "gradcam": {"iauc": [0.5, 0.5], "dauc": [0.6, 0.6]},
            }
        )
    )
    assert board.ranks["iauc"].to_dict() == {"lrp": 1, "lime": 2.5, "gradcam": 2.5}
    assert board.ranks["dauc"].to_dict() == {"lrp": 1, "lime": 2, "gradcam": 3}
    assert board.ranks["overall"].to_dict() == {"lrp": 1, "lime": 2.25, "gradcam": 2.75}
    assert board.methods == ("lrp", "lime", "gradcam")
    assert board.holds["dauc"] == 1


def test_an_order_by_chance_does_not_hold() -> None:
    rows = make_rows({"lrp": {"iauc": noise(0.5, 40, 0)}, "lime": {"iauc": noise(0.5, 40, 1)}})
    assert 0.05 < summarise(rows).holds["iauc"] < 0.999


def test_seconds_and_focus_are_averaged_by_method() -> None:
    rows = make_rows({"lrp": {"iauc": [0.5, 0.5]}}, seconds=[1.0, 3.0])
    assert average_seconds(rows)["lrp"].mean == 2
    focus = pd.DataFrame(
        {
            "mosaic": [0, 0, 1, 1],
            "size": [128, 128, 256, 256],
            "method": ["lrp"] * 4,
            "focus": [0.6, 0.8, 0.9, math.nan],
        }
    )
    assert average_focus(focus)["lrp"].mean == pytest.approx((0.7 + 0.9) / 2)
    assert average_focus(focus, 128)["lrp"].mean == pytest.approx(0.7)


def test_runs_are_compared_on_the_photos_they_share() -> None:
    first = make_rows({"lrp": {"iauc": [0.5, 0.6, 0.7]}, "lime": {"iauc": [0.1, 0.1, 0.1]}})
    second = make_rows({"lrp": {"iauc": [0.4, 0.4]}})
    shared, cells = compare(first, second)
    assert shared == 2
    assert list(cells) == [("lrp", "iauc")]
    assert cells["lrp", "iauc"].mean == pytest.approx(0.15)
