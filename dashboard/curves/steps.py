"""The step slider, the photo at that step by every method, and the curves."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import streamlit as st

from dashboard.curves.keys import FORMAT, PLAYING, STEP, chart_key
from dashboard.curves.results import CurveResults
from dashboard.shared import curve_charts
from dashboard.shared.curve_charts import KINDS
from dashboard.shared.photos import picture_of
from dashboard.shared.state import Choices
from dashboard.shared.traces import TraceRequest, step_of
from dashboard.shared.widgets import show_picture
from xaicore import EXPLAINERS
from xaicore.metrics.base import PerturbationProtocol
from xaicore.render import mark_pixels, to_picture

# The step that is shown first: the most salient eighth has moved.
FIRST_SHARE = 8
FRAMES = 32
FRAME_SECONDS = 0.3
PICTURE_PIXELS = 240
LEAST_PICTURE_PIXELS = 84


def show_steps(choices: Choices, protocol: PerturbationProtocol, results: CurveResults) -> None:
    playing = bool(st.session_state.get(PLAYING))
    draw = st.fragment(_show, run_every=FRAME_SECONDS if playing else None)
    draw(choices, protocol, results, playing)


def _show(
    choices: Choices, protocol: PerturbationProtocol, results: CurveResults, polling: bool
) -> None:
    _go_forward(protocol.steps)
    left, right = st.columns([5, 7], gap="medium")
    with left:
        step = _choose_step(protocol, choices.said)
        _show_pictures(choices, protocol, results, step)
    with right:
        _show_charts(choices, results, step)
    if bool(st.session_state[PLAYING]) != polling:
        # Only the whole page can start or stop a clock.
        st.rerun()


def _go_forward(steps: int) -> None:
    """While playing, move on by one frame, and stop at the end."""
    now = st.session_state.setdefault(STEP, steps // FIRST_SHARE)
    playing = st.session_state.setdefault(PLAYING, False)
    step = min(now + (math.ceil(steps / FRAMES) if playing else 0), steps)
    # What is written here overrules the hand on the slider, so only where it must.
    if step != now:
        st.session_state[STEP] = step
    if playing and step == steps:
        st.session_state[PLAYING] = False


def _choose_step(protocol: PerturbationProtocol, label: str) -> int:
    step = st.slider("Step", 0, protocol.steps, key=STEP)
    words, play = st.columns([3, 1], vertical_alignment="center")
    words.caption(
        f"Step {step} of {protocol.steps}: {100 * step / protocol.steps:.1f} % of the pixels have "
        f"moved. Under each picture: the probability of {label}."
    )
    play.toggle("Play", key=PLAYING, on_change=_rewind, args=(protocol.steps,))
    return step


def _rewind(steps: int) -> None:
    if st.session_state[STEP] == steps:
        st.session_state[STEP] = 0


def _show_pictures(
    choices: Choices, protocol: PerturbationProtocol, results: CurveResults, step: int
) -> None:
    """By method: which pixels this step moved, and what is left of and back in the photo."""
    maps = np.concatenate(list(results.maps.values()))
    classifier, photo = choices.network.classifier, choices.photo
    seen = step_of(TraceRequest(classifier, photo, choices.class_index, protocol, maps), step)
    whole = picture_of(photo)
    # What the network sees of it.
    left, top, right, bottom = classifier.preprocessing.seen_box(whole.size)
    original = whole.crop((round(left), round(top), round(right), round(bottom)))
    size = (PICTURE_PIXELS, round(PICTURE_PIXELS * original.height / original.width))
    for index, name in enumerate(results.maps):
        label = EXPLAINERS[name].label
        st.markdown(f"**{label}**")
        cells = st.grid(3, min_column_width=LEAST_PICTURE_PIXELS, gap="xsmall")
        marked = mark_pixels(original.resize(size), seen.moved[index])
        alt = f"The pixels that {label} moves at step {step}."
        with cells.cell():
            show_picture(marked, alt, caption="this step's pixels", exact=True)
        for colours, word, kind in (
            (seen.deletion[index], "removed", "deletion"),
            (seen.insertion[index], "restored", "insertion"),
        ):
            said = _probability(results, name, kind, step)
            alt = f"The photo with {label}'s most salient pixels {word}, at step {step}."
            with cells.cell():
                picture = to_picture(colours, size)
                show_picture(picture, alt, caption=f"{word}: {said}", exact=True)


def _probability(results: CurveResults, name: str, kind: str, step: int) -> str:
    if name not in results.traces:
        return "testing"
    return f"{curve_charts.curve(results.traces[name], KINDS[kind])[0, step]:.3f}"


def _show_charts(choices: Choices, results: CurveResults, step: int) -> None:
    if not results.traces:
        st.caption("The curves come as soon as the first map is tested.")
        return
    words = "Click a point of a curve to see which pixels that step moved."
    if results.controls:
        words += " Grey: the middle 80 % of the curves of maps that know nothing."
    st.caption(words)
    controls = list(results.controls.values())
    for kind in KINDS.values():
        key = chart_key(kind.name)
        st.plotly_chart(
            curve_charts.draw_curves(kind, results.traces, controls, choices.label, step),
            key=key,
            on_select=partial(_go_to_clicked, key),
            selection_mode="points",
            alt=curve_charts.describe_curves(kind, results.traces, choices.label),
            config=_chart_config(f"petlens-{choices.label}-{kind.name}"),
        )


def _chart_config(name: str) -> dict[str, object]:
    """Of all that a chart could offer: save it as a picture."""
    chosen = st.session_state.get(FORMAT, "png")
    return {
        "displaylogo": False,
        "displayModeBar": True,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": chosen, "filename": name, "scale": 2},
    }


def _go_to_clicked(key: str) -> None:
    points = st.session_state[key].selection.points
    if points:
        st.session_state[STEP] = points[0]["point_index"]
