"""Explain: one photo, what the network says, and where each method sees the reason."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboard import components, services, state
from dashboard.report import write_report

choices = state.choices()
classifier = choices.network.classifier

photo, verdict = st.columns([2, 3], gap="medium", vertical_alignment="center")
with photo:
    components.show_photo(choices.photo)
with verdict:
    components.verdict(choices.network, services.predict(classifier, choices.photo))
    st.caption(
        "Choose your own photo in the sidebar, then open Tune under a map and see what changes it."
    )

st.header(f"What speaks for {choices.label}", anchor=False)
cells = components.card_cells(len(choices.explainers))
for explainer, cell in zip(choices.explainers, cells, strict=True):
    with cell:
        components.map_card(explainer, choices)

with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
    st.caption(
        "Each map has its own scale: full colour is the 99th percentile of its values.",
        width="content",
    )
    with st.container(horizontal=True, width="content"):
        components.download_menu(choices)
        st.download_button(
            "Report",
            partial(write_report, choices, state.shown()),
            f"petlens-{choices.label}-report.html",
            "text/html",
            on_click="ignore",
            icon=":material/description:",
            help="Photo, verdict, maps, curves, scores and settings in one HTML file; print it "
            "from the browser for a PDF.",
        )
