"""Many files, a zip or the samples: chosen here, evaluated in the background."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from dashboard.leaderboard import keys, runs
from dashboard.leaderboard.spool import AtHand
from dashboard.shared.photos import load_samples
from dashboard.shared.text import plain
from dashboard.shared.widgets import choose, in_sentences
from xaicore import EXPLAINERS, METRICS, PROTOCOLS, Classifier, PetlensError
from xaicore.evaluation.plan import Plan, hash_list
from xaicore.evaluation.results import Results
from xaicore.explainers import USUAL
from xaicore.formatting import join, plural
from xaicore.leaderboard.tables import label_of
from xaicore.metrics import USUAL as USUAL_METRICS
from xaicore.metrics import needs_remaking
from xaicore.photos import SUFFIXES
from xaicore.training.dataset import UNLABELLED, PhotoBytes, unzip_photos
from xaicore.training.naming import label_of as class_of
from xaicore.zips import is_zip

PROTOCOL = PROTOCOLS["gomez"]
# What a photo is called, for whoever brought it, and the photo.
Named = tuple[str, AtHand]
SOURCES = {"samples": "The samples", "own": "My photos or a zip"}


def show_evaluate(classifier: Classifier) -> None:
    """Photos, methods, metrics and a title, and the button that starts it."""
    named = (
        [("", photo) for photo in list_samples()]
        if choose("Photos to evaluate", SOURCES, keys.EVALUATE) == "samples"
        else _uploads()
    )
    photos = [photo for _, photo in named]
    methods = _choose_some(
        "Methods", {n: label_of(n) for n in EXPLAINERS}, list(USUAL), keys.EVALUATE_METHODS
    )
    metrics = _choose_some(
        "Metrics",
        {n: m.label for n, m in METRICS.items()},
        list(USUAL_METRICS),
        keys.EVALUATE_METRICS,
    )
    slow = [METRICS[name].label for name in metrics if needs_remaking(METRICS[name])]
    if slow:
        st.caption(f"Explained many times over, so this takes longer: {join(slow)}.")
    controls = st.toggle(
        "Score maps that know nothing, too",
        key=keys.EVALUATE_CONTROLS,
        help="Random, centre, edges and others: what a method must beat to mean something.",
    )
    usual = plural(len(photos), "photo")
    # No default: what a widget with a key begins with stays when more photos come.
    title = st.text_input("Title", placeholder=usual, key=keys.EVALUATE_TITLE)
    ready = bool(photos and methods and metrics)
    if st.button("Evaluate", keys.EVALUATE_START, icon=":material/play_arrow:", disabled=not ready):
        plan = Plan(
            tuple(methods),
            tuple(metrics),
            PROTOCOL,
            controls,
            title=title.strip() or usual,
        )
        with in_sentences():
            runs.start(classifier, photos, plan)
            _keep_names(named)
    st.caption(
        "Only hashes and scores of your photos are kept, never the photos. The work goes on when "
        "you close this page."
    )


def _choose_some(label: str, options: dict[str, str], default: list[str], key: str) -> list[str]:
    return st.pills(
        label,
        list(options),
        selection_mode="multi",
        default=default,
        format_func=options.__getitem__,
        key=key,
    )


def list_samples() -> list[PhotoBytes]:
    return [PhotoBytes(photo.data) for photo in load_samples().values()]


def names_of(results: Results) -> list[str]:
    """What the photos of a run are called, as far as this visitor brought them."""
    return st.session_state.get(keys.EVALUATE_NAMES, {}).get(results.about.get("list"), [])


def _keep_names(named: Sequence[Named]) -> None:
    """For this visitor alone: the store gets no name of an upload."""
    kept = st.session_state.setdefault(keys.EVALUATE_NAMES, {})
    kept[hash_list([photo for _, photo in named])] = [name for name, _ in named]


def _uploads() -> list[Named]:
    files = st.file_uploader(
        "Photos, or a zip of them",
        [*SUFFIXES, ".zip"],
        accept_multiple_files=True,
        key=keys.EVALUATE_FILES,
        help="In a zip, folders named Cat and Dog say what their photos show.",
    )
    # Looked at once: the page is drawn anew with every click.
    known = st.session_state.get(keys.EVALUATE_PHOTOS, {})
    found = {file.file_id: known.get(file.file_id) or _open(file) for file in files or []}
    st.session_state[keys.EVALUATE_PHOTOS] = found
    named: list[Named] = []
    for file in files or []:
        own = found[file.file_id]
        if isinstance(own, PetlensError):
            st.error(plain(f"{file.name}: {own}"))
        else:
            named += own
    if named and not any(photo.label for _, photo in named):
        st.caption(UNLABELLED)
    return named


def _open(file: UploadedFile) -> list[Named] | PetlensError:
    """The photos of an upload with their names, or why there are none."""
    data = file.getvalue()
    try:
        if is_zip(data):
            return [(photo.packed.name, photo) for photo in unzip_photos(data)]
    except PetlensError as error:
        return error
    return [(file.name, PhotoBytes(data, label=class_of(file.name)))]
