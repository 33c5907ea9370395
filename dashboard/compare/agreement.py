"""Every pair of maps in numbers, and all of them in one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from dashboard.compare.panels import PANEL_PIXELS
from dashboard.compare.scaled import ScaledMap
from dashboard.compare.views import View
from dashboard.shared.text import plain
from xaicore.comparison.agreement import (
    AGREE,
    RELATED,
    agreement,
    agreement_sentence,
    chance_overlap,
)
from xaicore.formatting import format_number

# The neutral petrol of the theme: agreement is neither for nor against.
SHADE = "43, 95, 110"
MOST_SHADE = 0.6
DECIMALS = 2


def show_agreement(peers: Sequence[ScaledMap], view: View) -> None:
    st.header("Agreement", anchor=False)
    if len(peers) < 2:
        st.markdown("Two finished maps of one photo are needed to say so.")
        return
    found = agreement([one.saliency for one in peers], view.share)
    st.markdown(
        f"**{agreement_sentence([plain(one.panel.label) for one in peers], found.correlations)}**"
    )
    tables = st.grid(2, min_column_width=PANEL_PIXELS)
    with tables.cell():
        st.markdown("Rank correlation of all pixels")
        _show_matrix(peers, found.correlations, "Rank correlation of every pair of maps.")
        st.caption(
            f"1 is the same order, −1 the opposite. From {AGREE} on maps are said to agree, "
            f"from {RELATED} on in part."
        )
    with tables.cell():
        st.markdown(f"Overlap of the top {view.share:.0%} (IoU)")
        _show_matrix(peers, found.overlaps, "Overlap of every pair of top areas.")
        st.caption(
            f"1 is the same area, 0 none in common. Two areas drawn blindly share "
            f"{chance_overlap(view.share):.2f}."
        )


def _show_matrix(peers: Sequence[ScaledMap], values: np.ndarray, alt: str) -> None:
    letters = [one.panel.letter.upper() for one in peers]
    rows = [f"{letter} · {one.panel.label}" for letter, one in zip(letters, peers, strict=True)]
    table = pd.DataFrame(values, pd.Index(rows, name="Map"), letters)
    st.table(table.style.format(lambda value: format_number(value, DECIMALS)).map(_shade), alt=alt)


def _shade(value: float) -> str:
    strength = 0.0 if math.isnan(value) else MOST_SHADE * max(0.0, value)
    return f"background-color: rgba({SHADE}, {strength:.2f})"
