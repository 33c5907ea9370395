"""What pages are made of: the photo picker, the verdict, the map card and its controls."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from dashboard import services, state
from dashboard.jobs import Job
from dashboard.services import Question
from dashboard.state import Choices, Chosen, Photo, Shown
from xaicore import (
    EXPLAINERS,
    NETWORKS,
    ClassifierError,
    Explainer,
    ExplainerError,
    Explanation,
    Parameter,
    PhotoError,
)
from xaicore.explainers.base import TARGETS
from xaicore.export import to_npz, to_png
from xaicore.render import (
    Look,
    draw_outlines,
    keep_best,
    legend,
    measure_scale,
    missing_evidence,
    render,
)
from xaicore.zoo import Network

SOURCES = {"sample": "Sample", "upload": "Upload", "camera": "Camera"}
GREEK = {"alpha": "α", "beta": "β", "gamma": "γ", "epsilon": "ε"}
EVIDENCE = {"both": "For and against", "for": "Only for"}
PREDICTED = "predicted"
PETNET = "petnet"
OWN = "own"
SCORES = {"own": "Its own", "margin": "Its lead"}
# More classes than this are chosen from a list, and only the likeliest have bars.
FEW_CLASSES = 3
MOST_BARS = 3
SURENESS = ((0.95, "very sure"), (0.8, "fairly sure"), (0.6, "leaning this way"), (0, "undecided"))
POLL_SECONDS = 0.4
# A slider of more stops than this cannot be set precisely.
MOST_STOPS = 500
BEST_SUPERPIXELS = (0, 1, 2, 3, 5, 8, 13)
PHOTO_HEIGHT = 340
THUMBNAIL_PIXELS = 76
CREDIT_PIXELS = 156
CARD_PIXELS = 190
PAIR_PIXELS = 460


def choose_network() -> Chosen:
    """A network by name or a visitor's own weights; PetNet answers until another one can."""
    petnet = Chosen(services.get_classifier(PETNET), NETWORKS[PETNET].knows)
    name = st.selectbox(
        "Network",
        [*NETWORKS, OWN],
        format_func=lambda name: NETWORKS[name].label if name in NETWORKS else "Your own PetNet",
        key=state.NETWORK,
        bind="query-params",
    )
    try:
        if name == OWN:
            return _own_network() or petnet
        if name == PETNET or not _ready(NETWORKS[name]):
            return petnet
        return Chosen(services.get_classifier(name), NETWORKS[name].knows, name)
    except ClassifierError as error:
        st.error(str(error))
        return petnet


def _own_network() -> Chosen | None:
    file = st.file_uploader(
        "Weights (.safetensors)",
        key=state.WEIGHTS,
        help="The file that `python -m xaicore train` writes.",
    )
    if not file:
        st.caption("Until you give a file, the bundled PetNet answers.")
        return None
    data = file.getvalue()
    classifier = services.own_classifier(hashlib.sha256(data).hexdigest(), data)
    return Chosen(classifier, NETWORKS[PETNET].knows)


def _ready(network: Network) -> bool:
    """Whether its weights are here; otherwise offer to download them."""
    if network.ready:
        return True
    place = st.empty()
    with place.container():
        st.caption("Its weights are not on this machine; until then PetNet answers.")
        wanted = st.button(
            f"Download {network.megabytes:.0f} MB", icon=":material/download:", width="stretch"
        )
    if not wanted:
        return False
    bar = place.progress(0.0, text=f"Downloading {network.label}")

    def report(done: int, total: int) -> None:
        share = done / total if total else 0.0
        bar.progress(share, text=f"{done / 1e6:.0f} of {total / 1e6:.0f} MB")

    network.load(report)
    place.empty()
    return True


