"""Evaluations of this server that are queued, at work, or have just ended."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.leaderboard import runs
from dashboard.leaderboard.keys import PART, RUN
from dashboard.leaderboard.runs import EVERYTHING
from dashboard.shared import state
from dashboard.shared.jobs import Job
from dashboard.shared.text import plain
from xaicore.evaluation.runs import DONE, Run
from xaicore.formatting import plural

POLL_SECONDS = 1.0
MOST_ENDED = 3
# Longer than this is told in minutes.
MOST_SECONDS = 90


def show_queue() -> None:
    """How far each is, and what became of the last ones."""
    running = runs.get_queue().running
    if running:
        st.fragment(_watch, run_every=POLL_SECONDS)([one.id for one in running])
    for done in runs.get_queue().ended[:MOST_ENDED]:
        _say_ended(done)


def _watch(ids: Sequence[str]) -> None:
    queue = runs.get_queue()
    if [one.id for one in queue.running] != list(ids):
        st.rerun()
    for one in queue.running:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(one.share, text=_say_progress(one, queue.ahead_of(one)))
            st.button(
                "Cancel",
                key=f"cancel-{one.id}",
                on_click=one.cancel,
                icon=":material/stop:",
                disabled=one.cancelled,
            )


def _say_progress(one: Job[Run], ahead: int) -> str:
    if ahead:
        return f"{plain(one.title)}: waiting, number {ahead + 1} in the queue"
    if one.cancelled:
        return f"{plain(one.title)}: stopping"
    known = f", {one.before} of them finished before" if one.before else ""
    done = f"{one.done} of {plural(one.total, 'photo')}"
    return f"{plain(one.title)}: {done}{known}{_say_rest(one.seconds_left)}"


def _say_rest(seconds: float | None) -> str:
    if not seconds:
        return ""
    left = f"{seconds / 60:.0f} min" if seconds > MOST_SECONDS else f"{seconds:.0f} s"
    return f", about {left} left"


def _say_ended(one: Job[Run]) -> None:
    if one.error:
        st.error(plain(f"{one.title}: {one.error}"))
    elif one.result:
        unread = f" {one.partial} could not be read." if one.partial else ""
        ended = "was finished before" if one.before == one.total else "done"
        with st.container(horizontal=True, vertical_alignment="center"):
            st.success(f"{plain(one.title)}: {ended}.{unread}", icon=":material/check_circle:")
            if one.result.status == DONE:
                st.button(
                    "Show it",
                    key=f"show-{one.id}",
                    on_click=state.reset,
                    args=({RUN: one.result.id, PART: EVERYTHING},),
                )
