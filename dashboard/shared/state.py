"""What the pages share in a visitor's session, and the keys it goes by.

The keys of widgets that are bound to the URL are also the names of its query parameters. Keys that
one page alone needs stand in its own ``keys.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import Any

import streamlit as st
from PIL import Image
from streamlit import runtime
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.shared import jobs
from dashboard.shared.holders import Holder
from dashboard.shared.jobs import Seat
from dashboard.shared.photos import Photo
from dashboard.shared.text import plain
from xaicore import Classifier, Explainer, Explanation, Parameter
from xaicore.networks.checkup import CheckUp
from xaicore.networks.importing.facts import Facts
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

# Kinds of seats: what this visitor waits for.
MAPS = "maps"
TRACES = "traces"

_PHOTO = "photo"
_CHOICES = "choices"
_HOLDER = "holder"
_CARDS = "cards"
_SEATS = "seats"
_ASKED = "asked"
_STOPPED = "stopped"
_BROUGHT = "brought"
_BROUGHT_FACTS = "brought-facts"
_INSPECTED = "inspected"
_CHECK_UPS = "check-ups"
_ASKED_ABOUT = "asked-about"


def parameter_key(explainer: Explainer, parameter: str, network: str = "") -> str:
    """The key of the widget that sets a method's parameter, or its ``network``'s own one."""
    return f"{explainer.name}-{parameter}" + (f"-{network}" if network else "")


def class_key(network: str) -> str:
    """The key of the widget that chooses among a network's many classes."""
    return f"{CLASS}-{network}"


@dataclass(frozen=True)
class NetworkChoice:
    """The network that answers; ``key`` tells its widgets from other networks' ones."""

    classifier: Classifier
    knows: str
    key: str = ""


@dataclass(frozen=True)
class Choices:
    """What the sidebar sets for all pages.

    ``score`` is which score of the class is explained, a key of ``SCORES``, or none for each
    method's own.
    """

    network: NetworkChoice
    photo: Photo
    class_index: int
    score: str | None
    look: Look
    explainers: tuple[Explainer, ...]

    @property
    def label(self) -> str:
        return self.network.classifier.labels[self.class_index]

    @property
    def said(self) -> str:
        """The label as Markdown."""
        return plain(self.label)

    @property
    def explained(self) -> tuple[object, ...]:
        """What the maps explain, but for each method's parameters."""
        return self.network.classifier.fingerprint, self.photo, self.class_index, self.score


@dataclass(frozen=True)
class Card:
    """What a method's card shows now: the explanation, and how its overlay is drawn.

    Pictures of all visitors would take memory for as long as their sessions are kept.
    """

    explanation: Explanation
    draw: Callable[[], Image.Image]

    @property
    def picture(self) -> Image.Image:
        """The overlay, drawn anew."""
        return self.draw()


def own_holder() -> Holder:
    """What is kept of what this visitor brought."""
    holder: Holder = st.session_state.setdefault(_HOLDER, Holder())
    return holder


def photo() -> Photo | None:
    """The last photo that could be read."""
    return st.session_state.get(_PHOTO)


def keep_photo(photo: Photo) -> None:
    st.session_state[_PHOTO] = photo


def choices() -> Choices:
    """What the sidebar set in this run."""
    chosen: Choices = st.session_state[_CHOICES]
    return chosen


def choices_before() -> Choices | None:
    """What the sidebar set in the run before, if there was one."""
    return st.session_state.get(_CHOICES)


def keep_choices(choices: Choices) -> None:
    """Set what the pages share; maps that explain something else are no longer shown."""
    before = choices_before()
    if before is None or before.explained != choices.explained:
        st.session_state[_CARDS] = {}
        leave_traces()
    st.session_state[_CHOICES] = choices


def cards() -> dict[str, Card]:
    """What each card shows now, by method: what a download holds."""
    shown: dict[str, Card] = st.session_state.setdefault(_CARDS, {})
    return shown


def brought_classifier(key: str) -> Classifier | None:
    """The network that this visitor brought and uses, if it is the one of this key."""
    kept_key, classifier = st.session_state.get(_BROUGHT, ("", None))
    return classifier if kept_key == key else None


