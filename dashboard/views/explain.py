"""Explain: one photo, what the network says, and where each method sees the reason."""

from __future__ import annotations

import streamlit as st

from dashboard import components, services, state
from xaicore import EXPLAINERS

choices = state.choices()
labels = services.get_classifier().labels
explainers = [explainer for explainer in EXPLAINERS.values() if not explainer.extra]

photo, verdict = st.columns([2, 3], gap="medium", vertical_alignment="center")
with photo:
    components.show_photo(choices.photo)
with verdict:
    components.verdict(labels, services.predict(choices.photo))
    st.caption(
        "Choose your own photo in the sidebar, then open Tune under a map and see what changes it."
    )

st.header(f"What speaks for {choices.label}", anchor=False)
cells = components.card_cells(len(explainers))
for explainer, cell in zip(explainers, cells, strict=True):
    with cell:
        components.map_card(explainer, choices)

with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
    st.caption(
        "Each map has its own scale: full colour is the 99th percentile of its values.",
        width="content",
    )
    components.download_menu(explainers, choices, labels)
