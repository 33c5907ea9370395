"""The chapters: which cards they hold, and what belongs to a card."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dashboard.methods.examples import (
    show_control_example,
    show_focus_example,
    show_method_example,
    show_metric_example,
)
from dashboard.methods.keys import LESSON, METRIC_LESSON
from dashboard.methods.lessons import Lesson, read_lesson
from dashboard.methods.text import show_parameters
from dashboard.shared.state import Choices
from xaicore import EXPLAINERS, METRICS
from xaicore.metrics.focus import CITATION

FOCUS = "focus"
CONTROLS = "controls"
METRIC_LABELS = {name: metric.label for name, metric in METRICS.items()} | {FOCUS: "Focus"}


@dataclass(frozen=True)
class Chapter:
    """Cards by name; ``key`` is that of the widget that chooses one, where there are several.

    ``proof_title`` says what a lesson's proof is about.
    """

    title: str
    cards: Mapping[str, str]
    key: str
    proof_title: str
    read: Callable[[str], Lesson]
    cite: Callable[[str], str]
    show_more: Callable[[str], None]
    show_example: Callable[[str, Choices], None]


def _read_metric(name: str) -> Lesson:
    return read_lesson(name, METRICS[name].summary if name in METRICS else "")


def _cite_metric(name: str) -> str:
    return METRICS[name].citation if name in METRICS else CITATION


def _show_metric_example(name: str, choices: Choices) -> None:
    if name in METRICS:
        show_metric_example(METRICS[name], choices)
    else:
        show_focus_example(choices)


def _show_nothing(name: str) -> None:
    """A card whose lesson says it all."""


CHAPTERS = {
    "methods": Chapter(
        "Explanation methods",
        {name: explainer.label for name, explainer in EXPLAINERS.items()},
        LESSON,
        "What the proof line means",
        lambda name: read_lesson(name, EXPLAINERS[name].summary),
        lambda name: EXPLAINERS[name].citation,
        lambda name: show_parameters(EXPLAINERS[name]),
        lambda name, choices: show_method_example(EXPLAINERS[name], choices),
    ),
    "metrics": Chapter(
        "Metrics",
        METRIC_LABELS,
        METRIC_LESSON,
        "How to read it",
        _read_metric,
        _cite_metric,
        _show_nothing,
        _show_metric_example,
    ),
    "controls": Chapter(
        "Maps that know nothing",
        {CONTROLS: "Maps that know nothing"},
        "",
        "How to read it",
        read_lesson,
        lambda name: "",
        _show_nothing,
        lambda name, choices: show_control_example(choices),
    ),
}
