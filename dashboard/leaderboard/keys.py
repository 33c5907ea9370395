"""The Leaderboard page's own session and URL keys."""

from __future__ import annotations

RUN = "run"
PART = "part"
OTHER_RUN = "other-run"
VIEW = "board"
ACROSS = "across"
UP = "up"
DISTRIBUTION = "distribution"
READING = "reading"
EVALUATE = "evaluate"
EVALUATE_METHODS = "evaluate-methods"
EVALUATE_METRICS = "evaluate-metrics"
EVALUATE_CONTROLS = "evaluate-controls"
EVALUATE_TITLE = "evaluate-title"
EVALUATE_FILES = "evaluate-files"
EVALUATE_PHOTOS = "evaluate-photos"
EVALUATE_NAMES = "evaluate-names"
EVALUATE_START = "evaluate-start"


def sure_key(run_id: str) -> str:
    """The key of the box that must be ticked before a run is deleted."""
    return f"sure-{run_id}"
