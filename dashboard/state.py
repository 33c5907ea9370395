"""Every session and URL key, in one place, and what the pages share through them.

The keys of widgets that are bound to the URL are also the names of its query parameters.
"""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from typing import Any

import streamlit as st
from PIL import Image

from dashboard.jobs import Job
from xaicore.explainers.base import Explainer, Explanation
from xaicore.render import Look

SOURCE = "source"
SAMPLE = "sample"
UPLOAD = "upload"
CAMERA = "camera"
CLASS = "class"
EVIDENCE = "evidence"
OPACITY = "opacity"
SMOOTHING = "smoothing"

_PHOTO = "photo"
_CHOICES = "choices"
_JOBS = "jobs"
_SHOWN = "shown"


def parameter_key(explainer: Explainer, parameter: str) -> str:
    """The key of the widget that sets a method's parameter."""
    return f"{explainer.name}-{parameter}"


def best_key(explainer: Explainer) -> str:
    """The key of the widget that asks for a method's best superpixels only."""
    return f"{explainer.name}-best"


def reset_key(explainer: Explainer) -> str:
    """The key of the button that resets a method's parameters."""
    return f"{explainer.name}-reset"


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
class Choices:
    """What the sidebar sets for all pages; ``target`` is the index of the class to explain."""

    photo: Photo
    target: int
    label: str
    look: Look


@dataclass(frozen=True)
class Shown:
    """What a card shows now: the explanation, and its overlay picture."""

    explanation: Explanation
    picture: Image.Image


@dataclass(frozen=True)
class Pending:
    """The job that answers the question of this key."""

    key: str
    job: Job[Explanation]


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
    """Set what the pages share; maps of another photo or class are no longer shown."""
    before: Choices | None = st.session_state.get(_CHOICES)
    if before is None or (before.photo, before.target) != (choices.photo, choices.target):
        st.session_state[_SHOWN] = {}
    st.session_state[_CHOICES] = choices


def jobs() -> dict[str, Pending]:
    """This visitor's newest background job of each method."""
    running: dict[str, Pending] = st.session_state.setdefault(_JOBS, {})
    return running


def shown() -> dict[str, Shown]:
    """What each card shows now, by method: what a download holds."""
    cards: dict[str, Shown] = st.session_state.setdefault(_SHOWN, {})
    return cards


def reset(values: dict[str, Any]) -> None:
    """Set widgets, by key, back to the values given."""
    st.session_state.update(values)
