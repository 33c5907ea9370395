"""Evaluations that were stopped, by hand or with the server, and the way to go on with them."""

from __future__ import annotations

from collections.abc import Iterable

import streamlit as st

from dashboard.leaderboard import keys
from dashboard.leaderboard.evaluate import PROTOCOL, list_samples
from dashboard.shared import state
from xaicore.evaluation.plan import hash_list
from xaicore.evaluation.runs import STOPPED, Run
from xaicore.formatting import plural

MOST = 3


def show_unfinished(found: Iterable[Run]) -> None:
    """The first of the runs that this page can go on with: how far they came, their settings."""
    stopped = [run for run in found if run.status == STOPPED and not run.problem and _is_ours(run)]
    samples = hash_list(list_samples()) if stopped else ""
    for run in stopped[:MOST]:
        of_samples = run.spec["list"] == samples
        photos = "the samples" if of_samples else "the same photos"
        total = plural(run.spec["photos"], "photo")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(
                f"{run.title}: stopped when {run.photos} of {total} were done. "
                f"To go on, evaluate {photos} once more; what is done is kept."
            )
            st.button(
                "Go on",
                key=f"go-on-{run.id}",
                icon=":material/play_arrow:",
                on_click=state.reset,
                args=(_settings(run, of_samples),),
            )


def _is_ours(run: Run) -> bool:
    """Whether its settings can be made on this page; others go on by their command."""
    return run.spec["protocol"] == PROTOCOL.settings and not run.spec["mosaics"]


def _settings(run: Run, of_samples: bool) -> dict[str, object]:
    """The form as it was when the run began, by widget."""
    return {
        keys.VIEW: "evaluate",
        keys.EVALUATE: "samples" if of_samples else "own",
        keys.EVALUATE_METHODS: run.spec["methods"],
        keys.EVALUATE_METRICS: run.spec["metrics"],
        keys.EVALUATE_CONTROLS: run.spec["controls"],
        keys.EVALUATE_TITLE: run.title,
    }
