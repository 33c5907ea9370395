"""xaicore for the pages: what costs time is done once and remembered, keyed on short strings."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np
import streamlit as st
import torch
from PIL import Image, ImageOps

import xaicore
from dashboard.jobs import Job, Report, Worker
from dashboard.runs import get_store
from dashboard.state import Pending, Photo
from xaicore import NETWORKS, Classifier, Protocol
from xaicore.classifier import convolution_names
from xaicore.comparison import CHANGES, Change, Duel, change_photos, delete, duel
from xaicore.explainers.base import Progress, library_versions
from xaicore.export import to_png
from xaicore.metrics.base import Trace
from xaicore.metrics.focus import make_mosaics, share_on_target, to_batch
from xaicore.metrics.perturbation import Frame, mask_photo, picture_at, trace_maps
from xaicore.render import fit, to_picture
from xaicore.store import MapKey, Store, StoreError, canonical, find_trace, keep_trace
from xaicore.zoo import ignore

JPEG_QUALITY = 90
SAMPLES = Path(__file__).parents[1] / "assets" / "samples"


Answer = TypeVar("Answer")


MOSAIC_CATS = ("kitten-with-yarn", "chelsea")
MOSAIC_DOG = "german-shepherd"
Focused = tuple[Image.Image, np.ndarray, float]


class _Absent(Exception):
    """An answer that was not computed yet."""


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


@dataclass(frozen=True)
class Trial:
    """Maps [M, h, w] of one photo to be put to the test; ``source`` names no other maps of it."""

    classifier: Classifier
    photo: Photo
    target: int
    protocol: Protocol
    source: str
    maps: np.ndarray

    @property
    def key(self) -> str:
        """Everything the trace depends on, as one short string."""
        return json.dumps(
            [
                self.classifier.fingerprint,
                self.photo.hash,
                self.target,
                self.protocol.settings,
                self.source,
            ]
        )

    @property
    def stored_key(self) -> MapKey:
        """Where the trace is kept for good: newer libraries may draw other maps."""
        settings = canonical({"trial": self.key, "versions": dict(library_versions())})
        return MapKey(self.classifier.fingerprint, self.photo.hash, "trial", settings)


@dataclass(frozen=True)
class Series:
    """One method's maps of all sample photos, each of the class the network predicts."""

    classifier: Classifier
    explainer: str
    parameters: dict[str, Any]
    score: str | None = None

    @property
    def key(self) -> str:
        """Everything the maps depend on, as one short string."""
        settings = [self.explainer, self.parameters, self.score]
        return json.dumps([self.classifier.fingerprint, *settings])


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
    make = partial(_remember, question.key)
    return _follow(make, question.key, question.explainer, partial(_work, question), jobs)


def recall(question: Question) -> xaicore.Explanation | None:
    """The answer, if it is remembered."""
    return _recall(partial(_remember, question.key))


def follow_trial(trial: Trial, jobs: dict[str, Pending]) -> Trace | Job[Trace]:
    """The trace from memory, or the background job that makes it; ``jobs`` by the trials' keys."""
    make = partial(_remember_trace, trial.key)
    return _follow(make, trial.key, trial.key, partial(_test_work, trial), jobs)


def recall_trace(trial: Trial) -> Trace | None:
    """The trace, if it is remembered."""
    return _recall(partial(_remember_trace, trial.key))


def test(trial: Trial) -> Trace:
    """The trace, made at once on this thread where it is not remembered."""
    return _remember_trace(trial.key, lambda: _test_work(trial)(_unheard))


def _unheard(done: int, total: int, maps: np.ndarray | None = None) -> None:
    """The report of work that nobody watches."""


