"""The sidebar: photo, network, class, score and look, which all pages share."""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from dashboard.bring import choose_brought, knows
from dashboard.serve import SERVED
from dashboard.shared import state
from dashboard.shared.links import choose_several_in_link
from dashboard.shared.photos import Photo, load_samples, picture_of, predict
from dashboard.shared.preparing import prepare
from dashboard.shared.state import Choices, NetworkChoice
from dashboard.shared.text import plain
from dashboard.shared.widgets import choose as choose_option
from dashboard.shared.widgets import choose_from_list, show_picture
from xaicore import EXPLAINERS, NETWORKS, Classifier, Explainer, PetlensError
from xaicore.networks.zoo import Network
from xaicore.progress import no_progress
from xaicore.render import Look

SOURCES = {"sample": "Sample", "upload": "Upload", "camera": "Camera"}
EVIDENCE = {"both": "For and against", "for": "Only for"}
SCORES = {"own": "Its own", "margin": "Its lead"}
PREDICTED = "predicted"
PETNET = "petnet"
OWN = "own"
# More classes than this are chosen from a list.
FEW_CLASSES = 3
# Of many classes, one chosen for another photo is kept while it is at least so probable.
SENSIBLE = 0.05
THUMBNAIL_PIXELS = 76
CREDIT_PIXELS = 156


def choose() -> Choices:
    """Everything the pages share; the page stops where no network can be loaded."""
    photo = _choose_photo()
    place = st.container()
    try:
        network = _choose_network(photo)
    except PetlensError as error:
        # Not even the bundled network can be loaded.
        st.error(plain(str(error)))
        st.stop()
    # Goes on while the page draws what does not need it.
    prepare(network.classifier)
    with place:
        class_index = _choose_class(network, photo)
        look = _choose_look()
    return Choices(network, photo, class_index, _choose_score(), look, _choose_explainers())


def _choose_photo() -> Photo:
    """Sample, upload or camera; an unreadable photo is refused, and the last good one stays."""
    samples = load_samples()
    preview = st.container()
    source = choose_option("Photo", SOURCES, state.SOURCE, persist_state="session", width="stretch")
    offered = _offer_photo(source, samples)
    accepted = _accept(offered)
    photo = accepted or state.photo() or next(iter(samples.values()))
    state.keep_photo(photo)
    with preview:
        _preview(photo)
    if accepted and source != "sample":
        st.caption("A link to this page carries your settings, not your photo.")
    return photo


def _offer_photo(source: str, samples: dict[str, Photo]) -> Photo | None:
    if source == "sample":
        name = choose_from_list(
            "Sample photo",
            list(samples),
            lambda name: samples[name].title,
            state.SAMPLE,
            label_visibility="collapsed",
        )
        return samples[name]
    if source == "upload":
        file = st.file_uploader("Your photo", key=state.UPLOAD, label_visibility="collapsed")
        return _own(file.getvalue(), "Your photo", "The photo you uploaded.") if file else None
    file = st.camera_input("Camera", key=state.CAMERA, label_visibility="collapsed")
    return _own(file.getvalue(), "Camera picture", "The picture you took.") if file else None


def _own(data: bytes, title: str, alt: str) -> Photo:
    """A visitor's own photo: what is made of it is kept with this visitor alone."""
    return Photo(data, title, alt, holder=state.own_holder())


def _accept(offered: Photo | None) -> Photo | None:
    """The photo if it can be read; otherwise say what is wrong with it."""
    if offered is None:
        return None
    try:
        picture_of(offered)
    except PetlensError as error:
        st.error(plain(str(error)))
        return None
    return offered


def _preview(photo: Photo) -> None:
    with st.container(horizontal=True, wrap=False, vertical_alignment="center"):
        show_picture(picture_of(photo), photo.alt, THUMBNAIL_PIXELS)
        words = st.container(width=CREDIT_PIXELS, gap=None)
    with words:
        st.markdown(f"**{photo.title}**")
        if photo.credit:
            st.caption(photo.credit)