def keep_brought(key: str, classifier: Classifier) -> None:
    """Keep the network that this visitor brought, in the place of the one before."""
    st.session_state[_BROUGHT] = key, classifier


def inspected(name: str, inspect: Callable[[], Facts]) -> Facts:
    """What the file of this name says, read once, in the place of the one before."""
    kept_name, facts = st.session_state.get(_INSPECTED, ("", None))
    if kept_name != name:
        facts = inspect()
        st.session_state[_INSPECTED] = name, facts
    return facts


def brought_facts(name: str) -> dict[str, Any] | None:
    """What this visitor said of the file of this name, if anything."""
    said: dict[str, Any] | None = st.session_state.get(_BROUGHT_FACTS, {}).get(name)
    return said


def keep_brought_facts(name: str, facts: dict[str, Any]) -> None:
    st.session_state.setdefault(_BROUGHT_FACTS, {})[name] = facts


def ask_about(name: str) -> None:
    """Open the form for what the file of this name does not say."""
    st.session_state[_ASKED_ABOUT] = name


def asked_about() -> str:
    """The name of the file that the form is open for; empty where none is."""
    return st.session_state.get(_ASKED_ABOUT, "")


def stop_asking() -> None:
    st.session_state[_ASKED_ABOUT] = ""


def first_look(name: str) -> bool:
    """Whether this visitor sees the file of this name for the first time; true once."""
    seen = st.session_state.setdefault(f"{_BROUGHT}-seen", set())
    if name in seen:
        return False
    seen.add(name)
    return True


def check_up_of(fingerprint: str) -> CheckUp | None:
    """What was found of a network that this visitor brought."""
    return st.session_state.setdefault(_CHECK_UPS, {}).get(fingerprint)


def keep_check_up(fingerprint: str, found: CheckUp) -> None:
    st.session_state.setdefault(_CHECK_UPS, {})[fingerprint] = found


def seat(kind: str, place: str) -> Seat:
    """Where this visitor waits for one thing at a time."""
    st.session_state.setdefault(_ASKED, set()).add((kind, place))
    return _seats(kind).setdefault(place, Seat(_patience()))


def _patience() -> Callable[[], float]:
    """How long one waits for this visitor to ask again: hardly, once their tab is closed."""
    context = get_script_run_ctx()
    if context is None or not runtime.exists():
        return lambda: jobs.ABANDONED_SECONDS
    is_open = partial(runtime.get_instance().is_active_session, context.session_id)
    return lambda: jobs.ABANDONED_SECONDS if is_open() else jobs.GONE_SECONDS


def begin_page() -> None:
    """Note from here on what the page asks for."""
    st.session_state[_ASKED] = set()


def leave_unasked() -> None:
    """Wait no more for what this page, now that it is whole, did not ask for."""
    for kind, seats in st.session_state.get(_SEATS, {}).items():
        for place, taken in seats.items():
            if (kind, place) not in st.session_state[_ASKED]:
                taken.leave()


def _seats(kind: str) -> dict[str, Seat]:
    kinds: dict[str, dict[str, Seat]] = st.session_state.setdefault(_SEATS, {})
    return kinds.setdefault(kind, {})


def leave_traces(but: Collection[str] = ()) -> None:
    """Wait for no test of a map any more, but for those of these keys."""
    seats = _seats(TRACES)
    for key in [key for key in seats if key not in but]:
        seats.pop(key).leave()


def stop_traces(key: str) -> None:
    """Leave the tests of maps, and ask for none for the curves of this key."""
    leave_traces()
    st.session_state[_STOPPED] = key


def go_on() -> None:
    """Test what was stopped after all."""
    st.session_state[_STOPPED] = ""


def stopped(key: str) -> bool:
    """Whether the visitor stopped the tests for the curves of this key."""
    return st.session_state.get(_STOPPED) == key


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


def reset(values: dict[str, Any]) -> None:
    """Set widgets, by key, back to the values given."""
    st.session_state.update(values)