def masked(trial: Trial, kept: bool) -> tuple[np.ndarray, float, float]:
    """The photo times a map's mask (or what it leaves), and the class's probability before, after.

    Colours float32 [H, W, 3], 0…1.
    """
    photo = _batch(trial.classifier, trial.photo)
    picture = mask_photo(photo, trial.maps, kept)
    colours = trial.classifier.denormalise(picture).clamp(0, 1)[0].permute(1, 2, 0)
    before, after = trial.classifier.predict(torch.cat([photo, picture]))[:, trial.target]
    return colours.cpu().numpy(), float(before), float(after)


@st.cache_data(max_entries=64, show_spinner=False)
def _focus(fingerprint: str, explainer: str, label: str, _classifier: Classifier) -> Focused:
    samples = load_samples()
    cats = [picture(samples[name]) for name in MOSAIC_CATS]
    dog = picture(samples[MOSAIC_DOG])
    tiles = [*cats, dog, ImageOps.mirror(dog)]
    (mosaic,) = make_mosaics(tiles, [0, 0, 1, 1], 1, 2 * _classifier.size, seed=1)
    target = _classifier.labels.index(label)
    maps = xaicore.explain(_classifier, to_batch(_classifier, [mosaic]), explainer, [target]).maps
    return mosaic.picture, maps[0], float(share_on_target(maps, [mosaic.labels], [target])[0])


def focus_on(classifier: Classifier, explainer: str, label: str) -> Focused:
    """A mosaic of the samples, a method's map of it, and its Focus for a class."""
    return _focus(classifier.fingerprint, explainer, label, classifier)


def control_map(classifier: Classifier, photo: Photo, name: str, target: int) -> np.ndarray:
    """A control's map of a photo; the derived ones are made of Grad-CAM's maps."""
    others = [sample for sample in load_samples().values() if sample.hash != photo.hash][:1]
    maps = np.concatenate(
        [explain(Question(classifier, one, "gradcam", {}, target)).maps for one in (photo, *others)]
    )
    batch = torch.cat([_batch(classifier, one) for one in (photo, *others)])
    return xaicore.CONTROLS[name].make(batch, maps, 0)[0]


def frame(
    classifier: Classifier, photo: Photo, maps: np.ndarray, protocol: Protocol, step: int
) -> Frame:
    """What the network saw at a step of the curves of maps [M, h, w]."""
    return picture_at(classifier, _batch(classifier, photo), maps, protocol, step)


def draw_control(
    control: xaicore.Control, classifier: Classifier, photo: Photo, maps: np.ndarray
) -> np.ndarray:
    """All draws of a control beside a map [1, h, w], float32 [draws, h, w]."""
    batch = _batch(classifier, photo)
    return np.concatenate([control.make(batch, maps, draw) for draw in range(control.draws)])


def data_url(key: str, draw: Callable[[], Image.Image]) -> str:
    """A picture as an address that holds it, drawn once for each key."""
    return _data_url(key, draw)


