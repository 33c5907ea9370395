"""Compare: maps side by side, where they agree, and which of two the network backs."""

from __future__ import annotations

import streamlit as st

from dashboard.compare.agreement import show_agreement
from dashboard.compare.change import show_change
from dashboard.compare.duel import show_duel
from dashboard.compare.forgetful import show_forgetful
from dashboard.compare.panels import choose_panels, panel_cells
from dashboard.compare.scaled import scale_sentence
from dashboard.compare.shown import show_panels
from dashboard.compare.stage import show_stage
from dashboard.compare.tools import choose_count, choose_pair, choose_view, show_presets
from dashboard.compare.views import OWN_COLOURS, SEPARATE, View
from dashboard.shared import state
from dashboard.shared.state import Choices
from dashboard.shared.widgets import show_legend


@st.fragment
def compare(choices: Choices) -> None:
    """Everything that is compared; a change here does not run the rest of the page."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        count = choose_count()
        show_presets(choices)
    name, share = choose_view()
    tools = st.container()
    cells = panel_cells(count)
    panels = choose_panels(choices, cells)
    with tools:
        pair = choose_pair([panel.letter for panel in panels])
    view = View(name, share, pair, choices.look)
    scaled = show_panels(panels, cells, view)
    peers = [one for one in scaled if one.panel.request.photo == panels[0].request.photo]
    if name not in SEPARATE:
        show_stage(peers, view)
    if name not in OWN_COLOURS:
        one_class = {panel.request.class_index for panel in panels} == {choices.class_index}
        show_legend(choices.look, choices.label if one_class else "the class")
    st.caption(scale_sentence(panels))
    show_agreement(peers, view)
    show_duel(peers, view)
    show_change(peers, view)
    show_forgetful(scaled, view)


st.title("Do the maps agree?")
st.markdown(
    "Point at a place in one panel, or use the arrow keys, to read it in all of them. Zoom with + "
    "and − and drag to move: all panels follow."
)
compare(state.choices())
