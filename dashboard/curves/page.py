"""Curves: what happens to the probability when what a map calls salient is removed or restored."""

from __future__ import annotations

import streamlit as st

from dashboard.curves.downloads import show_downloads
from dashboard.curves.protocol import choose_protocol
from dashboard.curves.scores import show_scores
from dashboard.curves.steps import show_steps
from dashboard.curves.work import look_up, show_work
from dashboard.shared import state
from dashboard.shared.store import say_if_away

choices = state.choices()
st.title(f"Do the maps show what matters for {choices.said}?")
st.markdown(
    "Remove a good map's most salient pixels, and the probability falls at once. "
    "Put them back into a blurred photo, and it returns at once."
)
with st.container(horizontal=True, vertical_alignment="center"):
    with st.popover("Protocol", icon=":material/tune:"):
        protocol = choose_protocol()
    results = look_up(choices, protocol)
    show_downloads(choices, protocol, results)
show_work(choices, protocol, results)
say_if_away()
if results.maps:
    show_steps(choices, protocol, results)
if results.traces:
    st.header("Six metrics of these maps", anchor=False)
    show_scores(results)
