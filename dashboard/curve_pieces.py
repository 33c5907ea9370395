"""What the Curves page is made of: its settings, the step board, the metric cards, the files."""

from __future__ import annotations

import math
from collections import defaultdict
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from dashboard import charts, services, state, trials
from dashboard.charts import KINDS
from dashboard.components import POLL_SECONDS
from dashboard.state import Choices
from dashboard.trials import CONTROL_COUNT, Known
from xaicore import EXPLAINERS, METRICS, PROTOCOLS, Metric, Protocol
from xaicore.controls import percentile_among_controls, share_tied
from xaicore.metrics.base import BLURS, FILLS
from xaicore.render import mark_pixels, to_picture

STEP_COUNTS = (16, 32, 64, 128, 256)
KERNELS = (0, 5, 11, 17, 25, 35, 51)
PRESETS = {"gomez": "As in the study", "rise": "As in RISE"}
FILL_WORDS = {
    "zero": "The network's mean colour",
    "black": "Black",
    "grey": "Grey",
    "white": "White",
    "blurred": "The blurred photo",
}
BLUR_WORDS = {"box": "Box", "gaussian": "Gaussian"}
MOST_TIES = 9999
# The step that is shown first: the most salient eighth has moved.
FIRST_SHARE = 8
FRAMES = 32
FRAME_SECONDS = 0.3
PICTURE_PIXELS = 240
LEAST_PICTURE_PIXELS = 84
CARD_PIXELS = 280
# Percent of controls of the same value, from which on it says little to be better than the others.
MOSTLY_TIED = 50


def choose_protocol() -> Protocol:
    """How the maps are tested."""
    default = Protocol()
    place = st.container()
    steps = st.select_slider(
        "Steps",
        STEP_COUNTS,
        default.steps,
        help="In how many steps the pixels of the photo move, the most salient first.",
        key=state.STEPS,
        bind="query-params",
    )
    fill = st.selectbox(
        "What a removed pixel shows",
        FILLS,
        format_func=FILL_WORDS.__getitem__,
        key=state.FILL,
        bind="query-params",
    )
    blur = st.segmented_control(
        "The blur that insertion starts from",
        BLURS,
        format_func=BLUR_WORDS.__getitem__,
        default=default.blur,
        required=True,
        key=state.BLUR,
        bind="query-params",
    )
    kernel = st.select_slider(
        "Size of the blur",
        KERNELS,
        default.kernel,
        format_func=lambda size: f"{size} px" if size else "a fifth of the photo",
        key=state.KERNEL,
        bind="query-params",
    )
    sigma = default.sigma
    if blur == "gaussian":
        sigma = st.slider(
            "Its σ", 1.0, 15.0, sigma, 0.5, "%.1f px", key=state.SIGMA, bind="query-params"
        )
    seed = st.number_input(
        "Order of equal pixels",
        0,
        MOST_TIES,
        default.seed,
        help="Pixels of equal saliency move in a random order, drawn from this number.",
        key=state.TIES,
        bind="query-params",
    )
    protocol = Protocol(steps, fill, blur, kernel, sigma, seed)
    with place.container(horizontal=True):
        for name, words in PRESETS.items():
            preset = PROTOCOLS[name]
            st.button(
                words,
                help=f"Sets all of these to the protocol {name!r}.",
                on_click=state.reset,
                args=(_widget_values(preset),),
                disabled=protocol == preset,
            )
    return protocol


def _widget_values(protocol: Protocol) -> dict[str, object]:
    return {
        state.STEPS: protocol.steps,
        state.FILL: protocol.fill,
        state.BLUR: protocol.blur,
        state.KERNEL: protocol.kernel,
        state.SIGMA: protocol.sigma,
        state.TIES: protocol.seed,
    }


def look_up(choices: Choices, protocol: Protocol) -> Known:
    """What is known now; the rest is worked on unless the visitor stopped it."""
    work = not state.stopped(trials.key_of(choices, protocol))
    return trials.look_up(choices, protocol, work)


def show_work(choices: Choices, protocol: Protocol, known: Known) -> None:
    """How far the work is, with a button to stop it; the page is redrawn as more is known."""
    draw = st.fragment(_work, run_every=POLL_SECONDS if known.doing else None)
    draw(choices, protocol, known)


