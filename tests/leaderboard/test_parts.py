"""Parts of an evaluation: every photo in one of them, and those of most disagreement first."""

from __future__ import annotations

import pytest

from tests.leaderboard.test_board import make_rows
from xaicore.leaderboard.parts import (
    rank_disagreement,
    split_by_class,
    split_by_confidence,
    split_by_correctness,
)


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
