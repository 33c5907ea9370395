"""A network that a visitor brings: dropped as a file, asked for what it does not say, looked over.

It lives in the visitor's session alone, and is gone with it.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from functools import partial
from typing import Any

import streamlit as st
from PIL import Image

import xaicore
from dashboard.shared import state
from dashboard.shared.bounds import bounds
from dashboard.shared.holders import keep_with
from dashboard.shared.jobs import Job
from dashboard.shared.photos import load_samples
from dashboard.shared.preparing import prepare
from dashboard.shared.state import NetworkChoice
from dashboard.shared.text import plain
from dashboard.shared.widgets import choose, follow, in_sentences, show_picture
from xaicore import Classifier, PetlensError
from xaicore.formatting import join
from xaicore.identity import canonical, hash_bytes
from xaicore.networks.checkup import CheckUp, check_up
from xaicore.networks.importing.facts import Facts
from xaicore.networks.importing.load import as_classifier, bring, inspect_network
from xaicore.networks.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing

KINDS = ["safetensors", "pth", "pt", "bin", "onnx", "zip"]
MOST_MEGABYTES = 250
SCALES: dict[str, tuple[Any, Any]] = {
    "ImageNet's": (IMAGENET_MEAN, IMAGENET_STD),
    "0 to 1": (0.0, 1.0),
    "−1 to 1": (0.5, 0.5),
    "0 to 255": (0.0, 1 / 255),
}
USUAL_SIZE = 224
LARGEST_SIZE = 1024
PREVIEW_PIXELS = 240
MOST_NAMED = 3
_alive: weakref.WeakSet[Classifier] = weakref.WeakSet()


def choose_brought(photo: Image.Image) -> NetworkChoice | None:
    """The network of the file that was dropped, once all that it needs is said."""
    file = st.file_uploader(
        "Your network",
        KINDS,
        key=state.WEIGHTS,
        max_upload_size=MOST_MEGABYTES,
        help="Weights of a torchvision or timm network or of PetNet (.safetensors, .pth), an ONNX "
        "file, or a zip with a network.toml. It stays in this session, and is gone with it.",
    )
    if not file:
        st.caption("Until you give a file, the bundled PetNet answers.")
        return None
    data = file.getvalue()
    name = hash_bytes(data)
    facts = state.inspected(name, partial(inspect_network, data))
    given = state.brought_facts(name)
    if given is None and facts.missing:
        wanted = st.button("Say what the file does not say", icon=":material/edit_note:")
        if wanted or state.first_look(name):
            state.ask_about(name)
        _ask_if_open(name, data, facts, photo)
        st.caption("Until then PetNet answers.")
        return None
    classifier = _load(name, data, given or {})
    _show_check_up(classifier)
    if facts.missing:
        if st.button("Change what was said", icon=":material/edit_note:"):
            state.ask_about(name)
        _ask_if_open(name, data, facts, photo)
    return NetworkChoice(classifier, knows(classifier), f"own-{classifier.fingerprint}")


def _load(name: str, data: bytes, given: Mapping[str, Any]) -> Classifier:
    """The classifier, made once for what the file and the visitor say."""
    key = f"{name} {canonical(given)}"
    kept = state.brought_classifier(key)
    if kept is None:
        # Each may hold as much memory as its file.
        most = bounds().networks
        if len(_alive) >= most:
            raise PetlensError(
                f"{most} networks that visitors brought are in use here, the most at a "
                "time. Try again in a few minutes."
            )
        with st.spinner("Loading the network"):
            kept = as_classifier(bring(data, Facts(**given)))
        _alive.add(kept)
        keep_with(kept, state.own_holder())
        state.keep_brought(key, kept)
    return kept


def knows(classifier: Classifier) -> str:
    """What a network can say, in words."""
    labels = classifier.labels
    if len(labels) > MOST_NAMED:
        return f"{len(labels)} kinds of things"
    return join(labels)


def _ask_if_open(name: str, data: bytes, facts: Facts, photo: Image.Image) -> None:
    """Show the form until it is used or closed: work that ends has the page run meanwhile."""
    if state.asked_about() == name:
        _ask(name, data, facts, photo)


@st.dialog("What the file does not say", width="large", on_dismiss=state.stop_asking)
def _ask(name: str, data: bytes, facts: Facts, photo: Image.Image) -> None:
    """A form for what is missing, beside the photo as the network will see it."""
    form, preview = st.columns([3, 2], gap="large")
    given: dict[str, Any] = {}
    with form, in_sentences():
        if "architecture" in facts.missing:
            given["architecture"] = _ask_architecture()
            # Its presets say what it usually takes.
            facts = inspect_network(data, given["architecture"])
        given |= _ask_missing(facts)
    with preview, in_sentences():
        view = Preprocessing(**_prepared(facts, given)).view(photo)
        show_picture(view, "The photo as the network will see it.", PREVIEW_PIXELS)
        st.caption(f"What the network will see: {view.width} × {view.height} pixels.")
    if st.button("Use this network", type="primary", icon=":material/check:"):
        state.keep_brought_facts(name, given)
        state.stop_asking()
        st.rerun()


def _ask_architecture() -> str:
    return st.text_input(
        "Architecture",
        "resnet18",
        help="The name by which torchvision or timm know it, such as convnext_tiny, or PetNet.",
    )


def _ask_missing(facts: Facts) -> dict[str, Any]:
    """What the visitor says, by the names of the facts."""
    given: dict[str, Any] = {}
    if "labels" in facts.missing:
        labels = _ask_labels(facts.classes)
        if labels:
            given["labels"] = labels
    if "size" in facts.missing:
        given["size"] = st.number_input(
            "Size of its photos, in pixels a side", 8, LARGEST_SIZE, USUAL_SIZE, 8
        )
    if "mean" in facts.missing or "std" in facts.missing:
        options = {name: name for name in SCALES}
        scale = choose("How its colours are scaled", options, "brought-scale", wrap=True)
        given["mean"], given["std"] = SCALES[scale]
    if facts.resize is None:
        ways = {"stretch": "Stretched to that size", "crop": "Its middle is cut out"}
        way = choose("How a photo of another shape is fitted", ways, "brought-resize")
        given["resize"] = "stretch" if way == "stretch" else ("crop", 1.0)
    return given


def _ask_labels(classes: int | None) -> tuple[str, ...]:
    """Names of the classes; none where the visitor gives none, and they are numbered."""
    count = f", {classes} of them" if classes else ""
    text = st.text_area(
        f"What its classes are called, one a line{count}",
        placeholder="cat\ndog",
        help='In the order of the outputs; "no" before "yes" where there is one output. Left '
        "empty, they are numbered.",
    )
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _prepared(facts: Facts, given: Mapping[str, Any]) -> dict[str, Any]:
    names = ("size", "mean", "std", "resize", "channels", "interpolation", "order")
    said = {name: given.get(name, getattr(facts, name)) for name in names}
    return {name: value for name, value in said.items() if value is not None}


def _show_check_up(classifier: Classifier) -> None:
    """What the network is, which methods it gets, and what it says of the samples."""
    with st.expander("Check-up", icon=":material/fact_check:", expanded=True):
        follow(partial(_find_check_up, classifier), _tell)


def _find_check_up(classifier: Classifier) -> CheckUp | Job[Any]:
    """The check-up, or the job that it waits for."""
    found = state.check_up_of(classifier.fingerprint)
    if found is None:
        preparing = prepare(classifier)
        if preparing and preparing.running:
            return preparing
        samples = [xaicore.load_photo(photo.data) for photo in load_samples().values()]
        found = check_up(classifier, samples)
        state.keep_check_up(classifier.fingerprint, found)
    return found


def _tell(found: CheckUp | Job[Any]) -> None:
    if isinstance(found, Job):
        st.caption("Looking the network over")
        return
    st.caption(plain(" ".join((*found.about, *found.notes))))
    for method in found.methods:
        if method.reason is None:
            st.caption(f":green[:material/check_circle:] {method.label}")
        else:
            st.caption(f":red[:material/cancel:] {method.label}: {plain(method.reason)}")
    titles = [photo.title for photo in load_samples().values()]
    answers = [f"{plain(one.label)} {one.probability:.1%}" for one in found.answers]
    pairs = zip(titles, answers, strict=True)
    st.caption("; ".join(f"{title}: {answer}" for title, answer in pairs))
