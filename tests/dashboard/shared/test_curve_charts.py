"""Figures and tables of curves, against values worked by hand."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from dashboard.shared.curve_charts import (
    KINDS,
    describe_curves,
    draw_curves,
    tabulate_curves,
    to_html,
)
from xaicore import EXPLAINERS
from xaicore.metrics.base import PerturbationTrace

DELETION, INSERTION = KINDS["deletion"], KINDS["insertion"]
FRACTIONS = np.array([0.0, 0.5, 1.0])


def trace(*deletions: list[float]) -> PerturbationTrace:
    """Maps with these deletion curves; insertion runs the other way."""
    deletion = np.array(deletions)
    nothing = np.zeros(len(deletion))
    return PerturbationTrace(
        FRACTIONS, deletion[:, :2], nothing, deletion[:, ::-1], deletion, nothing, nothing
    )


TRACES = {"lrp": trace([1.0, 0.2, 0.6]), "lime": trace([1.0, 0.8, 0.6])}


def named(figure, words: str):
    (found,) = (drawn for drawn in figure.data if words in (drawn.name or ""))
    return found


def test_a_curve_has_its_points_its_colour_and_its_area_in_the_legend() -> None:
    figure = draw_curves(DELETION, TRACES, [], "cat", step=1)
    drawn = named(figure, "LRP")
    np.testing.assert_array_equal(drawn.x, [0, 50, 100])
    np.testing.assert_array_equal(drawn.y, [1.0, 0.2, 0.6])
    assert drawn.line.color == EXPLAINERS["lrp"].colour
    assert drawn.fill == "tozeroy"
    # The trapezoids: (1 + 0.2) / 4 + (0.2 + 0.6) / 4.
    assert drawn.name == "LRP DAUC 0.500"
    assert named(figure, "LIME").name == "LIME DAUC 0.800"
    assert named(draw_curves(INSERTION, TRACES, [], "cat", 1), "LRP").name == "LRP IAUC 0.500"


def test_all_charts_share_their_axes() -> None:
    for kind in KINDS.values():
        figure = draw_curves(kind, TRACES, [], "cat")
        assert figure.layout.xaxis.range == (0, 100)
        assert figure.layout.yaxis.range == (0, 1.02)
        assert figure.layout.yaxis.title.text == "probability of cat"


@pytest.mark.parametrize(("step", "share"), [(0, 0), (1, 50), (2, 100)])
def test_the_step_is_a_line_with_a_point_on_every_curve(step: int, share: float) -> None:
    figure = draw_curves(DELETION, TRACES, [], "cat", step)
    (line,) = figure.layout.shapes
    assert line.x0 == line.x1 == share
    points = [(d.x[0], d.y[0]) for d in figure.data if d.mode == "markers"]
    assert points == [
        (share, t.deletion[0, step]) for t in TRACES.values() if t.deletion is not None
    ]


def test_without_a_step_there_is_no_line() -> None:
    figure = draw_curves(DELETION, TRACES, [], "cat")
    assert not figure.layout.shapes
    assert all(drawn.mode != "markers" for drawn in figure.data)


def test_the_band_holds_the_middle_of_the_controls() -> None:
    controls = [trace(*([value] * 3 for value in np.linspace(0, 1, 6))), trace(*[[0.5] * 3] * 5)]
    figure = draw_curves(DELETION, TRACES, controls, "cat")
    low, high = figure.data[:2]
    pooled = np.array([0, 0.2, 0.4, 0.6, 0.8, 1] + [0.5] * 5)
    np.testing.assert_allclose(low.y, np.full(3, np.percentile(pooled, 10)))
    np.testing.assert_allclose(high.y, np.full(3, np.percentile(pooled, 90)))
    assert high.name == "11 maps that know nothing"
    assert high.fill == "tonexty"


def test_the_empty_picture_s_probability_is_marked_and_said() -> None:
    removed = named(draw_curves(DELETION, TRACES, [], "cat"), "all removed")
    assert (removed.name, list(removed.y)) == ("all removed: cat 0.600", [0.6, 0.6])
    blurred = named(draw_curves(INSERTION, TRACES, [], "cat"), "blurred")
    assert (blurred.name, list(blurred.y)) == ("all blurred: cat 0.600", [0.6, 0.6])


def test_a_chart_is_described_in_words() -> None:
    words = describe_curves(DELETION, TRACES, "cat")
    assert "DAUC, lower is better: LRP 0.500, LIME 0.800." in words


def test_the_page_of_charts_holds_all_it_needs() -> None:
    figures = [draw_curves(kind, TRACES, [], "cat") for kind in KINDS.values()]
    page = to_html(figures, "Curves for <cat>")
    assert "<title>Curves for &lt;cat&gt;</title>" in page
    assert page.count("Plotly.newPlot(") == 2
    assert 'src="http' not in page


def test_the_table_holds_every_point_and_what_made_it() -> None:
    table = tabulate_curves(
        {"LRP": TRACES["lrp"], "Random": trace([1, 1, 0.6], [1, 0, 0.6])}, {"photo": "ab"}
    )
    again = pd.read_csv(io.StringIO(table.to_csv(index=False)))
    assert list(again) == ["map", "draw", "curve", "step", "share", "probability", "photo"]
    assert len(again) == 3 * 2 * 3
    second = again.query("map == 'Random' and draw == 1 and curve == 'deletion'")
    assert list(second["probability"]) == [1, 0, 0.6]
    assert list(second["share"]) == [0, 0.5, 1]
    assert set(again["photo"]) == {"ab"}