def _work(choices: Choices, protocol: Protocol, drawn: Known) -> None:
    known = look_up(choices, protocol) if drawn.doing else drawn
    if (known.count, bool(known.doing)) != (drawn.count, bool(drawn.doing)):
        st.rerun()
    key = trials.key_of(choices, protocol)
    with st.container(horizontal=True, vertical_alignment="center"):
        if known.doing:
            st.progress(known.share, text=known.doing)
            st.button("Stop", icon=":material/stop:", on_click=state.stop_trials, args=(key,))
        elif state.stopped(key):
            st.caption("Stopped: what was not tested yet is missing.", width="content")
            st.button("Go on", icon=":material/play_arrow:", on_click=state.go_on)
        else:
            tested = sum(len(trace.clean) for trace in known.controls.values())
            st.caption(
                f"Done: {len(known.traces)} maps, and {tested} that know nothing, were tested."
            )
    for name, error in known.errors.items():
        label = EXPLAINERS[name].label if name in EXPLAINERS else name
        st.error(f"{label}: {error}")


def show_board(choices: Choices, protocol: Protocol, known: Known) -> None:
    """The step slider, the photo at that step by every method, and the curves."""
    playing = bool(st.session_state.get(state.PLAYING))
    draw = st.fragment(_board, run_every=FRAME_SECONDS if playing else None)
    draw(choices, protocol, known, playing)


def _board(choices: Choices, protocol: Protocol, known: Known, polling: bool) -> None:
    _go_forward(protocol.steps)
    left, right = st.columns([5, 7], gap="medium")
    with left:
        step = _choose_step(protocol, choices.label)
        _show_frames(choices, protocol, known, step)
    with right:
        _show_charts(choices, known, step)
    if bool(st.session_state[state.PLAYING]) != polling:
        # Only the whole page can start or stop a clock.
        st.rerun()


