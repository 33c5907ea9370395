"""The leaderboard's figures: means by hand, intervals that cover, ranks, and true sentences."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import bootstrap

from xaicore.leaderboard import (
    average_focus,
    average_seconds,
    compare,
    interval,
    rank_disagreement,
    say,
    split_by_class,
    split_by_confidence,
    split_by_correctness,
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


def on_all_six(**means: float) -> dict[str, dict[str, list[float]]]:
    return {
        method: {
            name: [(mean if METRICS[name].higher_is_better else 1 - mean) + 0.001 * i
                   for i in range(30)]
            for name in SIX
        }
        for method, mean in means.items()
    }  # fmt: skip


def test_a_winner_of_all_six_is_named() -> None:
    board = summarise(make_rows(on_all_six(lrp=0.9, lime=0.5)))
    assert say(board) == "On 30 photos, LRP beats the others on all six metrics."


def test_a_split_field_is_told_as_it_is() -> None:
    scores = on_all_six(lrp=0.9, lime=0.5)
    scores["lime"]["ic"] = [0.95] * 30
    scores["lime"]["dc"] = scores["lrp"]["dc"]
    sentence = say(summarise(make_rows(scores)))
    assert "no method beats the others on all six metrics" in sentence
    assert "LRP is ahead on IAUC, DAUC, AD and IIC." in sentence
    assert "LIME is ahead on IC." in sentence
    assert "DC cannot tell the best ones apart." in sentence


def test_a_map_that_knows_nothing_and_wins_is_told() -> None:
    scores = on_all_six(lrp=0.6, lime=0.5)
    scores["random"] = {name: list(values) for name, values in scores["lrp"].items()}
    scores["random"]["iauc"] = [0.99] * 30
    assert "On IAUC, a map that knows nothing does better" in say(summarise(make_rows(scores)))


def test_a_blurred_map_knows_something() -> None:
    scores = on_all_six(lrp=0.6, lime=0.5)
    scores["blurred"] = {name: [0.99] * 30 for name in SIX}
    assert "knows nothing" not in say(summarise(make_rows(scores)))


def test_few_photos_say_little() -> None:
    few = {m: {n: v[:5] for n, v in c.items()} for m, c in on_all_six(lrp=0.9, lime=0.1).items()}
    assert "So few photos say little." in say(summarise(make_rows(few)))


def test_splits_hold_every_photo_once() -> None:
    rows = make_rows(
        {"lrp": {"iauc": [0.5] * 6}},
        probability=[0.6, 0.8, 0.9, 0.99, 0.995, 1.0],
        predicted=["cat", "cat", "cat", "dog", "cat", "cat"],
    )
    assert {n: len(p) for n, p in split_by_class(rows).items()} == {
        "cat photos": 3, "dog photos": 3,
    }  # fmt: skip
    assert {n: len(p) for n, p in split_by_correctness(rows).items()} == {
        "right predictions": 4, "wrong predictions": 2,
    }  # fmt: skip
    assert [len(part) for part in split_by_confidence(rows).values()] == [1, 3, 2]


def test_unlabelled_photos_have_no_class_to_split_by() -> None:
    rows = make_rows({"lrp": {"iauc": [0.5, 0.5]}}, label=[None, None])
    assert split_by_class(rows) == {}
    assert split_by_correctness(rows) == {}


def test_photos_of_most_disagreement_come_first() -> None:
    rows = make_rows(
        {"lrp": {"iauc": [0.5, 0.9, 0.5]}, "lime": {"iauc": [0.5, 0.1, 0.4]},
         "random": {"iauc": [9.0, 0.0, 0.0]}}
    )  # fmt: skip
    ranked = rank_disagreement(rows)
    assert ranked["position"].tolist() == [1, 2, 0]
    spread = rows.loc[~rows["control"], "iauc"].std()
    assert ranked["disagreement"].tolist() == pytest.approx([0.8 / spread, 0.1 / spread, 0])


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
