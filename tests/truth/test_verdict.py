"""The rules of the verdict from both sides of every threshold, and its words."""

import math

import pandas as pd
import pytest

from xaicore.evaluation.results import Results
from xaicore.truth.cards import above_controls, make_card
from xaicore.truth.draws import COLUMNS
from xaicore.truth.evidence import (
    ABLATION,
    CONTROL,
    FOLLOWS,
    KINDS,
    PROOF,
    REASONS,
    STABLE,
    Finding,
)
from xaicore.truth.rates import Rate, broken_rates, judged, sound_rates, unable_rates
from xaicore.truth.verdict import (
    DISTRUST,
    FAILED,
    LABELS,
    MARKS,
    MIXED,
    NOT_MEASURED,
    NOT_TOLD,
    PASSED,
    TRUST,
    UNKNOWN,
    conclude,
    judge,
    status_of,
)


def gained(low, high):
    return Finding(figure=0.5, gain=(low + high) / 2, low=low, high=high)


@pytest.mark.parametrize(
    ("kind", "finding", "expected"),
    [
        (PROOF, Finding(0.8), PASSED),
        (PROOF, Finding(0.6), NOT_TOLD),
        (PROOF, Finding(0.5), FAILED),
        (CONTROL, gained(0.01, 0.2), PASSED),
        (CONTROL, gained(-0.01, 0.2), NOT_TOLD),
        (CONTROL, gained(0.0, 0.0), FAILED),
        (REASONS, gained(0.01, 0.2), PASSED),
        (REASONS, gained(-0.2, -0.1), FAILED),
        (ABLATION, gained(0.01, 0.2), PASSED),
        (ABLATION, gained(-0.2, 0.0), FAILED),
        (FOLLOWS, Finding(0.1, math.nan, 0.0, 0.4), PASSED),
        (FOLLOWS, Finding(0.4, math.nan, 0.2, 0.6), NOT_TOLD),
        (FOLLOWS, Finding(0.9, math.nan, 0.6, 1.0), FAILED),
        (STABLE, Finding(0.9, math.nan, 0.6, 1.0), PASSED),
        (STABLE, Finding(0.4, math.nan, 0.2, 0.6), NOT_TOLD),
        (STABLE, Finding(0.1, math.nan, 0.0, 0.4), FAILED),
    ],
)
def test_each_threshold_from_both_sides(kind, finding, expected):
    assert status_of(kind, finding) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_made_up(kind):
    assert status_of(kind, None) == NOT_MEASURED
    assert status_of(kind, Finding()) == NOT_TOLD
    # One photo has no interval, and shows nothing.
    if kind != PROOF:
        assert status_of(kind, Finding(figure=0.9, gain=0.9)) == NOT_TOLD


@pytest.mark.parametrize("kind", KINDS)
def test_one_failure_is_enough_where_it_decides(kind):
    good = dict.fromkeys(KINDS, PASSED)
    assert conclude(good) == TRUST
    decides = kind in (REASONS, FOLLOWS, ABLATION)
    assert conclude(good | {kind: FAILED}) == (DISTRUST if decides else MIXED)
    assert conclude(good | {kind: NOT_TOLD}) == TRUST


def test_something_must_speak_for_a_map():
    silent = dict.fromkeys(KINDS, NOT_TOLD)
    assert conclude(silent) == UNKNOWN
    assert conclude(silent | {STABLE: PASSED}) == MIXED
    assert conclude(silent | {ABLATION: PASSED}) == TRUST


def test_what_was_found_elsewhere_casts_doubt_and_no_more():
    here = dict.fromkeys(KINDS, PASSED)
    assert conclude(here | {REASONS: FAILED}, elsewhere=(REASONS,)) == MIXED
    nothing = dict.fromkeys(KINDS, NOT_MEASURED)
    assert conclude(nothing | {REASONS: PASSED}, elsewhere=(REASONS,)) == UNKNOWN
    assert conclude(nothing | {REASONS: FAILED}, elsewhere=(REASONS,)) == UNKNOWN