def choose_photo() -> Photo:
    """Sample, upload or camera; an unreadable photo is refused, and the last good one stays."""
    samples = services.load_samples()
    preview = st.container()
    source = st.segmented_control(
        "Photo",
        list(SOURCES),
        format_func=SOURCES.__getitem__,
        default="sample",
        required=True,
        key=state.SOURCE,
        persist_state="session",
        width="stretch",
    )
    offered = None
    if source == "sample":
        name = st.selectbox(
            "Sample photo",
            list(samples),
            format_func=lambda name: samples[name].title,
            key=state.SAMPLE,
            bind="query-params",
            label_visibility="collapsed",
        )
        offered = samples[name]
    elif source == "upload":
        file = st.file_uploader("Your photo", key=state.UPLOAD, label_visibility="collapsed")
        if file:
            offered = Photo(file.getvalue(), "Your photo", alt="The photo you uploaded.")
    else:
        file = st.camera_input("Camera", key=state.CAMERA, label_visibility="collapsed")
        if file:
            offered = Photo(file.getvalue(), "Camera picture", alt="The picture you took.")
    accepted = _accept(offered)
    photo = accepted or state.photo() or next(iter(samples.values()))
    state.keep_photo(photo)
    with preview:
        _preview(photo)
    if accepted and source != "sample":
        st.caption("A link to this page carries your settings, not your photo.")
    return photo


def _preview(photo: Photo) -> None:
    with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
        st.image(services.picture(photo), width=THUMBNAIL_PIXELS, alt=photo.alt)
        words = st.container(width=CREDIT_PIXELS, gap=None)
    with words:
        st.markdown(f"**{photo.title}**")
        if photo.credit:
            st.caption(photo.credit)


def _accept(offered: Photo | None) -> Photo | None:
    """The photo if it can be read; otherwise say what is wrong with it."""
    if offered is None:
        return None
    try:
        services.picture(offered)
    except PhotoError as error:
        st.error(str(error))
        return None
    return offered


def choose_class(network: Chosen, probabilities: np.ndarray) -> int:
    """Index of the class whose evidence the maps show."""
    labels = network.classifier.labels
    if len(labels) > FEW_CLASSES:
        # By index: some of many classes share a name.
        likely = [int(index) for index in probabilities.argsort()[::-1]]
        return st.selectbox(
            "Class to explain",
            likely,
            format_func=lambda index: labels[index].capitalize(),
            help="In the order the network finds them likely for this photo.",
            key=state.class_key(network.key),
        )
    chosen = st.segmented_control(
        "Class to explain",
        [PREDICTED, *labels],
        format_func=str.capitalize,
        default=PREDICTED,
        required=True,
        key=state.CLASS,
        bind="query-params",
        width="stretch",
    )
    return int(probabilities.argmax()) if chosen == PREDICTED else labels.index(chosen)


def choose_score() -> str | None:
    """Which score of the class the maps explain; none for each method's own."""
    chosen = st.segmented_control(
        "Score to explain",
        list(SCORES),
        format_func=SCORES.__getitem__,
        default="own",
        required=True,
        help="The class's own score (its logit; for LIME its probability), or its lead over the "
        "strongest other class (the margin of the two logits).",
        key=state.SCORE,
        bind="query-params",
        width="stretch",
    )
    return None if chosen == "own" else chosen


def choose_explainers() -> tuple[Explainer, ...]:
    """The four methods, and those of the others that are asked for."""
    extras = [name for name, explainer in EXPLAINERS.items() if explainer.extra]
    more = st.pills(
        "More methods",
        extras,
        selection_mode="multi",
        format_func=lambda name: EXPLAINERS[name].label,
        key=state.MORE,
        bind="query-params",
        width="stretch",
    )
    return tuple(e for e in EXPLAINERS.values() if not e.extra or e.name in more)


def choose_look() -> Look:
    """How all maps are shown."""
    evidence = st.segmented_control(
        "Evidence to show",
        list(EVIDENCE),
        format_func=EVIDENCE.__getitem__,
        default="both",
        required=True,
        key=state.EVIDENCE,
        bind="query-params",
        width="stretch",
    )
    opacity = st.slider(
        "Opacity", 0, 100, 80, 5, format="%d%%", key=state.OPACITY, bind="query-params"
    )
    smoothing = st.slider(
        "Smoothing",
        0.0,
        8.0,
        0.0,
        0.5,
        format="%.1f px",
        help="Blurs the maps for your eye only: their values and proofs stay as they are.",
        key=state.SMOOTHING,
        bind="query-params",
    )
    return Look(signed=evidence == "both", opacity=opacity / 100, smoothing=smoothing)


