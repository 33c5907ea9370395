"""Evaluations for the pages: the store, the queue, and results remembered by run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from dashboard.leaderboard.queue import Queue
from dashboard.shared.jobs import Job
from dashboard.shared.store import get_store
from xaicore import Classifier
from xaicore.evaluation.evaluate import evaluate
from xaicore.evaluation.plan import Plan
from xaicore.evaluation.results import BUNDLED_RESULTS, Results, load_results, results_of
from xaicore.evaluation.store import Run
from xaicore.leaderboard.board import Board, average_focus, average_seconds, summarise
from xaicore.leaderboard.parts import split_by_class, split_by_confidence, split_by_correctness
from xaicore.leaderboard.tables import Columns, columns_of
from xaicore.progress import Progress
from xaicore.training.dataset import PhotoBytes

# The results that come with Petlens, by the id of their run.
BUNDLED = {"bundled": BUNDLED_RESULTS, "further": BUNDLED_RESULTS / "further"}
EVERYTHING = "all photos"
FOCUS_COLUMN = "Focus ↑"
SECONDS_COLUMN = "Seconds ↓"
_SPLITS: tuple[Callable[[pd.DataFrame], dict[str, pd.DataFrame]], ...] = (
    split_by_class,
    split_by_correctness,
    split_by_confidence,
)


@st.cache_resource(show_spinner=False)
def get_queue() -> Queue:
    """All visitors' evaluations."""
    return Queue()


def list_runs() -> list[Run]:
    """Runs that have a photo, newest first."""
    return [run for run in get_store().runs() if run.photos]


def find_run(id: str) -> Run | None:
    """A visitor's run in the store; none for one that came with Petlens."""
    return None if id in BUNDLED else get_store().run(id)


def get_results(id: str) -> Results:
    """A run's results so far."""
    run = find_run(id)
    return _results(run.id, run.photos, run.title, run.note) if run else _bundled(id)


@st.cache_data(show_spinner=False)
def _bundled(id: str) -> Results:
    return load_results(BUNDLED[id])


@st.cache_data(max_entries=16, show_spinner="Reading the run")
def _results(run_id: str, photos: int, title: str, note: str) -> Results:
    return results_of(get_store(), get_store().run(run_id))


def list_parts(results: Results) -> dict[str, pd.DataFrame]:
    """The rows of all photos, then of every part of them there is, by what they are called."""
    parts = {EVERYTHING: results.rows}
    for split in _SPLITS:
        parts |= split(results.rows)
    return parts


def get_board(results: Results, part: str) -> Board:
    """The board of all photos, or of one part of them."""
    rows = list_parts(results)[part]
    return _board(str(results.about), part, len(rows), rows)


@st.cache_data(max_entries=64, show_spinner="Drawing photos anew, two thousand times")
def _board(about: str, part: str, count: int, _rows: pd.DataFrame) -> Board:
    return summarise(_rows)


def get_columns(results: Results, part: str) -> Columns:
    """The board's cells with Focus, where it was measured, and the seconds."""
    more = {}
    if len(results.focus) and part == EVERYTHING:
        more[FOCUS_COLUMN] = average_focus(results.focus)
    seconds = average_seconds(list_parts(results)[part])
    if seconds:
        more[SECONDS_COLUMN] = seconds
    return columns_of(get_board(results, part), more)


def start(classifier: Classifier, photos: Sequence[PhotoBytes], plan: Plan) -> Job[Run]:
    """Queue an evaluation; it goes on when the page is closed."""
    # The worker must not reach into Streamlit: all it needs is fetched here.
    store = get_store()

    def work(progress: Progress) -> Run:
        return evaluate(classifier, photos, plan, store, progress)

    return get_queue().submit(plan.title, len(photos), work)
