"""Curves: what happens to the probability when what a map calls salient is removed or restored."""

from __future__ import annotations

import streamlit as st

from dashboard import curve_pieces, state

choices = state.choices()
st.title(f"Do the maps show what matters for {choices.label}?")
st.markdown(
    "Remove a good map's most salient pixels, and the probability falls at once. "
    "Put them back into a blurred photo, and it returns at once."
)
with st.container(horizontal=True, vertical_alignment="center"):
    with st.popover("Protocol", icon=":material/tune:"):
        protocol = curve_pieces.choose_protocol()
    known = curve_pieces.look_up(choices, protocol)
    curve_pieces.download_menu(choices, protocol, known)
curve_pieces.show_work(choices, protocol, known)
if known.maps:
    curve_pieces.show_board(choices, protocol, known)
if known.traces:
    st.header("Six metrics of these maps", anchor=False)
    curve_pieces.metric_cards(known)
