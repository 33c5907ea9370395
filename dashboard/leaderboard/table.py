"""The chosen run's table: methods down, metrics across, controls in grey; and its files."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from dashboard.leaderboard import runs
from dashboard.leaderboard.believe import mark_headers, say_marks
from dashboard.leaderboard.evaluate import names_of
from dashboard.leaderboard.keys import PART, RUN
from dashboard.shared.text import plain
from xaicore import CONTROLS, PetlensError
from xaicore.evaluation.results import Results, list_unread
from xaicore.evaluation.store import Run
from xaicore.formatting import plural
from xaicore.leaderboard.board import Board
from xaicore.leaderboard.tables import (
    Columns,
    label_of,
    mark_markdown,
    to_csv,
    to_latex,
    to_long,
    to_markdown,
    to_parquet,
)
from xaicore.leaderboard.words import say_photos


def choose_run(own: Mapping[str, Run]) -> str:
    """The id of a run of the history, or of one that came with Petlens."""
    options = [*runs.BUNDLED, *own]
    if st.session_state.get(RUN) not in options:
        st.session_state.pop(RUN, None)
    return st.selectbox("Run", options, format_func=lambda id: runs.name_of(id, own), key=RUN)


def open_results(run_id: str, own: Mapping[str, Run]) -> Results:
    """A run's results; where they cannot be read, a sentence and those that came with Petlens."""
    try:
        return runs.get_results(run_id, own)
    except PetlensError as error:
        st.warning(f"{plain(str(error))} Below are the results that came with Petlens.")
        return runs.get_bundled()


def choose_part(results: Results) -> str:
    """All photos, or a part of them."""
    parts = list(runs.list_parts(results))
    return st.selectbox(
        "Photos",
        parts,
        format_func=lambda part: part.capitalize(),
        help="By true class, by whether the network was right, by how sure it was.",
        key=PART,
    )


def show_table(board: Board, columns: Columns) -> None:
    """Methods down, metrics across, controls in grey."""
    names = [*board.methods, *board.controls]
    cells = {
        header: [_shade(name, mark_markdown(column.get(name))) for name in names]
        for header, column in columns.items()
    }
    index = [_shade(name, label_of(name)) for name in names]
    table = pd.DataFrame(cells, index=index)
    table.columns = mark_headers(list(table))
    st.table(table)
    valid = [cell.valid for column in columns.values() for cell in column.values()]
    st.caption(
        f"Means over {plural(board.photos, 'photo')} ± half of their 95 % interval, from photos "
        "drawn anew 2,000 times. **Bold**: best of its column. \\*: not told apart from the best. "
        "Grey: maps that know nothing, but for the blurred one, which still knows what the "
        "methods say. ↑ higher is better, ↓ lower is better. "
        + (
            f"Where a score is undefined the photo is left out: {min(valid)} to {max(valid)} count."
            if min(valid) < max(valid)
            else ""
        )
    )
    st.caption(say_marks())


def _shade(name: str, words: str) -> str:
    return f":gray[{words}]" if name in CONTROLS else words


def show_photos(results: Results) -> None:
    """What is particular about the photos of a run, and which could not be read, and why."""
    particular = say_photos(results)
    if particular:
        st.caption(plain(" ".join(particular)))
    if len(results.unread):
        with st.expander("Photos that could not be read", icon=":material/hide_image:"):
            # As text: names of files may look like Markdown.
            st.text("\n".join(list_unread(results.unread, names_of(results))))


def show_downloads(columns: Columns, title: str) -> None:
    """The table as it is shown, in four formats."""
    stem = "petlens-leaderboard"
    files = {
        "CSV": (lambda: to_csv(to_long(columns)), f"{stem}.csv", "text/csv"),
        "Parquet": (
            lambda: to_parquet(to_long(columns)),
            f"{stem}.parquet",
            "application/vnd.apache.parquet",
        ),
        "Markdown": (lambda: to_markdown(columns).encode(), f"{stem}.md", "text/markdown"),
        "LaTeX (booktabs)": (lambda: to_latex(columns).encode(), f"{stem}.tex", "text/x-tex"),
    }
    with st.popover("Download", icon=":material/download:"):
        for label, (make, name, kind) in files.items():
            st.download_button(
                label, make, name, kind, on_click="ignore", key=f"{title}-{name}", width="stretch"
            )
