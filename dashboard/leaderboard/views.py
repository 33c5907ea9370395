"""What can be seen of a run below its table: charts, ranks, disagreements."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard.leaderboard import charts
from dashboard.leaderboard.keys import ACROSS, DISTRIBUTION, UP
from dashboard.shared import state
from dashboard.shared.photos import load_samples
from dashboard.shared.text import plain
from xaicore import METRICS
from xaicore.evaluation.results import Results
from xaicore.leaderboard.board import Board, average_focus
from xaicore.leaderboard.parts import rank_disagreement
from xaicore.leaderboard.tables import Columns, in_words, label_of

MOST_DISAGREEMENTS = 12


def show_intervals(columns: Columns) -> None:
    words = "; ".join(
        f"{header}: " + ", ".join(f"{label_of(n)} {in_words(c)}" for n, c in column.items())
        for header, column in columns.items()
    )
    st.plotly_chart(charts.draw_intervals(columns), config=charts.CONFIG)
    with st.expander("The same in words"):
        st.caption(words)


def show_ranks(board: Board, results: Results) -> None:
    """Ranks by metric and overall, and how often each column's order holds."""
    table = board.ranks.rename(index=label_of, columns=_rank_header)
    table.loc["Order holds"] = [board.holds[name] for name in board.ranks.columns]
    shown = table.map(lambda value: f"{value:.1f}").astype(object)
    shown.loc["Order holds"] = [f"{share:.0%}" for share in table.loc["Order holds"]]
    st.table(shown)
    st.caption(
        "1 is best; the overall rank is the mean over the study's six metrics. The last line says "
        "in how many of 2,000 draws of the photos the whole order of its column stays as it is."
    )
    if len(results.focus):
        _show_focus(results)


def _rank_header(metric: str) -> str:
    return "Overall" if metric == "overall" else METRICS[metric].label


def _show_focus(results: Results) -> None:
    """Focus at each of the two sizes."""
    sizes = sorted(results.focus["size"].unique())
    table = {
        f"{size}×{size} pixels": {
            label_of(name): in_words(cell)
            for name, cell in average_focus(results.focus, size).items()
        }
        for size in sizes
    }
    st.subheader("Focus", anchor=False)
    st.table(pd.DataFrame(table))
    st.caption(
        f"Share of positive relevance on the right tiles of {results.focus['mosaic'].nunique()} "
        "mosaics of two cats and two dogs, higher is better, 0.5 is chance."
    )


def show_scatter(results: Results) -> None:
    """Any score against any other, or against what it cost."""
    columns = [name for name in METRICS if name in results.rows]
    options = [*columns, charts.SECONDS]
    left, right = st.columns(2)
    across = left.selectbox("Across", options, len(columns), format_func=charts.axis_of, key=ACROSS)
    up = right.selectbox("Up", options, 0, format_func=charts.axis_of, key=UP)
    st.plotly_chart(charts.draw_scatter(results.rows, across, up), config=charts.CONFIG)
    st.caption("One point a photo and method; where both ends are better the corner says which.")


def show_distribution(results: Results) -> None:
    columns = [name for name in METRICS if name in results.rows]
    metric = st.selectbox("Metric", columns, format_func=charts.axis_of, key=DISTRIBUTION)
    st.plotly_chart(charts.draw_distribution(results.rows, metric), config=charts.CONFIG)
    st.caption("One point a photo; the box holds the middle half of them, its line is the median.")


def show_disagreements(results: Results) -> None:
    """The photos that methods fare most differently on; those at hand open in Explain."""
    samples = {photo.hash: name for name, photo in load_samples().items()}
    ranked = rank_disagreement(results.rows).head(MOST_DISAGREEMENTS)
    st.caption(
        "Disagreement: how far apart the methods' scores on this photo lie, in standard "
        "deviations, on average over the six metrics."
    )
    for row in ranked.itertuples():
        with st.container(horizontal=True, vertical_alignment="center"):
            truth = f", in truth a {plain(row.label)}" if isinstance(row.label, str) else ""
            st.markdown(
                f"**{row.disagreement:.2f}** · photo {row.position} (`{row.photo}`), called a "
                f"{plain(row.predicted)} with {row.probability:.1%}{truth}",
                width="stretch",
            )
            if row.photo in samples:
                _open_sample(samples[row.photo])
    if not set(ranked["photo"]) & set(samples):
        st.caption("None of these photos is at hand, so they cannot be opened here.")


def _open_sample(name: str) -> None:
    # The sidebar's widgets are drawn already: only a callback may set them.
    if st.button(
        "Open in Explain",
        key=f"open-{name}",
        icon=":material/image_search:",
        on_click=state.reset,
        args=({state.SOURCE: "sample", state.SAMPLE: name},),
    ):
        st.switch_page("explain/page.py")
