"""Evaluations that were stopped, by hand or with the server, and the way to go on with them."""

from __future__ import annotations

import streamlit as st

from dashboard.leaderboard import keys, runs
from dashboard.leaderboard.evaluate import PROTOCOL, list_samples
from dashboard.shared import state
from xaicore.evaluation.plan import hash_list
from xaicore.evaluation.runs import Run

MOST = 3


def show_unfinished() -> None:
    """The last ones that this page can go on with: how far they came, and their settings back."""
    stopped = [run for run in runs.list_stopped() if _is_ours(run)]
    for run in stopped[:MOST]:
        of_samples = run.spec["list"] == hash_list(list_samples())
        photos = "the samples" if of_samples else "the same photos"
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(
                f"{run.title}: stopped when {run.photos} of {run.spec['photos']} photos were done. "
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