def show_photo(photo: Photo) -> None:
    """The photo, as wide as its place but never taller than the verdict beside it."""
    picture = services.picture(photo)
    st.image(picture, width=PHOTO_HEIGHT * picture.width // picture.height, alt=photo.alt)


def verdict(network: Chosen, probabilities: np.ndarray) -> None:
    """What the network says of the photo, how sure it is, and what it cannot say."""
    labels = network.classifier.labels
    best = int(probabilities.argmax())
    article = "an" if labels[best][0].lower() in "aeiou" else "a"
    st.title(f"This looks like {article} {labels[best]}")
    few = len(labels) <= FEW_CLASSES
    for index in range(len(labels)) if few else probabilities.argsort()[::-1][:MOST_BARS]:
        probability = float(probabilities[index])
        st.progress(probability, text=f"{labels[index].capitalize()} · {probability:.1%}")
    sure = next(words for least, words in SURENESS if probabilities[best] >= least)
    st.markdown(
        f"The network is **{sure}**. It only knows {network.knows}, so it must choose one of them, "
        "whatever the photo shows."
    )


@st.fragment
def map_card(explainer: Explainer, choices: Choices) -> None:
    """One method: overlay, legend, proof, and its own controls; redrawn alone when they change."""
    st.subheader(explainer.label, anchor=False)
    result = st.container()
    st.caption(explainer.summary)
    with st.expander("Tune", icon=":material/tune:"):
        classifier = choices.network.classifier
        offered = [services.offered(classifier, entry) for entry in explainer.parameters]
        keys = {p.name: _parameter_key(explainer, p, choices.network) for p in offered}
        parameters = {p.name: control(keys[p.name], p) for p in offered}
        best = _choose_best(explainer) if "superpixels" in parameters else 0
        defaults = {keys[p.name]: p.default for p in offered}
        st.button(
            "Reset",
            key=state.reset_key(explainer),
            type="tertiary",
            icon=":material/restart_alt:",
            on_click=state.reset,
            args=(defaults,),
            disabled=all(parameters[p.name] == p.default for p in offered),
        )
    question = Question(
        classifier, choices.photo, explainer.name, parameters, choices.target, choices.score
    )
    with result:
        if explainer.slow:
            answer = services.follow(question, state.jobs())
            polling = isinstance(answer, Job) and answer.running
            draw = st.fragment(_slow_map, run_every=POLL_SECONDS if polling else None)
            draw(explainer, choices, question, best, polling)
        else:
            _quick_map(explainer, choices, question)


def _parameter_key(explainer: Explainer, parameter: Parameter, network: Chosen) -> str:
    # Layers go by other names in other networks.
    own = network.key if parameter.name == "layer" else ""
    return state.parameter_key(explainer, parameter.name, own)


def kept_parameters(explainer: Explainer, network: Chosen) -> dict[str, Any]:
    """A method's settings as they were left on Explain, or as the link has them."""
    offered = [services.offered(network.classifier, entry) for entry in explainer.parameters]
    return {p.name: state.kept(_parameter_key(explainer, p, network), p) for p in offered}


def _quick_map(explainer: Explainer, choices: Choices, question: Question) -> None:
    try:
        explanation = services.explain(question)
    except ExplainerError as error:
        st.error(str(error))
        return
    _finished_map(explainer, choices, explanation)


def _slow_map(
    explainer: Explainer, choices: Choices, question: Question, best: int, polling: bool
) -> None:
    """The map, or how far it is; a poll that finds it finished has the page stop polling."""
    answer = services.follow(question, state.jobs())
    if polling and not (isinstance(answer, Job) and answer.running):
        st.rerun()
    if isinstance(answer, Job):
        _unfinished_map(explainer, choices, answer)
    else:
        _finished_map(explainer, choices, answer, best)


def _unfinished_map(explainer: Explainer, choices: Choices, job: Job[Explanation]) -> None:
    if job.error:
        st.error(job.error)
        return
    look = _fitting_look(explainer, choices)
    picture = services.picture(choices.photo)
    if job.partial is not None:
        picture = render(picture, job.partial[0], look)
    _show(picture, explainer, choices)
    show_legend(look, choices.label)
    if job.total:
        st.progress(job.done / job.total, text=f"{job.done:,} of {job.total:,}")
    else:
        st.progress(0, text="Working, or waiting for its turn")


def _finished_map(
    explainer: Explainer, choices: Choices, explanation: Explanation, best: int = 0
) -> None:
    look = _fitting_look(explainer, choices, best)
    saliency = explanation.maps[0]
    missing = missing_evidence(saliency, look)
    scale = None if missing else measure_scale(saliency, look)
    if best:
        saliency = keep_best(saliency, explanation.extras["segments"][0], best)
    picture = render(services.picture(choices.photo), saliency, look, scale)
    if best:
        picture = draw_outlines(picture, explanation.extras["segments"][0])
    state.shown()[explainer.name] = Shown(explanation, picture)
    _show(picture, explainer, choices)
    if missing:
        st.caption(f":material/visibility_off: {missing}")
    else:
        show_legend(look, choices.label)
    show_proof(explainer, explanation)
    seconds = explanation.checks["seconds"][0]
    st.caption(f"Explains {TARGETS[explanation.settings['target']]}. Took {seconds:.2f} s.")


def show_proof(explainer: Explainer, explanation: Explanation) -> None:
    """How far the map of one photo can be trusted, and why not further."""
    proof = explainer.prove({name: values[0] for name, values in explanation.checks.items()})
    mark = ":green[:material/check_circle:]" if proof.good else ":yellow[:material/warning:]"
    st.markdown(f"{mark} {proof.text}")
    if proof.reason:
        st.caption(proof.reason)


def _fitting_look(explainer: Explainer, choices: Choices, best: int = 0) -> Look:
    """Positive-only where the method, or the choice of the best superpixels, knows nothing else."""
    look = choices.look
    return replace(look, signed=look.signed and explainer.signed and not best)


def _show(picture: Image.Image, explainer: Explainer, choices: Choices) -> None:
    alt = f"What speaks for {choices.label} by {explainer.label}, laid over the photo."
    st.image(picture, width="stretch", alt=f"{alt} {choices.photo.alt}")


def show_legend(look: Look, label: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.caption(f"against {label}" if look.signed else "nothing", width="content")
        st.image(legend(look), width=80, alt=f"Orange speaks for {label}, purple against.")
        st.caption(f"for {label}", width="content")


def control(key: str, parameter: Parameter) -> Any:
    """The widget that fits a parameter, and its value."""
    shared: dict[str, Any] = {"help": parameter.help, "key": key, "bind": "query-params"}
    if parameter.choices and all(isinstance(choice, int | float) for choice in parameter.choices):
        value = st.select_slider(
            parameter.label,
            parameter.choices,
            parameter.default,
            format_func=lambda choice: f"{choice:g}",
            **shared,
        )
    elif parameter.choices:
        first = parameter.choices.index(parameter.default)
        value = st.selectbox(parameter.label, parameter.choices, first, _in_greek, **shared)
    else:
        number = type(parameter.default)
        low, high, step = (number(n) for n in (parameter.low, parameter.high, parameter.step))
        widget = st.slider if (high - low) / step <= MOST_STOPS else st.number_input
        digits = "%d" if number is int else "%.4g"
        value = widget(parameter.label, low, high, parameter.default, step, digits, **shared)
    if parameter.note:
        st.caption(parameter.note(value))
    return value


def _in_greek(choice: str) -> str:
    """Rules are named by the letters that stand beside their sliders."""
    for name, letter in GREEK.items():
        choice = choice.replace(name, letter)
    return choice


def _choose_best(explainer: Explainer) -> int:
    """How many of the best superpixels to show; 0 for all."""
    return st.select_slider(
        "Superpixels to show",
        BEST_SUPERPIXELS,
        format_func=lambda count: f"best {count}" if count else "all",
        help="Shows only those that speak most for the class, with their outlines.",
        key=state.best_key(explainer),
        bind="query-params",
    )


def download_menu(choices: Choices) -> None:
    """Every overlay as a picture, and all maps with their settings, as the cards show them now."""
    cards = state.shown()
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


# Files are made on the click: a card may have been tuned since its button was drawn.
def _overlay_file(cards: Mapping[str, Shown], name: str) -> bytes:
    return to_png(cards[name].picture)


def _maps_file(cards: Mapping[str, Shown], photo_hash: str, labels: Sequence[str]) -> bytes:
    return to_npz({name: card.explanation for name, card in cards.items()}, photo_hash, labels)


def card_cells(count: int) -> Iterator[DeltaGenerator]:
    """Cells for ``count`` cards: four in a row, two on a tablet, one on a phone."""
    pairs = st.grid(2, min_column_width=PAIR_PIXELS)
    for first in range(0, count, 2):
        with pairs.cell():
            cards = st.grid(2, min_column_width=CARD_PIXELS)
        for _ in range(first, min(first + 2, count)):
            yield cards.cell()