def _choose_network(photo: Photo) -> NetworkChoice:
    """A network by name or the visitor's own; PetNet answers until another one can."""
    petnet = NetworkChoice(get_classifier(PETNET), NETWORKS[PETNET].knows)
    name = choose_from_list("Network", [*SERVED, *NETWORKS, OWN], _call, state.NETWORK)
    try:
        if name in SERVED:
            served = SERVED[name]
            return NetworkChoice(served, knows(served), f"served-{served.fingerprint}")
        if name == OWN:
            return choose_brought(picture_of(photo)) or petnet
        if name == PETNET or not _ready(NETWORKS[name]):
            return petnet
        if NETWORKS[name].note:
            st.caption(NETWORKS[name].note)
        return NetworkChoice(get_classifier(name), NETWORKS[name].knows, name)
    except PetlensError as error:
        st.error(plain(str(error)))
        return petnet


def _call(name: str) -> str:
    """What a network is called in the list."""
    if name in NETWORKS:
        return NETWORKS[name].label
    return "Bring your own" if name == OWN else name


@st.cache_resource(show_spinner="Loading the network")
def get_classifier(name: str) -> Classifier:
    """A network by name, one for all visitors; raises ``ClassifierError``."""
    return NETWORKS[name].load(no_progress)


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

    def progress(done: int, total: int, partial: Any = None) -> None:
        share = done / total if total else 0.0
        bar.progress(share, text=f"{done / 1e6:.0f} of {total / 1e6:.0f} MB")

    network.load(progress)
    place.empty()
    return True


def _choose_class(network: NetworkChoice, photo: Photo) -> int:
    """Index of the class whose evidence the maps show."""
    labels = network.classifier.labels
    probabilities = predict(network.classifier, photo)
    predicted = int(probabilities.argmax())
    if len(labels) > FEW_CLASSES:
        return _choose_of_many(network, photo, probabilities)
    if st.session_state.get(state.CLASS, PREDICTED) not in (PREDICTED, *labels):
        # Chosen for a network of other classes.
        st.session_state[state.CLASS] = PREDICTED
    options = {PREDICTED: PREDICTED.capitalize()} | {one: plain(one.capitalize()) for one in labels}
    chosen = choose_option("Class to explain", options, state.CLASS, in_link=True, width="stretch")
    return predicted if chosen == PREDICTED else labels.index(chosen)


def _choose_of_many(network: NetworkChoice, photo: Photo, probabilities: np.ndarray) -> int:
    labels = network.classifier.labels
    # By index: some of many classes share a name.
    likely = [int(index) for index in probabilities.argsort()[::-1]]
    key = state.class_key(network.key)
    kept = st.session_state.get(key, PREDICTED)
    if kept != PREDICTED and _is_new(network, photo) and probabilities[kept] < SENSIBLE:
        st.session_state[key] = PREDICTED
    chosen: Any = st.selectbox(
        "Class to explain",
        [PREDICTED, *likely],
        format_func=lambda choice: (
            f"Predicted: {labels[likely[0]]}"
            if choice == PREDICTED
            else labels[choice].capitalize()
        ),
        help="In the order the network finds them likely for this photo.",
        key=key,
    )
    return likely[0] if chosen == PREDICTED else chosen


def _is_new(network: NetworkChoice, photo: Photo) -> bool:
    """Whether the run before was of another photo or network, or there was none."""
    before = state.choices_before()
    if before is None:
        return True
    fingerprints = {network.classifier.fingerprint, before.network.classifier.fingerprint}
    return len(fingerprints) > 1 or before.photo.hash != photo.hash


def _choose_look() -> Look:
    """How all maps are shown."""
    evidence = choose_option(
        "Evidence to show", EVIDENCE, state.EVIDENCE, in_link=True, width="stretch"
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


def _choose_score() -> str | None:
    """Which score of the class the maps explain; none for each method's own."""
    chosen = choose_option(
        "Score to explain",
        SCORES,
        state.SCORE,
        help="The class's own score (its logit; for LIME its probability), or its lead over the "
        "strongest other class (the margin of the two logits).",
        in_link=True,
        width="stretch",
    )
    return None if chosen == "own" else chosen


def _choose_explainers() -> tuple[Explainer, ...]:
    """The four methods, and those of the others that are asked for."""
    extras = [name for name, explainer in EXPLAINERS.items() if explainer.extra]
    more = choose_several_in_link(
        state.MORE,
        extras,
        _call_method,
        lambda: st.pills(
            "More methods",
            extras,
            selection_mode="multi",
            format_func=_call_method,
            key=state.MORE,
            width="stretch",
        ),
    )
    return tuple(e for e in EXPLAINERS.values() if not e.extra or e.name in more)


def _call_method(name: str) -> str:
    return EXPLAINERS[name].label
