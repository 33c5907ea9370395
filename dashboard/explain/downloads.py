"""Everything the cards show, to take away.

Files are made on the click, for a card may have been tuned since its button was drawn; and without
the visitor's session, so all that a file needs is handed over here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import streamlit as st

from dashboard.explain.report import write_report
from dashboard.shared import state
from dashboard.shared.state import Card, Choices
from xaicore.export import to_npz, to_png


def show_downloads(choices: Choices) -> None:
    """Overlays as pictures, maps with their settings, and the whole as a report."""
    cards = state.cards()
    with st.container(horizontal=True, width="content"):
        _show_menu(choices, cards)
        st.download_button(
            "Report",
            partial(write_report, choices, cards),
            f"petlens-{choices.label}-report.html",
            "text/html",
            on_click="ignore",
            icon=":material/description:",
            help="Photo, verdict, maps, curves, scores and settings in one HTML file; print it "
            "from the browser for a PDF.",
        )


def _show_menu(choices: Choices, cards: Mapping[str, Card]) -> None:
    with st.popover("Download", icon=":material/download:"):
        for explainer in choices.explainers:
            st.download_button(
                f"{explainer.label} overlay (PNG)",
                partial(_overlay_file, cards, explainer.name),
                f"petlens-{choices.label}-{explainer.name}.png",
                "image/png",
                on_click="ignore",
                disabled=explainer.name not in cards,
                icon=":material/image:",
                width="stretch",
            )
        st.download_button(
            "All maps and settings (NPZ)",
            partial(_maps_file, cards, choices.photo.hash, choices.network.classifier.labels),
            f"petlens-{choices.label}.npz",
            "application/octet-stream",
            on_click="ignore",
            icon=":material/dataset:",
            width="stretch",
        )


def _overlay_file(cards: Mapping[str, Card], name: str) -> bytes:
    return to_png(cards[name].picture)


def _maps_file(cards: Mapping[str, Card], photo_hash: str, labels: Sequence[str]) -> bytes:
    return to_npz({name: card.explanation for name, card in cards.items()}, photo_hash, labels)
