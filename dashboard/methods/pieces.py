"""What several examples show: a picture with its words, and a figure with its caveat."""

from __future__ import annotations

import numpy as np
import streamlit as st

from dashboard.shared.widgets import show_picture
from xaicore import Metric
from xaicore.formatting import format_number
from xaicore.render import to_picture

EXAMPLE_PIXELS = 400


def show_colours(colours: np.ndarray, words: str, alt: str) -> None:
    """Colours 0…1 [H, W, 3] as a picture, with its words below."""
    picture = to_picture(colours, (EXAMPLE_PIXELS, EXAMPLE_PIXELS))
    # Not as the picture's caption: with one it would not shrink to its column.
    show_picture(picture, alt, EXAMPLE_PIXELS)
    st.caption(words)


def say_score(metric: Metric, score: float, caveat: str) -> None:
    figure = "undefined" if np.isnan(score) else format_number(score)
    st.markdown(f"**{metric.label} {figure}**, {metric.direction}.")
    if caveat:
        st.caption(f"Means little here. {caveat}")
