"""The study's tab as a person reads it: its figures in full, ours, and what follows."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.leaderboard import charts, keys
from tests.dashboard.walk import visit
from xaicore.evaluation.protocols import load_protocols
from xaicore.evaluation.results import load_results
from xaicore.evaluation.variants import VARIANTS
from xaicore.leaderboard.board import summarise
from xaicore.leaderboard.study.beside import compare_ranks, list_lines, say_ranks
from xaicore.leaderboard.study.evidence import Measured
from xaicore.leaderboard.study.printed import PUBLISHED, STUDY
from xaicore.leaderboard.study.reach import find_reach, summarise_variants
from xaicore.leaderboard.study.statements import HOLDS, STATEMENTS
from xaicore.leaderboard.tables import in_words


@pytest.fixture(scope="module")
def app() -> AppTest:
    app = visit("leaderboard")
    app.session_state[keys.VIEW] = "study"
    app.run()
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    return "\n".join(element.value for element in [*app.markdown, *app.caption])


def test_its_table_stands_in_full_beside_ours(app: AppTest) -> None:
    board = summarise(load_results().rows)
    table = app.table[-4].value
    assert list(table.columns[:4]) == ["LRP", "LIME", "Grad-CAM", "DeepLIFT"]
    printed = [list(row[:4]) for name, row in table.T.items() if str(name).endswith("the study")]
    assert printed == [
        ["0.387", "0.416", "0.489", "0.323"],
        ["0.546", "0.361", "0.392", "0.439"],
        ["0.118", "0.108", "0.070", "0.125"],
        ["−0.241", "−0.069", "−0.179", "0.333"],
        ["−0.093", "0.107", "0.050", "0.0193"],
        ["0.014", "0.035", "0.003", "0.001"],
    ]
    for label, metric in (
        ("AD, here", "ad"),
        ("AD, signed, here", "ad_signed"),
        ("IC, here", "ic"),
    ):
        assert table.loc[label, "LRP"] == in_words(board.cells["lrp", metric])
    assert list(table.loc["**IC**, the study"][4:]) == ["Grad-CAM", "DeepLIFT"]
    assert list(table.loc["**AD**, the study"][4:]) == ["LIME", "LRP"]


def test_all_statements_are_judged_four_times(app: AppTest) -> None:
    board = summarise(load_results().rows)
    table = app.table[-3].value
    assert table.shape == (12, 4)
    for number, statement in enumerate(STATEMENTS, 1):
        assert table.index[number - 1] == rf"{number}\. {statement.sentence}"
        for reading in (STUDY, PUBLISHED):
            held = statement.judge(Measured(board, reading)).verdict == HOLDS
            assert table[f"Here, {reading.label}"].iloc[number - 1].endswith("holds") == held
    holds = sum(s.judge(Measured(board, PUBLISHED)).verdict == HOLDS for s in STATEMENTS)
    assert f"As published, **{holds}** of the 12 hold here" in words(app)
    assert "no other, and nobody on as many" in words(app)


def test_every_protocol_has_a_line_and_every_figure_a_place(app: AppTest) -> None:
    protocols, reach = app.table[-2].value, app.table[-1].value
    assert protocols.shape == (len(VARIANTS), 6)
    row = protocols.loc["A removed pixel shows: **black**"]
    assert [cell == "as ours" for cell in row] == [True, False, True, False, True, True]
    found = find_reach(summarise_variants(load_protocols().rows))
    bold = sum(cell.startswith("**") for _, row in reach.iterrows() for cell in row)
    assert bold == sum(place.inside for place in found.values())
    assert f"Of the study's 24 figures, {bold} lie inside" in words(app)


def test_the_order_follows_the_reading(app: AppTest) -> None:
    def ic() -> str:
        match = re.search(r"; IC: ([^;]*);", words(app))
        assert match
        return match[1]

    assert ic().startswith("theirs Grad-CAM, LIME, LRP, DeepLIFT, ours Grad-CAM")
    app.segmented_control(key=keys.READING).set_value("published").run()
    assert not app.exception
    assert ic().startswith("theirs DeepLIFT, LRP, LIME, Grad-CAM, ours LRP")


def test_the_chart_holds_both_ranks_in_the_methods_colours() -> None:
    ranks: dict[str, tuple[dict[str, float], dict[str, float]]] = {
        "iauc": ({"lrp": 3, "lime": 2, "gradcam": 1, "deeplift": 4}, {"lrp": 1, "lime": 2}),
        "dauc": ({"lrp": 4, "lime": 1, "gradcam": 2, "deeplift": 3}, {}),
    }
    lines = charts.draw_rank_slopes(ranks).data
    assert len(lines) == 8
    assert [list(line.y) for line in lines[:3]] == [[3, 1], [2, 2], [1, None]]
    assert lines[0].line.color == charts.colour_of("lrp")
    assert len({line.marker.symbol for line in lines}) == 4
    assert say_ranks(ranks["iauc"]) == "theirs Grad-CAM, LIME, LRP, DeepLIFT; ours LRP, LIME"
    assert say_ranks(ranks["dauc"]).endswith("ours none")


def test_a_board_without_the_study_s_methods_has_its_lines_all_the_same() -> None:
    rows = load_results().rows
    board = summarise(rows[rows["method"] == "lrp"].drop(columns="ad_signed"))
    lines = {line.label: line for line in list_lines(board) if not line.printed}
    assert lines["IAUC"].figures["LIME"] == "–"
    assert lines["IAUC"].best == {"study": "–", "published": "–"}
    assert set(lines["AD, signed"].figures.values()) == {"–"}
    assert compare_ranks(board, STUDY)["ad"][1] == {}
