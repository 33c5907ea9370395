"""Leaderboard: which method is worth more, on many photos, and how sure one can be of it."""

from __future__ import annotations

import streamlit as st

from dashboard.leaderboard import keys, runs
from dashboard.leaderboard.believe import show_believe
from dashboard.leaderboard.evaluate import show_evaluate
from dashboard.leaderboard.history import show_history
from dashboard.leaderboard.study import show_study
from dashboard.leaderboard.table import (
    choose_part,
    choose_run,
    open_results,
    show_downloads,
    show_photos,
    show_table,
)
from dashboard.leaderboard.unfinished import show_unfinished
from dashboard.leaderboard.views import (
    show_disagreements,
    show_distribution,
    show_intervals,
    show_ranks,
    show_scatter,
)
from dashboard.leaderboard.waiting import show_queue
from dashboard.shared import state
from dashboard.shared.store import get_store
from dashboard.shared.text import plain
from dashboard.shared.verdicts import cards_of
from dashboard.shared.verdicts import show_table as show_verdicts
from dashboard.shared.widgets import choose, in_sentences
from xaicore.evaluation.store import Run
from xaicore.leaderboard.words import say

VIEWS = {
    "intervals": "Intervals",
    "ranks": "Ranks",
    "believe": "Which score to believe",
    "study": "The study",
    "scatter": "Scatter",
    "spread": "Spread",
    "disagreements": "Disagreements",
    "history": "History",
    "evaluate": "Evaluate my photos",
}

# What cannot be drawn of no photo at all.
OF_PHOTOS = ("intervals", "ranks", "study", "scatter", "spread", "disagreements")

st.title("Leaderboard", anchor=False)
found: dict[str, Run] = {}
with in_sentences():
    found = runs.list_runs()
    if get_store().notice:
        st.warning(plain(get_store().notice))
# What has no photo yet can be gone on with, but has nothing to show.
own = {id: run for id, run in found.items() if run.photos or run.problem}

left, right = st.columns(2)
with left:
    run_id = choose_run(own)
results = open_results(run_id, own)
with right:
    part = choose_part(results)
board = runs.get_board(results, part)
columns = runs.get_columns(results, part)

st.markdown(f"### {say(board)}")
if board.photos:
    show_table(board, columns)
show_photos(results)
if results.about["note"]:
    st.caption(f"Note: {plain(results.about['note'])}")
show_downloads(columns, part)
if board.photos:
    with st.expander("The verdict: how far to trust each method", icon=":material/gavel:"):
        show_verdicts(cards_of(results))

view = choose("More", VIEWS, keys.VIEW, in_link=True)
if not board.photos and view in OF_PHOTOS:
    st.caption("There is nothing to be seen of photos that could not be read.")
elif view == "intervals":
    show_intervals(columns)
elif view == "ranks":
    show_ranks(board, results)
elif view == "believe":
    show_believe()
elif view == "study":
    show_study(results, part)
elif view == "scatter":
    show_scatter(results)
elif view == "spread":
    show_distribution(results)
elif view == "disagreements":
    show_disagreements(results)
elif view == "history":
    show_history(run_id, results, own)
else:
    show_evaluate(state.choices().network.classifier)
show_queue()
show_unfinished(found.values())
