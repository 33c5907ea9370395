"""Many files, a zip or the samples: chosen here, evaluated in the background."""

from __future__ import annotations

import zipfile
from io import BytesIO

import streamlit as st

from dashboard.leaderboard import keys, runs
from dashboard.shared.photos import load_samples
from dashboard.shared.widgets import choose, in_sentences
from xaicore import EXPLAINERS, METRICS, PROTOCOLS, Classifier, PetlensError
from xaicore.evaluation.plan import Plan
from xaicore.explainers import USUAL
from xaicore.formatting import join
from xaicore.leaderboard.tables import label_of
from xaicore.metrics import USUAL as USUAL_METRICS
from xaicore.metrics import needs_remaking
from xaicore.training.dataset import PhotoBytes, unzip_photos

PHOTO_TYPES = ["jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff", "heic", "heif", "avif"]
PROTOCOL = PROTOCOLS["gomez"]
SOURCES = {"samples": "The samples", "own": "My photos or a zip"}


def show_evaluate(classifier: Classifier) -> None:
    """Photos, methods, metrics and a title, and the button that starts it."""
    photos = (
        list_samples()
        if choose("Photos to evaluate", SOURCES, keys.EVALUATE) == "samples"
        else _uploads()
    )
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
    usual = "1 photo" if len(photos) == 1 else f"{len(photos)} photos"
    # No default: what a widget with a key begins with stays when more photos come.
    title = st.text_input("Title", placeholder=usual, key=keys.EVALUATE_TITLE)
    ready = bool(photos and methods and metrics)
    if st.button("Evaluate", icon=":material/play_arrow:", disabled=not ready):
        plan = Plan(
            tuple(methods),
            tuple(metrics),
            PROTOCOL,
            controls,
            title=title.strip() or usual,
        )
        with in_sentences():
            runs.start(classifier, photos, plan)
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


def _uploads() -> list[PhotoBytes]:
    files = st.file_uploader(
        "Photos, or a zip of them",
        [*PHOTO_TYPES, "zip"],
        accept_multiple_files=True,
        key=keys.EVALUATE_FILES,
        help="In a zip, folders named Cat and Dog say what their photos show.",
    )
    photos: list[PhotoBytes] = []
    for file in files or []:
        data = file.getvalue()
        try:
            photos += unzip_photos(data) if _is_zip(data) else [PhotoBytes(data)]
        except PetlensError as error:
            st.error(f"{file.name}: {error}")
    return photos


def _is_zip(data: bytes) -> bool:
    return zipfile.is_zipfile(BytesIO(data))
