"""Explain: one photo, what the network says, and where each method sees the reason."""

from __future__ import annotations

import streamlit as st

from dashboard.explain.cards import card_cells, show_card
from dashboard.explain.downloads import show_downloads
from dashboard.explain.verdict import show_photo, show_verdict
from dashboard.shared import state

choices = state.choices()

photo, verdict = st.columns([2, 3], gap="medium", vertical_alignment="center")
with photo:
    show_photo(choices.photo)
with verdict:
    show_verdict(choices)
    st.caption(
        "Choose your own photo in the sidebar, then open Tune under a map and see what changes it."
    )

st.header(f"What speaks for {choices.said}", anchor=False)
cells = card_cells(len(choices.explainers))
for explainer, cell in zip(choices.explainers, cells, strict=True):
    with cell:
        show_card(explainer, choices)

with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
    st.caption(
        "Each map has its own scale: full colour is the 99th percentile of its values.",
        width="content",
    )
    show_downloads(choices)
