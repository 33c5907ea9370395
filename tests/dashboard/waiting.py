"""Waiting for what a page left to the background."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest

from dashboard.shared import state
from dashboard.shared.jobs import Job


def jobs_of(app: AppTest, *kinds: str) -> list[Job[Any]]:
    """What the visitor waits for, of these kinds, or of all."""
    if state._SEATS not in app.session_state:
        return []
    seats = app.session_state[state._SEATS]
    return [
        seat.job for kind in kinds or seats for seat in seats.get(kind, {}).values() if seat.job
    ]
