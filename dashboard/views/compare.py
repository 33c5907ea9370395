"""Compare: maps side by side, where they agree, and which of two the network backs."""

from __future__ import annotations

import streamlit as st

from dashboard import comparing, state

st.title("Do the maps agree?")
st.markdown(
    "Point at a place in one panel, or use the arrow keys, to read it in all of them. Zoom with + "
    "and − and drag to move: all panels follow."
)
comparing.board(state.choices())