def _go_forward(steps: int) -> None:
    """While playing, move on by one frame, and stop at the end."""
    here = st.session_state.setdefault(state.STEP, steps // FIRST_SHARE)
    playing = st.session_state.setdefault(state.PLAYING, False)
    step = min(here + (math.ceil(steps / FRAMES) if playing else 0), steps)
    # What is written here overrules the hand on the slider, so only where it must.
    if step != here:
        st.session_state[state.STEP] = step
    if playing and step == steps:
        st.session_state[state.PLAYING] = False


def _choose_step(protocol: Protocol, label: str) -> int:
    step = st.slider("Step", 0, protocol.steps, key=state.STEP)
    words, play = st.columns([3, 1], vertical_alignment="center")
    words.caption(
        f"Step {step} of {protocol.steps}: {100 * step / protocol.steps:.1f} % of the pixels have "
        f"moved. Under each picture: the probability of {label}."
    )
    play.toggle("Play", key=state.PLAYING, on_change=_rewind, args=(protocol.steps,))
    return step


def _rewind(steps: int) -> None:
    if st.session_state[state.STEP] == steps:
        st.session_state[state.STEP] = 0


def _show_frames(choices: Choices, protocol: Protocol, known: Known, step: int) -> None:
    """By method: which pixels this step moved, and what is left of and back in the photo."""
    maps = np.concatenate(list(known.maps.values()))
    classifier, photo = choices.network.classifier, choices.photo
    frame = services.frame(classifier, photo, maps, protocol, step)
    original = services.picture(photo)
    size = (PICTURE_PIXELS, round(PICTURE_PIXELS * original.height / original.width))
    for index, name in enumerate(known.maps):
        label = EXPLAINERS[name].label
        marked = mark_pixels(original.resize(size), frame.moved[index])
        removed = to_picture(frame.deletion[index], size)
        restored = to_picture(frame.insertion[index], size)
        st.markdown(f"**{label}**")
        cells = st.grid(3, min_column_width=LEAST_PICTURE_PIXELS, gap="xsmall")
        _show(cells, marked, "this step's pixels", f"The pixels that {label} moves at step {step}.")
        for picture, word, kind in (
            (removed, "removed", "deletion"),
            (restored, "restored", "insertion"),
        ):
            said = "testing"
            if name in known.traces:
                probability = charts.curve(known.traces[name], KINDS[kind])[0, step]
                said = f"{probability:.3f}"
            alt = f"The photo with {label}'s most salient pixels {word}, at step {step}."
            _show(cells, picture, f"{word}: {said}", alt)


def _show(cells: DeltaGenerator, picture: Image.Image, words: str, alt: str) -> None:
    cells.image(picture, words, "stretch", output_format="PNG", alt=alt)


def _show_charts(choices: Choices, known: Known, step: int) -> None:
    if not known.traces:
        st.caption("The curves come as soon as the first map is tested.")
        return
    words = "Click a point of a curve to see which pixels that step moved."
    if known.controls:
        words += " Grey: the middle 80 % of the curves of maps that know nothing."
    st.caption(words)
    controls = list(known.controls.values())
    for kind in KINDS.values():
        key = state.chart_key(kind.name)
        st.plotly_chart(
            charts.draw_curves(kind, known.traces, controls, choices.label, step),
            key=key,
            on_select=partial(_go_to_clicked, key),
            selection_mode="points",
            alt=charts.describe_curves(kind, known.traces, choices.label),
            config=_chart_config(f"petlens-{choices.label}-{kind.name}"),
        )


def _chart_config(name: str) -> dict[str, object]:
    """Of all that a chart could offer: save it as a picture."""
    chosen = st.session_state.get(state.FORMAT, "png")
    return {
        "displaylogo": False,
        "displayModeBar": True,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": chosen, "filename": name, "scale": 2},
    }


def _go_to_clicked(key: str) -> None:
    points = st.session_state[key].selection.points
    if points:
        st.session_state[state.STEP] = points[0]["point_index"]


def metric_cards(known: Known) -> None:
    """The study's six metrics of this photo, every method's value with what it is worth."""
    st.caption(
        f"Beside each value: how many of {CONTROL_COUNT} maps that know nothing of the network it "
        "beats. They are random maps, bumps in the middle, the photo's edges, and "
        "the method's own map flipped."
    )
    cells = st.grid(3, min_column_width=CARD_PIXELS, border=True)
    for metric in METRICS.values():
        if not metric.extra:
            with cells.cell():
                _metric_card(metric, known)


def _metric_card(metric: Metric, known: Known) -> None:
    st.subheader(metric.label, anchor=False)
    st.caption(f"**{metric.direction.capitalize()}.** {metric.summary}")
    rows, reasons = [], defaultdict(list)
    for name, trace in known.traces.items():
        label = EXPLAINERS[name].label
        score = float(metric.compute(trace)[0])
        value = "undefined" if math.isnan(score) else f"{score:.3f}"
        caveat = metric.caveat(trace)
        if caveat:
            reasons[caveat].append(label)
        worth = "means nothing here" if caveat else _worth(known, metric, name)
        rows.append((label, f"**{value}**", worth))
    st.table(
        pd.DataFrame(rows, columns=["map", "value", "worth"]),
        border="horizontal",
        hide_index=True,
        hide_header=True,
        alt=f"{metric.label} of every map, and what share of maps that know nothing it beats.",
    )
    for reason, labels in reasons.items():
        st.caption(f":material/info: {', '.join(labels)}: {reason}")


def _worth(known: Known, metric: Metric, name: str) -> str:
    """Where a method's value falls among the maps that know nothing."""
    scores = known.control_scores(metric, name)
    if scores is None:
        return "not compared yet"
    score = metric.compute(known.traces[name])[0]
    if share_tied(score, scores) >= MOSTLY_TIED:
        return f"the same as {share_tied(score, scores):.0f} %"
    percent = percentile_among_controls(metric, score, scores)
    return "cannot be compared" if math.isnan(percent) else f"better than {percent:.0f} %"


def download_menu(choices: Choices, protocol: Protocol, known: Known) -> None:
    """The curves as numbers and as a page; how the camera above a chart saves it."""
    classifier = choices.network.classifier
    settings = {
        "photo": choices.photo.hash,
        "weights": classifier.fingerprint,
        "class": choices.label,
        **protocol.settings,
    }
    with st.popover("Download", icon=":material/download:", disabled=not known.traces):
        st.download_button(
            "Curves as numbers (CSV)",
            partial(_csv_file, known, settings),
            f"petlens-{choices.label}-curves.csv",
            "text/csv",
            on_click="ignore",
            icon=":material/table:",
            width="stretch",
        )
        st.download_button(
            "Charts as a page (HTML)",
            partial(_html_file, known, choices.label),
            f"petlens-{choices.label}-curves.html",
            "text/html",
            on_click="ignore",
            icon=":material/html:",
            width="stretch",
        )
        st.segmented_control(
            "The camera above a chart saves it as",
            ["png", "svg"],
            format_func=str.upper,
            default="png",
            required=True,
            key=state.FORMAT,
        )


def _csv_file(known: Known, settings: dict[str, object]) -> str:
    methods = {EXPLAINERS[name].label: trace for name, trace in known.traces.items()}
    return charts.tabulate_curves(methods | known.controls, settings).to_csv(index=False)


def _html_file(known: Known, label: str) -> str:
    controls = list(known.controls.values())
    figures = [charts.draw_curves(kind, known.traces, controls, label) for kind in KINDS.values()]
    return charts.to_html(figures, f"Curves for {label}")
