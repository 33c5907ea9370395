"""What stands above the panels: how many, how they are looked at, which two are a pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboard.compare.keys import AREA, FIRST, PANELS, SECOND, VIEW, panel_key
from dashboard.compare.panels import ALL_CLASSES, LETTERS, SHARED
from dashboard.compare.views import VIEWS
from dashboard.shared import state
from dashboard.shared.photos import load_samples, predict
from dashboard.shared.state import Choices
from dashboard.shared.widgets import choose, choose_on_scale
from xaicore.explainers import USUAL

COUNTS = (2, 3, 4, 5, 6)
AREAS = (1, 2, 5, 10, 20, 30, 50)
FIRST_AREA = 10
TOOL_PIXELS = 220


def choose_count() -> int:
    return choose("Panels", {count: str(count) for count in COUNTS}, PANELS, in_link=True)


def show_presets(choices: Choices) -> None:
    """Buttons that set the panels for what is compared most often."""
    with st.popover("Start from", icon=":material/grid_view:"):
        for words, panels in _presets(choices).items():
            values: dict[str, Any] = {PANELS: len(panels)}
            for letter, what in zip(LETTERS, panels, strict=False):
                for name, value in what.items():
                    network = choices.network.key if name == "class" else ""
                    values[panel_key(letter, name, network)] = value
            st.button(words, on_click=state.reset, args=(values,), width="stretch")


def _presets(choices: Choices) -> dict[str, list[dict[str, Any]]]:
    """Method, class and photo of each panel, by what the set is called."""
    classifier = choices.network.classifier
    likely = predict(classifier, choices.photo).argsort()[::-1][:2]
    seen_as = {
        name: int(predict(classifier, photo).argmax()) for name, photo in load_samples().items()
    }
    plain = {"class": ALL_CLASSES, "photo": SHARED}
    first = USUAL[0]
    return {
        "Four methods": [{"method": name, **plain} for name in USUAL],
        "Class against class": [{"method": first, **plain, "class": int(c)} for c in likely],
        "One method, several photos": [
            {"method": first, "class": c, "photo": name} for name, c in seen_as.items()
        ],
    }


def choose_view() -> tuple[str, float]:
    """A view by name, and the share of the photo that counts as a map's top area, 0…1."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = choose("View", VIEWS, VIEW, in_link=True, wrap=True)
        area = choose_on_scale(
            "Top area",
            AREAS,
            "{}%".format,
            AREA,
            FIRST_AREA,
            help="How much of the photo counts as what a map finds most important: for the "
            "outlines, the overlap and the duel.",
            width=TOOL_PIXELS,
        )
    return name, area / 100


def choose_pair(letters: Sequence[str]) -> tuple[str, str]:
    """Which two panels are set against each other, where there are more than two."""
    if len(letters) == 2:
        return letters[0], letters[1]
    options = {letter: letter.upper() for letter in letters}
    with st.container(horizontal=True):
        first, second = (
            choose(words, options, key, letter, in_link=True)
            for words, letter, key in (
                ("First of the pair", letters[0], FIRST),
                ("Second of the pair", letters[1], SECOND),
            )
        )
    return first, second
