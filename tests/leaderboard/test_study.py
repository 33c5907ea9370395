"""The study's statements are judged by figures, from every side, and by nothing without them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.leaderboard.test_board import make_rows, noise
from xaicore.leaderboard.board import Board, summarise
from xaicore.leaderboard.study.evidence import Measured, Printed
from xaicore.leaderboard.study.printed import (
    METHODS,
    METRICS,
    PRINTED,
    PUBLISHED,
    READINGS,
    STUDY,
    Reading,
    is_read_alike,
    list_oddities,
)
from xaicore.leaderboard.study.reach import find_reach, say_column, summarise_variants
from xaicore.leaderboard.study.statements import CANNOT_TELL, DOES_NOT, HOLDS, STATEMENTS

COLUMNS = (*METRICS, "ad_signed", "iic_mean")
# Names of places, by statement: 1 to 12 as the study has them.
NUMBERS = range(1, 13)


def verdict(number: int, evidence: Measured | Printed) -> str:
    return STATEMENTS[number - 1].judge(evidence).verdict


def make_board(
    reading: Reading,
    winners: dict[str, str],
    losers: dict[str, str] | None = None,
    *,
    far: float = 0.1,
    controls: float | None = None,
    leave_out: str = "",
) -> Board:
    """A board on which methods win and lose metrics under a reading; the rest are all alike.

    Losers lie ``far`` below; ``controls`` is how much better than all a map that knows nothing is.
    """
    losers = losers or {}
    rows: dict[str, dict[str, list[float]]] = {}
    names = [*(name for name in METHODS if name != leave_out)]
    for seed, name in enumerate([*names, *(["random"] if controls is not None else [])]):
        rows[name] = {}
        for metric in METRICS:
            lead = 0.1 * (winners.get(metric) == name) - far * (losers.get(metric) == name)
            lead += (controls or 0) * (name == "random")
            mean = 0.5 + reading.sign(metric) * lead
            rows[name][reading.column(metric)] = noise(mean, 60, seed, 0.01)
    return summarise(make_rows(rows), resamples=50)


WINNERS = {
    "iauc": "gradcam",
    "dauc": "lime",
    "ic": "gradcam",
    "dc": "deeplift",
    "ad": "lime",
    "iic": "lime",
}
LOSERS = {
    "iauc": "deeplift",
    "dauc": "lrp",
    "ic": "deeplift",
    "dc": "lrp",
    "ad": "lrp",
    "iic": "gradcam",
}


@pytest.mark.parametrize("reading", READINGS, ids=lambda reading: reading.name)
class TestOnMadeUpBoards:
    def test_all_hold_where_the_board_is_as_the_study_says(self, reading: Reading) -> None:
        board = make_board(reading, WINNERS, LOSERS, far=0.3, controls=0.2)
        evidence = Measured(board, reading)
        assert {verdict(number, evidence) for number in NUMBERS} == {HOLDS}

    def test_none_holds_where_places_are_turned_round(self, reading: Reading) -> None:
        turned = make_board(reading, LOSERS, WINNERS, controls=-0.3)
        evidence = Measured(turned, reading)
        assert {verdict(number, evidence) for number in NUMBERS} == {DOES_NOT}

    def test_nothing_is_told_where_all_are_alike(self, reading: Reading) -> None:
        evidence = Measured(make_board(reading, {}, controls=0.0), reading)
        told = {number for number in NUMBERS if verdict(number, evidence) != CANNOT_TELL}
        assert told == set()

    def test_nothing_is_told_without_figures(self, reading: Reading) -> None:
        empty = summarise(make_rows({"lrp": {"ic": [0.5, 0.6]}}))
        evidence = Measured(empty, reading)
        assert {verdict(number, evidence) for number in NUMBERS} == {CANNOT_TELL}
        single = summarise(make_rows({n: {c: [0.5] for c in COLUMNS} for n in METHODS}))
        evidence = Measured(single, reading)
        assert {verdict(number, evidence) for number in NUMBERS} == {CANNOT_TELL}

    def test_a_method_that_is_missing_may_have_been_the_best(self, reading: Reading) -> None:
        evidence = Measured(make_board(reading, WINNERS, LOSERS, leave_out="lrp"), reading)
        found = STATEMENTS[0].judge(evidence)
        assert found.verdict == CANNOT_TELL
        assert "There is none for LRP." in found.because
        # What is beaten already is not the best, whoever is missing.
        beaten = make_board(reading, {"iauc": "lime"}, leave_out="lrp")
        assert verdict(1, Measured(beaten, reading)) == DOES_NOT

    def test_the_worst_is_not_by_far_where_it_follows_closely(self, reading: Reading) -> None:
        near = make_board(reading, {"dauc": "lime"}, {"dauc": "lrp"}, far=0.03)
        assert verdict(4, Measured(near, reading)) == DOES_NOT
        even = make_board(reading, {"dauc": "lime"}, {"dauc": "lrp"}, far=0.1)
        assert verdict(4, Measured(even, reading)) == CANNOT_TELL

    def test_good_is_what_beats_all_that_know_nothing(self, reading: Reading) -> None:
        # LIME alone is better than the control, on both metrics.
        good = make_board(reading, WINNERS, controls=0.05)
        found = STATEMENTS[8].judge(Measured(good, reading))
        assert found.verdict == DOES_NOT
        assert "AD: better than all maps that know nothing: LIME; worse" in found.because
        assert verdict(9, Measured(make_board(reading, WINNERS), reading)) == CANNOT_TELL

    def test_counts_fail_where_another_has_as_many(self, reading: Reading) -> None:
        level = make_board(reading, {"ic": "lrp", "iauc": "lrp", "dc": "lrp", **THREE})
        assert verdict(10, Measured(level, reading)) == DOES_NOT
        assert verdict(11, Measured(level, reading)) == DOES_NOT

    def test_counts_are_open_where_one_metric_is(self, reading: Reading) -> None:
        open_dc = {metric: name for metric, name in WINNERS.items() if metric != "dc"}
        evidence = Measured(make_board(reading, open_dc, LOSERS), reading)
        # LRP is the worst on DC, so only DeepLIFT and two more could be the best on it.
        assert verdict(10, evidence) == CANNOT_TELL
        assert verdict(12, evidence) == HOLDS
        assert "Nobody is told to be it on DC." in STATEMENTS[9].judge(evidence).because


THREE = {"dauc": "lime", "ad": "lime", "iic": "lime"}


def test_the_study_s_own_table_supports_what_it_should_under_its_own_reading() -> None:
    found = {number: verdict(number, Printed(STUDY)) for number in NUMBERS}
    # DeepLIFT is the worst on three as well: on IAUC, IC and IIC.
    assert found.pop(12) == DOES_NOT
    # It scored no map that knows nothing.
    assert found.pop(9) == CANNOT_TELL
    assert set(found.values()) == {HOLDS}


def test_its_table_as_published_turns_five_statements() -> None:
    own = {number: verdict(number, Printed(STUDY)) for number in NUMBERS}
    published = {number: verdict(number, Printed(PUBLISHED)) for number in NUMBERS}
    assert {n for n in NUMBERS if own[n] != published[n]} == {5, 7, 10, 11}
    assert published[12] == DOES_NOT
    assert (
        "Worst: LRP on DAUC and DC; LIME on AD" in STATEMENTS[11].judge(Printed(PUBLISHED)).because
    )


def test_a_printed_tie_tells_nothing() -> None:
    level = {**PRINTED, "iauc": dict.fromkeys(METHODS, 0.4)}
    assert verdict(1, Printed(STUDY, level)) == CANNOT_TELL


def test_readings_differ_where_the_study_says_so() -> None:
    assert [metric for metric in METRICS if not is_read_alike(metric)] == ["ic", "ad", "iic"]
    assert [STUDY.sign(metric) for metric in METRICS] == [1, -1, -1, 1, 1, 1]
    assert [PUBLISHED.sign(metric) for metric in METRICS] == [1, -1, 1, 1, -1, 1]


def test_judgements_are_paired() -> None:
    """Methods a hair apart on every photo are told apart, though photos differ far more."""
    hard = np.array(noise(0.5, 40, 0, 0.3))
    gaps = {"gradcam": 0.0, "lrp": -0.01, "lime": -0.02, "deeplift": -0.03}
    board = summarise(make_rows({n: {"iauc": (hard + g).tolist()} for n, g in gaps.items()}))
    assert verdict(1, Measured(board, PUBLISHED)) == HOLDS
    assert verdict(2, Measured(board, PUBLISHED)) == HOLDS


def test_oddities_are_found_in_the_figures() -> None:
    drops, shares, ic, ad = list_oddities()
    assert "−0.093 (LRP)" in drops
    assert "0.014 (LRP), 0.003 (Grad-CAM) and 0.001 (DeepLIFT)" in shares
    assert "0.035" not in shares  # seven of two hundred
    assert "lowest figure the best, 0.070 (Grad-CAM)" in ic
    assert "0.125 (DeepLIFT) the best" in ic
    assert "highest figure the best, 0.107 (LIME)" in ad


def test_possible_figures_are_not_called_odd() -> None:
    plain = {**PRINTED, "ad": dict.fromkeys(METHODS, 0.1), "iic": dict.fromkeys(METHODS, 0.015)}
    assert not any("cannot be" in sentence for sentence in list_oddities(plain))
    assert any("share of photos" in sentence for sentence in list_oddities(plain, photos=150))


def test_reach_spans_the_intervals_of_all_protocols() -> None:
    low, high = (
        make_rows({n: {c: noise(mean, 30, 1, 0.01) for c in COLUMNS} for n in METHODS})
        for mean in (0.1, 0.4)
    )
    rows = pd.concat([low.assign(variant="a"), high.assign(variant="b")])
    boards = summarise_variants(rows)
    found = find_reach(boards)
    assert list(boards) == ["a", "b"]
    assert found["lrp", "iauc"].low == boards["a"].cells["lrp", "iauc"].low
    assert found["lrp", "iauc"].high == boards["b"].cells["lrp", "iauc"].high
    assert found["lrp", "iauc"].inside  # 0.387
    assert not found["gradcam", "iauc"].inside  # 0.489
    assert not found["lrp", "dc"].inside  # −0.241


def test_a_column_says_its_range_and_who_leads() -> None:
    board = make_board(PUBLISHED, {"iauc": "lime"})
    assert say_column(board, "iauc").endswith(", LIME")
    assert say_column(board, "dauc").endswith("LRP or LIME or Grad-CAM or DeepLIFT")
    means = [board.cells[name, "iauc"].mean for name in METHODS]
    assert say_column(board, "iauc").startswith(f"{min(means):.3f} to {max(means):.3f}")
