"""The Methods page's own session and URL keys."""

from __future__ import annotations

CHAPTER = "chapter"
LESSON = "lesson"
METRIC_LESSON = "metric"
LESSON_METHOD = "lesson-method"
LESSON_STEP = "lesson-step"
LESSON_CLASS = "lesson-class"
LESSON_CONTROL = "lesson-control"

# A kind of seat: what this visitor waits for here.
TRIALS = "trials"


def lesson_key(name: str, parameter: str) -> str:
    """The key of the widget that sets a method's parameter in its lesson."""
    return f"lesson-{name}-{parameter}"
