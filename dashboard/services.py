"""xaicore for the pages: what costs time is done once and remembered, keyed on short strings."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import streamlit as st
import torch
from PIL import Image

import xaicore
from dashboard.jobs import Job, Worker
from dashboard.state import Pending, Photo
from xaicore import NETWORKS, Classifier
from xaicore.classifier import convolution_names
from xaicore.explainers.base import Progress
from xaicore.render import fit
from xaicore.zoo import ignore

SAMPLES = Path(__file__).parents[1] / "assets" / "samples"


class _Absent(Exception):
    """An explanation that was not computed yet."""


@dataclass(frozen=True)
class Question:
    """One map asked for: network, photo, method, its parameters, class index, and which score."""

    classifier: Classifier
    photo: Photo
    explainer: str
    parameters: dict[str, Any]
    target: int
    score: str | None = None

    @property
    def key(self) -> str:
        """Everything the answer depends on, as one short string."""
        return json.dumps(
            [
                self.classifier.fingerprint,
                self.photo.hash,
                self.explainer,
                self.parameters,
                self.target,
                self.score,
            ]
        )


@st.cache_resource(show_spinner="Loading the network")
def get_classifier(name: str) -> Classifier:
    """A network by name, one for all visitors; raises ``ClassifierError``."""
    return NETWORKS[name].load(ignore)


@st.cache_resource(max_entries=4, show_spinner="Loading the network")
def own_classifier(weights_hash: str, _weights: bytes) -> Classifier:
    """PetNet with a visitor's own weights; raises ``ClassifierError``."""
    return xaicore.load_classifier(_weights)


@st.cache_resource(show_spinner=False)
def _worker() -> Worker:
    return Worker()


@st.cache_data(show_spinner=False)
def load_samples() -> dict[str, Photo]:
    """The sample photos by short name, in the order of their list."""
    entries = json.loads((SAMPLES / "samples.json").read_text(encoding="utf-8"))
    return {
        Path(entry["file"]).stem: Photo(
            data=(SAMPLES / entry["file"]).read_bytes(),
            title=entry["title"],
            alt=entry["alt"],
            credit=f"{entry['author']}, {entry['licence']}",
        )
        for entry in entries
    }


def picture(photo: Photo) -> Image.Image:
    """The photo upright and at display size; raises ``PhotoError``."""
    return Image.fromarray(_pixels(photo.hash, photo))


@st.cache_data(max_entries=64, show_spinner="Reading the photo")
def _pixels(photo_hash: str, _photo: Photo) -> np.ndarray:
    return np.asarray(fit(xaicore.load_photo(_photo.data)))


@st.cache_data(max_entries=64, show_spinner=False)
def _network_input(
    photo_hash: str, fingerprint: str, _photo: Photo, _classifier: Classifier
) -> np.ndarray:
    return _classifier.preprocess([xaicore.load_photo(_photo.data)]).cpu().numpy()


def _batch(classifier: Classifier, photo: Photo) -> torch.Tensor:
    return torch.from_numpy(_network_input(photo.hash, classifier.fingerprint, photo, classifier))


def predict(classifier: Classifier, photo: Photo) -> np.ndarray:
    """Class probabilities of a photo, float64 [C]."""
    return _probabilities(photo.hash, classifier.fingerprint, photo, classifier)


@st.cache_data(max_entries=256, show_spinner=False)
def _probabilities(
    photo_hash: str, fingerprint: str, _photo: Photo, _classifier: Classifier
) -> np.ndarray:
    return _classifier.predict(_batch(_classifier, _photo))[0]


def offered(classifier: Classifier, parameter: xaicore.Parameter) -> xaicore.Parameter:
    """A parameter as this network has it: layers to choose from are its convolutions."""
    if parameter.name != "layer":
        return parameter
    names = tuple(convolution_names(classifier.net))
    return replace(parameter, choices=names, default=classifier.target_layer)


def explain(question: Question) -> xaicore.Explanation:
    """Answer at once, on this thread; raises ``ExplainerError``."""
    return _remember(question.key, _work(question))


def follow(
    question: Question, jobs: dict[str, Pending]
) -> xaicore.Explanation | Job[xaicore.Explanation]:
    """Answer from memory, or give the background job that will.

    ``jobs`` are the visitor's newest ones by method; one that answers another question is
    cancelled.
    """
    key = question.key
    try:
        return _remember(key, _absent)
    except _Absent:
        pass
    pending = jobs.get(question.explainer)
    if pending is None or pending.key != key or pending.job.cancelled:
        if pending:
            pending.job.cancel()
        pending = Pending(key, _worker().submit(_work(question)))
        jobs[question.explainer] = pending
    pending.job.watch()
    answer = pending.job.result
    return pending.job if answer is None else _remember(key, lambda: answer)


@st.cache_data(max_entries=256, show_spinner=False)
def _remember(key: str, _make: Callable[[], xaicore.Explanation]) -> xaicore.Explanation:
    return _make()


def _absent() -> NoReturn:
    raise _Absent


def _work(question: Question) -> Callable[..., xaicore.Explanation]:
    # The worker must not reach into Streamlit: all it needs is fetched here.
    batch = _batch(question.classifier, question.photo)

    def work(progress: Progress | None = None) -> xaicore.Explanation:
        return xaicore.explain(
            question.classifier,
            batch,
            question.explainer,
            [question.target],
            target=question.score,
            progress=progress,
            **question.parameters,
        )

    return work
