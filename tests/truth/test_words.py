"""The sentence says what the verdicts say, and the tables hold the figures."""

import pandas as pd
import pytest

from tests.truth.test_believe import make_rows, noise
from xaicore.truth.believe import judge
from xaicore.truth.words import say, to_mark_table, to_markdown, to_network_table, to_table


@pytest.fixture(scope="module")
def rows():
    return make_rows()


@pytest.fixture(scope="module")
def beliefs(rows):
    return judge(
        rows.assign(
            iauc=rows["auprc"],
            dauc=-rows["auprc"],
            ic=noise(rows),
            iic=(rows["photo"] > 3) * (rows["auprc"] > 0.3),
            add=rows["auprc"],
        )
    )


def test_the_sentence_names_every_metric_of_the_study_once(beliefs):
    assert say(beliefs).startswith(
        "On 3 networks whose reasons are known, IAUC, DAUC and IIC agree with the truth; "
    )
    assert "IC does not tell right maps from wrong ones" in say(beliefs)
    assert "ADD" not in say(beliefs)


def test_the_sentence_says_that_no_metric_is_believed(rows):
    beliefs = judge(rows.assign(iauc=noise(rows), dc=noise(rows, 2)))
    assert say(beliefs) == (
        "On 3 networks whose reasons are known, none of the 2 scores deserves to be believed; "
        "IAUC and DC do not tell right maps from wrong ones."
    )


def test_the_table_holds_figures_intervals_and_verdicts(beliefs):
    table = to_table(beliefs)
    assert list(table.index) == ["IAUC ↑", "DAUC ↓", "IC ↑", "IIC ↑", "ADD ↑"]
    assert list(table.loc["DAUC ↓"]) == [
        "1.00 (1.00 to 1.00)",
        "1.00 (1.00 to 1.00)",
        "100% (100% to 100%)",
        "100%",
        "✓ believe",
    ]
    assert table.loc["IC ↑", "Verdict"] == "✗ do not"


def test_photos_on_which_a_metric_is_silent_are_counted(beliefs):
    assert beliefs["iic"].silent == 3 * 4
    assert to_table(beliefs).loc["IIC ↑", "Agreement ρ"].endswith(", on 78 of 90 photos")


def test_every_network_has_its_column(beliefs):
    table = to_network_table(beliefs)
    assert list(table) == ["a", "b", "c"]
    assert table.loc["IAUC ↑", "b"] == "1.00 · 100%"


def test_markdown_is_the_sentence_and_the_table(beliefs):
    lines = to_markdown(beliefs).splitlines()
    assert lines[0] == f"**{say(beliefs)}**"
    assert len(lines) == 2 + 2 + len(beliefs)
    assert lines[4].startswith("| IAUC ↑ | 1.00 (1.00 to 1.00) |")


def test_the_mark_table_holds_the_means_by_kind_of_cheating():
    rows = pd.DataFrame(
        [
            ("petnet-tells-0", "lime", "default", 0.9, 0.02),
            ("petnet-tells-1", "lime", "default", 0.5, 0.04),
            ("petnet-tells-1", "lime", "200 superpixels", 0.1, 0.04),
            ("petnet-idle-0", "lime", "default", 0.06, 0.02),
            ("petnet-idle-0", "edges", "0", 0.3, 0.02),
            ("colour", "lime", "default", 1.0, 0.5),
        ],
        columns=["network", "name", "setting", "share", "chance"],
    )
    table = to_mark_table(rows)
    assert list(table.columns) == ["the mark tells", "the mark is idle"]
    assert list(table.loc["LIME"]) == ["70%", "6%"]
    assert list(table.loc["Edges"]) == ["–", "30%"]
    assert list(table.loc["chance"]) == ["3%", "2%"]