@st.cache_data(max_entries=256, show_spinner=False)
def _data_url(key: str, _draw: Callable[[], Image.Image]) -> str:
    buffer = io.BytesIO()
    _draw().save(buffer, "JPEG", quality=JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def fight(question: Question, maps: tuple[np.ndarray, np.ndarray], share: float) -> Duel:
    """The duel of two maps [h, w] over a question's photo and class."""
    batch = _batch(question.classifier, question.photo)
    a, b = (saliency[None] for saliency in maps)
    return duel(question.classifier, batch, a, b, [question.target], share)


def fight_series(classifier: Classifier, a: np.ndarray, b: np.ndarray, share: float) -> Duel:
    """The duels of two methods' maps [B, h, w] over all sample photos."""
    return duel(classifier, _sample_batch(classifier), a, b, share=share)


def photo_without(
    classifier: Classifier, photo: Photo, area: np.ndarray, size: tuple[int, int]
) -> Image.Image:
    """What the network sees of a photo without an area, bool [h, w], at a picture's size."""
    colours = classifier.denormalise(delete(_batch(classifier, photo), area[None]))[0]
    return to_picture(colours.clamp(0, 1).permute(1, 2, 0).cpu().numpy(), size)


def changed_photo(classifier: Classifier, photo: Photo, change: Change, amount: float) -> Photo:
    """The photo as the network sees it, changed."""
    return _changed(photo.hash, classifier.fingerprint, change.name, amount, photo, classifier)


@st.cache_data(max_entries=64, show_spinner=False)
def _changed(
    photo_hash: str,
    fingerprint: str,
    change: str,
    amount: float,
    _photo: Photo,
    _classifier: Classifier,
) -> Photo:
    entry = CHANGES[change]
    batch = change_photos(_classifier, _batch(_classifier, _photo), entry, amount)
    colours = _classifier.denormalise(batch)[0].clamp(0, 1).permute(1, 2, 0).cpu().numpy()
    data = to_png(to_picture(colours, colours.shape[1::-1]))
    return replace(_photo, data=data, alt=f"{_photo.alt} {entry.summary}")


def follow_series(series: Series, jobs: dict[str, Pending]) -> np.ndarray | Job[np.ndarray]:
    """One method's maps of the samples, float32 [B, h, w], or the job that makes them."""
    make = partial(_remember_series, series.key)
    return _follow(make, series.key, series.explainer, partial(_series_work, series), jobs)


def _sample_batch(classifier: Classifier) -> torch.Tensor:
    return torch.cat([_batch(classifier, photo) for photo in load_samples().values()])


@st.cache_data(max_entries=32, show_spinner=False)
def _remember_series(key: str, _make: Callable[[], np.ndarray]) -> np.ndarray:
    return _make()


def _series_work(series: Series) -> Callable[[Report], np.ndarray]:
    # The worker must not reach into Streamlit: all it needs is fetched here.
    batch = _sample_batch(series.classifier)

    def work(report: Report) -> np.ndarray:
        return xaicore.explain(
            series.classifier,
            batch,
            series.explainer,
            target=series.score,
            progress=report,
            **series.parameters,
        ).maps

    return work


def _follow(
    remember: Callable[[Callable[[], Answer]], Answer],
    key: str,
    place: str,
    work: Callable[[], Callable[[Report], Answer]],
    jobs: dict[str, Pending],
) -> Answer | Job[Answer]:
    known = _recall(remember)
    if known is not None:
        return known
    pending = jobs.get(place)
    if pending is None or pending.key != key or pending.job.cancelled:
        if pending:
            pending.job.cancel()
        pending = Pending(key, _worker().submit(work()))
        jobs[place] = pending
    pending.job.watch()
    answer = pending.job.result
    return pending.job if answer is None else remember(lambda: answer)


def _recall(remember: Callable[[Callable[[], Answer]], Answer]) -> Answer | None:
    try:
        return remember(_absent)
    except _Absent:
        return None


@st.cache_data(max_entries=256, show_spinner=False)
def _remember(key: str, _make: Callable[[], xaicore.Explanation]) -> xaicore.Explanation:
    return _make()


# In front of the store, which outlives the process.
@st.cache_data(max_entries=1024, show_spinner=False)
def _remember_trace(key: str, _make: Callable[[], Trace]) -> Trace:
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


def _test_work(trial: Trial) -> Callable[[Report], Trace]:
    # The worker must not reach into Streamlit: all it needs is fetched here.
    batch = _batch(trial.classifier, trial.photo)
    store = _open_store()

    def work(report: Report) -> Trace:
        kept = find_trace(store, trial.stored_key) if store else None
        if kept:
            return kept
        trace = trace_maps(
            trial.classifier,
            batch,
            trial.maps,
            [trial.target],
            trial.protocol,
            photos=[0] * len(trial.maps),
            report=report,
        )
        if store:
            keep_trace(store, trial.stored_key, trace)
        return trace

    return work


def _open_store() -> Store | None:
    """The store, or none where it cannot be used: pages do without it."""
    try:
        return get_store()
    except StoreError:
        return None