def test_the_sentence_says_what_was_found():
    verdict = judge({REASONS: gained(-0.2, -0.1), STABLE: Finding(0.9, math.nan, 0.8, 1.0)})
    assert verdict.sentence == (
        "Do not trust it: it misses reasons that were planted, though it stays when nothing "
        "changes."
    )
    assert "0.15 below the best map that knows nothing (−0.20 to −0.10)" in (
        verdict.lines[REASONS].words
    )
    assert verdict.lines[ABLATION].words == "No evaluation at hand has it."
    assert judge({}).sentence == "It cannot be told yet for this network."
    assert set(LABELS) == set(KINDS)
    assert len(set(MARKS.values())) == len(MARKS)


def row(network, kind, candidate, **gains):
    figures = {f"{name}_{part}": value for name in gains for part, value in gains[name].items()}
    return dict.fromkeys(COLUMNS, math.nan) | {
        "network": network,
        "seed": 100,
        "kind": kind,
        "candidate": candidate,
        **figures,
    }


FOUND = {"figure": 0.9, "gain": 0.5, "low": 0.4, "high": 0.6}
MISSED = {"figure": 0.1, "gain": -0.5, "low": -0.6, "high": -0.4}


def test_rates_count_what_is_failed_where_it_can_be_found():
    rows = pd.DataFrame(
        [
            row("shape", "edges", "edges", planted=MISSED),
            row("both", "edges", "edges", planted=FOUND),
            row("shape", "sound", "lrp", planted=FOUND),
            row("both", "sound", "lrp", planted=MISSED),
            row("somebody's", "sound", "lrp", planted=MISSED),
        ]
    )
    known = judged(rows)
    assert broken_rates(known) == {"edges": Rate(1, 2)}
    assert sound_rates(known) == {"lrp": Rate(0, 1)}
    assert unable_rates(known) == {"lrp": Rate(1, 1)}


def test_wilson_s_interval():
    # Wilson 1927 for no failure of n: 0 to z²/(n + z²).
    low, high = Rate(0, 60).interval
    assert low == pytest.approx(0, abs=1e-12)
    assert high == pytest.approx(1.959964**2 / (60 + 1.959964**2))
    assert str(Rate(3, 60)).startswith("3 of 60, 5.0% (")


def run_of(network, **means):
    rows = pd.DataFrame(
        {"position": p, "photo": str(p), "method": name, "iauc": mean + 0.01 * p, "dauc": 0.1}
        for name, mean in means.items()
        for p in range(4)
    )
    return Results(rows, pd.DataFrame(), {"weights": network})


def test_a_method_is_held_against_the_best_control_of_a_run():
    results = run_of("mine", lrp=0.9, edges=0.3, random=0.5, blurred=0.95)
    found = above_controls(results.rows, "lrp")
    # The blurred map still knows the network: it is no rival.
    assert found.gain == pytest.approx(0.4)
    assert above_controls(results.rows, "lime") is None
    assert above_controls(run_of("mine", lrp=0.9).rows, "lrp") is None


def test_a_card_tells_only_what_was_measured():
    draws = pd.DataFrame(
        [
            row("shape", "sound", "lrp", planted=FOUND),
            row("sides", "sound", "lrp", planted=FOUND),
            row("mine", "sound", "lrp", ablation=FOUND),
        ]
    )
    results = run_of("mine", lrp=0.9, random=0.5)
    mine = make_card("lrp", "mine", results, draws)
    assert mine.verdict.overall == TRUST
    assert {kind for kind, line in mine.verdict.lines.items() if line.status == PASSED} == {
        CONTROL,
        REASONS,
        ABLATION,
    }
    other = make_card("lrp", "another", results, draws)
    assert other.verdict.overall == UNKNOWN
    assert {kind: line.status for kind, line in other.verdict.lines.items()} == dict.fromkeys(
        KINDS, NOT_MEASURED
    ) | {REASONS: PASSED}
    assert set(other.places) == {REASONS}
    assert set(make_card("lime", "another", results, draws).verdict.lines) == set(KINDS)
