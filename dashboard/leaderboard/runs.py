"""Evaluations for the pages: the store, the queue, and results remembered by run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from dashboard.leaderboard.queue import Queue
from dashboard.leaderboard.spool import AtHand, Spool
from dashboard.shared.bounds import bounds
from dashboard.shared.jobs import Job
from dashboard.shared.store import get_patient_store, get_store
from xaicore import Classifier, PetlensError
from xaicore.evaluation.evaluate import evaluate
from xaicore.evaluation.plan import Plan
from xaicore.evaluation.results import (
    BUNDLED_RESULTS,
    Results,
    load_results,
    problem_of,
    results_of,
)
from xaicore.evaluation.runs import Run
from xaicore.formatting import plural
from xaicore.leaderboard.board import Board, average_focus, average_seconds, summarise
from xaicore.leaderboard.parts import split_by_class, split_by_confidence, split_by_correctness
from xaicore.leaderboard.tables import Columns, columns_of
from xaicore.progress import Progress

# The results that come with Petlens, by the id of their run.
FIRST = "bundled"
BUNDLED = {FIRST: BUNDLED_RESULTS, "further": BUNDLED_RESULTS / "further"}
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


def list_runs() -> dict[str, Run]:
    """All runs by their id, newest first, with the problem of those that cannot be read."""
    return {run.id: replace(run, problem=problem_of(run)) for run in get_store().runs()}


def name_of(id: str, own: Mapping[str, Run]) -> str:
    """What a run is called in lists."""
    if id in BUNDLED:
        return get_bundled(id).about["title"] + " (came with Petlens)"
    run = own[id]
    if run.problem:
        return f"{run.title}, cannot be read: {run.problem}"
    return f"{run.title}, {run.started:%Y-%m-%d %H:%M}"


def get_results(id: str, own: Mapping[str, Run]) -> Results:
    """A run's results so far; raises a :class:`PetlensError` where they cannot be read."""
    if id in BUNDLED:
        return get_bundled(id)
    run = own[id]
    return _results(run.id, run.photos, run.title, run.note, run.status, run)


@st.cache_data(show_spinner=False)
def get_bundled(id: str = FIRST) -> Results:
    """Results that came with Petlens."""
    return load_results(BUNDLED[id])


@st.cache_data(max_entries=16, show_spinner="Reading the run")
def _results(run_id: str, photos: int, title: str, note: str, status: str, _run: Run) -> Results:
    return results_of(get_store(), _run)


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


def start(classifier: Classifier, photos: Sequence[AtHand], plan: Plan) -> Job[Run]:
    """Queue an evaluation; it goes on when the page is closed.

    Raises a :class:`PetlensError` when as many wait as may.
    """
    # The worker must not reach into Streamlit: all it needs is fetched here.
    store = get_patient_store()
    most = bounds().evaluations
    if len(get_queue().running) >= most:
        raise PetlensError(
            f"{plural(most, 'evaluation')} wait or run here, the most at a time. Try again when "
            "one has ended: the bars below the results show how long that takes."
        )
    spool = Spool(photos)

    def work(progress: Progress) -> Run:
        with spool:
            return evaluate(classifier, spool.photos, plan, store, progress)

    return get_queue().submit(plan.title, len(photos), work)
