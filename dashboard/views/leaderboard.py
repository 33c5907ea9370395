"""Leaderboard: which method is worth more, on many photos, and how sure one can be of it."""

from __future__ import annotations

import streamlit as st

from dashboard import board_pieces, runs, state
from xaicore.leaderboard import say
from xaicore.store import StoreError

VIEWS = {
    "intervals": "Intervals",
    "ranks": "Ranks",
    "study": "The study",
    "scatter": "Scatter",
    "spread": "Spread",
    "disagreements": "Disagreements",
    "history": "History",
    "evaluate": "Evaluate my photos",
}

st.title("Leaderboard", anchor=False)
try:
    store = runs.get_store()
except StoreError as error:
    st.error(str(error))
    st.stop()
if store.notice:
    st.warning(store.notice)

left, right = st.columns(2)
with left:
    run = board_pieces.choose_run()
results = runs.get_results(run)
with right:
    part = board_pieces.choose_part(results)
board = runs.get_board(results, part)
columns = runs.get_columns(results, part)

st.markdown(f"### {say(board)}")
board_pieces.show_table(board, columns)
if results.about["note"]:
    st.caption(f"Note: {results.about['note']}")
board_pieces.download_menu(columns, part)

view = st.segmented_control(
    "More",
    list(VIEWS),
    format_func=VIEWS.__getitem__,
    default="intervals",
    required=True,
    key=state.BOARD_VIEW,
    bind="query-params",
)
if view == "intervals":
    board_pieces.show_intervals(columns)
elif view == "ranks":
    board_pieces.show_ranks(board)
    board_pieces.show_focus(results)
elif view == "study":
    board_pieces.show_study(board, columns)
elif view == "scatter":
    board_pieces.show_scatter(results)
elif view == "spread":
    board_pieces.show_distribution(results)
elif view == "disagreements":
    board_pieces.show_disagreements(results)
elif view == "history":
    board_pieces.show_history(run)
else:
    board_pieces.evaluate_photos(state.choices().network.classifier)
board_pieces.show_queue()
