"""Every session and URL key, in one place, and what the pages share through them.

The keys of widgets that are bound to the URL are also the names of its query parameters.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import streamlit as st
from PIL import Image

from dashboard.jobs import Job
from xaicore import Classifier, Explainer, Explanation, Parameter
from xaicore.render import Look

NETWORK = "network"
WEIGHTS = "weights"
SCORE = "score"
MORE = "more"
SOURCE = "source"
SAMPLE = "sample"
UPLOAD = "upload"
CAMERA = "camera"
CLASS = "class"
EVIDENCE = "evidence"
OPACITY = "opacity"
SMOOTHING = "smoothing"
STEPS = "steps"
FILL = "fill"
BLUR = "blur"
KERNEL = "kernel"
SIGMA = "sigma"
TIES = "ties"
STEP = "step"
PLAYING = "playing"
FORMAT = "format"
PANELS = "panels"
VIEW = "view"
AREA = "area"
FIRST = "first"
SECOND = "second"
CHANGE = "change"
SAMPLES = "samples"

CHAPTER = "chapter"
LESSON = "lesson"
METRIC_LESSON = "metric"
LESSON_METHOD = "lesson-method"
LESSON_STEP = "lesson-step"
LESSON_CLASS = "lesson-class"
LESSON_CONTROL = "lesson-control"
RUN = "run"
PART = "part"
OTHER_RUN = "other-run"
BOARD_VIEW = "board"
ACROSS = "across"
UP = "up"
DISTRIBUTION = "distribution"
EVALUATE = "evaluate"
EVALUATE_METHODS = "evaluate-methods"
EVALUATE_METRICS = "evaluate-metrics"
EVALUATE_CONTROLS = "evaluate-controls"
EVALUATE_TITLE = "evaluate-title"
EVALUATE_FILES = "evaluate-files"

_PHOTO = "photo"
_CHOICES = "choices"
_JOBS = "jobs"
_PANEL_JOBS = "panel_jobs"
_SHOWN = "shown"
_TRIALS = "trials"
_STOPPED = "stopped"


def parameter_key(explainer: Explainer, parameter: str, network: str = "") -> str:
    """The key of the widget that sets a method's parameter, or its ``network``'s own one."""
    return f"{explainer.name}-{parameter}" + (f"-{network}" if network else "")


def class_key(network: str) -> str:
    """The key of the widget that chooses among a network's many classes."""
    return f"{CLASS}-{network}"


def best_key(explainer: Explainer) -> str:
    """The key of the widget that asks for a method's best superpixels only."""
    return f"{explainer.name}-best"


def panel_key(letter: str, what: str, network: str = "") -> str:
    """The key of a widget of one of Compare's panels, or its ``network``'s own one."""
    return f"{letter}-{what}" + (f"-{network}" if network else "")


def reset_key(explainer: Explainer) -> str:
    """The key of the button that resets a method's parameters."""
    return f"{explainer.name}-reset"


def lesson_key(name: str, parameter: str) -> str:
    """The key of the widget that sets a method's parameter in its lesson."""
    return f"lesson-{name}-{parameter}"


def sure_key(run_id: str) -> str:
    """The key of the box that must be ticked before a run is deleted."""
    return f"sure-{run_id}"


def chart_key(name: str) -> str:
    """The key of a chart that can be clicked."""
    return f"chart-{name}"


@dataclass(frozen=True)
class Photo:
    """A photo's file, and the words that go with it."""

    data: bytes
    title: str
    alt: str
    credit: str = ""

    @functools.cached_property
    def hash(self) -> str:
        """16 hex digits that name the file's content."""
        return hashlib.sha256(self.data).hexdigest()[:16]


@dataclass(frozen=True)
class Chosen:
    """The network that answers; ``key`` tells its widgets from other networks' ones."""

    classifier: Classifier
    knows: str
    key: str = ""


@dataclass(frozen=True)
class Choices:
    """What the sidebar sets for all pages.

    ``target`` is the index of the class to explain; ``score`` which score of it, a key of
    ``TARGETS``, or none for each method's own.
    """

    network: Chosen
    photo: Photo
    target: int
    score: str | None
    look: Look
    explainers: tuple[Explainer, ...]

    @property
    def label(self) -> str:
        return self.network.classifier.labels[self.target]

    @property
    def question(self) -> tuple[object, ...]:
        """What the maps answer, but for each method's parameters."""
        return self.network.classifier.fingerprint, self.photo, self.target, self.score


@dataclass(frozen=True)
class Shown:
    """What a card shows now: the explanation, and its overlay picture."""

    explanation: Explanation
    picture: Image.Image


@dataclass(frozen=True)
class Pending:
    """The job that answers the question of this key."""

    key: str
    job: Job[Any]


def photo() -> Photo | None:
    """The last photo that could be read."""
    return st.session_state.get(_PHOTO)


def keep_photo(photo: Photo) -> None:
    st.session_state[_PHOTO] = photo


def choices() -> Choices:
    """What the sidebar set in this run."""
    chosen: Choices = st.session_state[_CHOICES]
    return chosen


def keep_choices(choices: Choices) -> None:
    """Set what the pages share; maps that answer another question are no longer shown."""
    before: Choices | None = st.session_state.get(_CHOICES)
    if before is None or before.question != choices.question:
        st.session_state[_SHOWN] = {}
        drop_trials()
    st.session_state[_CHOICES] = choices


def jobs() -> dict[str, Pending]:
    """This visitor's newest background job of each method."""
    running: dict[str, Pending] = st.session_state.setdefault(_JOBS, {})
    return running


def panel_jobs(place: str) -> dict[str, Pending]:
    """This visitor's newest background job of one place on Compare, by method."""
    places: dict[str, dict[str, Pending]] = st.session_state.setdefault(_PANEL_JOBS, {})
    return places.setdefault(place, {})


def kept(key: str, parameter: Parameter) -> Any:
    """The value of a widget of another page as it was left there, or as the link has it."""
    if key in st.session_state:
        return st.session_state[key]
    try:
        value = parameter.check(type(parameter.default)(st.query_params[key]))
    except (KeyError, ValueError):
        return parameter.default
    # On the way to the widget's own page the link's values are dropped.
    st.session_state[key] = value
    return value


def trials() -> dict[str, Pending]:
    """This visitor's background jobs that test maps, by the trials' keys."""
    running: dict[str, Pending] = st.session_state.setdefault(_TRIALS, {})
    return running


def drop_trials(but: Collection[str] = ()) -> None:
    """Cancel and forget the jobs that test maps, but for those of these keys."""
    running = trials()
    for key in [key for key in running if key not in but]:
        running.pop(key).job.cancel()


def stop_trials(key: str) -> None:
    """Cancel the jobs that test maps, and start none for the question of this key."""
    drop_trials()
    st.session_state[_STOPPED] = key


def go_on() -> None:
    """Test what was stopped after all."""
    st.session_state[_STOPPED] = ""


def stopped(key: str) -> bool:
    """Whether the visitor stopped the trials that answer the question of this key."""
    return st.session_state.get(_STOPPED) == key


def shown() -> dict[str, Shown]:
    """What each card shows now, by method: what a download holds."""
    cards: dict[str, Shown] = st.session_state.setdefault(_SHOWN, {})
    return cards


def reset(values: dict[str, Any]) -> None:
    """Set widgets, by key, back to the values given."""
    st.session_state.update(values)
