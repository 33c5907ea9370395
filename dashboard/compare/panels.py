"""The panels: which map each of them asks for, and how it is called and coloured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
from PIL import ImageColor
from streamlit.delta_generator import DeltaGenerator

from dashboard.compare.keys import panel_key
from dashboard.shared.maps import MapRequest, offered
from dashboard.shared.photos import Photo, load_samples
from dashboard.shared.state import Choices
from dashboard.shared.widgets import choose_from_list, choose_parameter
from xaicore import EXPLAINERS
from xaicore.render import Colour

LETTERS = "abcdef"
COLUMNS = {2: 2, 3: 3, 4: 2, 5: 3, 6: 3}
PANEL_PIXELS = 270
SHARED = "shared"
ALL_CLASSES = -1
# Colours of panels whose method has given its own to another panel.
SPARE = ("#56B4E9", "#F0E442", "#D55E00", "#8C8C8C", "#FFFFFF")


@dataclass(frozen=True)
class Panel:
    """One panel's map, and how it is called and coloured among the others."""

    letter: str
    request: MapRequest
    label: str
    colour: str

    @property
    def rgb(self) -> Colour:
        red, green, blue = ImageColor.getrgb(self.colour)[:3]
        return red, green, blue

    @property
    def method(self) -> str:
        return EXPLAINERS[self.request.explainer].label


def panel_cells(count: int) -> list[DeltaGenerator]:
    grid = st.grid(COLUMNS[count], min_column_width=PANEL_PIXELS, gap="medium")
    return [grid.cell() for _ in range(count)]


def choose_panels(choices: Choices, cells: Sequence[DeltaGenerator]) -> list[Panel]:
    """Method, parameters, class and photo of each panel, chosen above it."""
    letters = LETTERS[: len(cells)]
    requests = []
    for letter, cell in zip(letters, cells, strict=True):
        with cell, st.container(horizontal=True, vertical_alignment="bottom"):
            requests.append(_choose_map(choices, letter))
    labels = _labels(choices, requests)
    colours = _colours(requests)
    return [Panel(*parts) for parts in zip(letters, requests, labels, colours, strict=True)]


def _choose_map(choices: Choices, letter: str) -> MapRequest:
    classifier, network = choices.network.classifier, choices.network.key
    methods = list(EXPLAINERS)
    name = choose_from_list(
        f"Method of panel {letter.upper()}",
        methods,
        lambda name: EXPLAINERS[name].label,
        panel_key(letter, "method"),
        methods[LETTERS.index(letter) % len(methods)],
    )
    with st.popover("Tune", icon=":material/tune:", key=panel_key(letter, "tune")):
        class_index = _choose_class(choices, letter)
        photo = _choose_photo(choices, letter)
        parameters = {}
        for parameter in EXPLAINERS[name].parameters:
            own = network if parameter.name == "layer" else ""
            key = panel_key(letter, f"{name}-{parameter.name}", own)
            parameters[parameter.name] = choose_parameter(key, offered(classifier, parameter))
    return MapRequest(classifier, photo, name, parameters, class_index, choices.score)


def _choose_class(choices: Choices, letter: str) -> int:
    labels = choices.network.classifier.labels
    chosen = choose_from_list(
        "Class",
        [ALL_CLASSES, *range(len(labels))],
        lambda index: "As in the sidebar" if index < 0 else labels[index].capitalize(),
        panel_key(letter, "class", choices.network.key),
    )
    return choices.class_index if chosen == ALL_CLASSES else chosen


def _choose_photo(choices: Choices, letter: str) -> Photo:
    samples = load_samples()
    chosen = choose_from_list(
        "Photo",
        [SHARED, *samples],
        lambda name: samples[name].title if name in samples else "As in the sidebar",
        panel_key(letter, "photo"),
    )
    return samples.get(chosen, choices.photo)


def _labels(choices: Choices, requests: Sequence[MapRequest]) -> list[str]:
    """Each panel's method, and what else sets it apart."""
    labels = []
    for request in requests:
        parts = [EXPLAINERS[request.explainer].label]
        if len({other.class_index for other in requests}) > 1:
            parts.append(choices.network.classifier.labels[request.class_index])
        if len({other.photo for other in requests}) > 1:
            parts.append(request.photo.title)
        if sum(other.explainer == request.explainer for other in requests) > 1:
            parts += _tuned(request)
        labels.append(" · ".join(parts))
    return [
        f"{label} ({letter.upper()})" if labels.count(label) > 1 else label
        for letter, label in zip(LETTERS, labels, strict=False)
    ]


def _tuned(request: MapRequest) -> list[str]:
    """The parameters that are not as they come."""
    own = [offered(request.classifier, entry) for entry in EXPLAINERS[request.explainer].parameters]
    return [
        f"{entry.label} {_plain(request.parameters[entry.name])}"
        for entry in own
        if request.parameters[entry.name] != entry.default
    ]


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _colours(requests: Sequence[MapRequest]) -> list[str]:
    """Each method's own colour, and a spare one where it is taken."""
    spare = iter(SPARE)
    colours: list[str] = []
    for request in requests:
        own = EXPLAINERS[request.explainer].colour
        colours.append(own if own not in colours else next(c for c in spare if c not in colours))
    return colours
