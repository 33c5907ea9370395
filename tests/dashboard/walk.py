"""Walking through the pages without a browser."""

from __future__ import annotations

from typing import Any

from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from dashboard.shared import state
from dashboard.shared.jobs import Job
from tools.browser import ROUTER

PATIENCE = 300


def visit(name: str) -> AppTest:
    """The dashboard before its first run, on the page of this name."""
    app = AppTest.from_file(str(ROUTER), default_timeout=PATIENCE)
    # A page's address names it; AppTest can only switch by address once the app has run.
    app._page_hash = calc_hash(name) if name != "explain" else ""
    return app


def words(app: AppTest) -> str:
    """A page's title, texts and captions."""
    return "\n".join(element.value for element in [*app.title, *app.markdown, *app.caption])


def jobs_of(app: AppTest, *kinds: str) -> list[Job[Any]]:
    """What the visitor waits for, of these kinds, or of all."""
    if state._SEATS not in app.session_state:
        return []
    seats = app.session_state[state._SEATS]
    return [
        seat.job for kind in kinds or seats for seat in seats.get(kind, {}).values() if seat.job
    ]
