"""Which score to believe: a sentence, tables, and signs in the head of the leaderboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st

from dashboard.leaderboard import believe, keys, runs
from tests.dashboard.leaderboard.test_page import open_page, words
from xaicore import METRICS
from xaicore.leaderboard.tables import header_of, to_markdown
from xaicore.truth.believe import BELIEVE, DO_NOT, WITH_CARE, judge
from xaicore.truth.results import load_truth
from xaicore.truth.words import MARKS, say, to_mark_table

SIX = [name for name, metric in METRICS.items() if not metric.extra]


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XAICORE_STORE", f"sqlite:///{tmp_path / 'store.db'}")
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


def test_the_tab_says_what_the_rows_say() -> None:
    app = open_page(**{keys.VIEW: "believe"})
    truth = load_truth()
    beliefs = judge(truth.rows)
    assert app.subheader[0].value == say(beliefs)
    table, networks, marks = (app.table[place].value for place in (-3, -2, -1))
    assert list(table.index) == [header_of(name) for name in beliefs]
    for name in SIX:
        assert table.loc[header_of(name), "Verdict"].endswith(beliefs[name].verdict)
    known = truth.about["networks"]
    assert list(networks) == [known[name]["label"] for name in beliefs["iauc"].networks]
    assert marks.equals(to_mark_table(truth.rows))


def test_how_it_was_measured_is_told_with_its_counts() -> None:
    app = open_page(**{keys.VIEW: "believe"})
    truth = load_truth()
    told = words(app)
    assert f"{len(truth.rows):,} maps in all" in told
    assert all(network["summary"] in told for network in truth.about["networks"].values())


def test_the_head_of_the_leaderboard_says_how_far_each_score_is_believed() -> None:
    app = open_page()
    beliefs = believe.get_beliefs()
    headers = list(app.table[0].value)
    for name in SIX:
        assert f"{header_of(name)} {MARKS[beliefs[name].verdict]}" in headers
    told = words(app)
    assert all(sign in told for sign in MARKS.values())
    # What no network's reason says anything of has no sign.
    assert [header for header in headers if header.startswith(("Focus", "Seconds"))] == [
        "Focus ↑",
        "Seconds ↓",
    ]


def test_files_have_no_signs() -> None:
    results = runs.get_bundled()
    text = to_markdown(runs.get_columns(results, runs.EVERYTHING))
    assert not any(sign in text for sign in (MARKS[BELIEVE], MARKS[DO_NOT], MARKS[WITH_CARE]))


def test_the_chart_tells_verdicts_apart_without_colours() -> None:
    beliefs = believe.get_beliefs()
    figure = believe._draw(beliefs)
    assert len({trace.marker.symbol for trace in figure.data}) == len(MARKS)
    shown = {label for trace in figure.data for label in trace.y}
    assert shown == {METRICS[name].label for name in beliefs}
    by_label = {METRICS[name].label: belief for name, belief in beliefs.items()}
    first = figure.data[0]
    for label, value in zip(first.y, first.x, strict=True):
        assert value == pytest.approx(by_label[label].agreement.value)
