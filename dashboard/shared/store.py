"""The store of this server, for pages: they do without it while it is away, and say so once."""

from __future__ import annotations

import logging

import streamlit as st

from dashboard.shared.jobs import Worker
from dashboard.shared.text import plain
from xaicore.errors import PetlensError
from xaicore.evaluation.patience import CircuitBreaker, Patience
from xaicore.evaluation.store import Store

# A page waits for a store as long as this, and is then at rest from it.
ANSWER_SECONDS = 3.0
REST_SECONDS = 10.0

_log = logging.getLogger(__name__)


@st.cache_resource(show_spinner=False)
def _get_breaker() -> CircuitBreaker:
    return CircuitBreaker(ANSWER_SECONDS, REST_SECONDS)


@st.cache_resource(show_spinner="Opening the store")
def _open() -> Store:
    breaker = _get_breaker()
    return breaker(lambda: Store(patience=breaker))


@st.cache_resource(show_spinner=False)
def get_writer() -> Worker:
    """What writes into the store beside other work, which never waits for it."""
    return Worker("storing")


def get_store() -> Store:
    """The store of this server; raises :class:`StoreError`, and at once while it is away."""
    breaker = _get_breaker()
    breaker.raise_if_away()
    if breaker.fault and not breaker.fault.passing:
        # Something else may lie in its place: it is looked at as if for the first time.
        _open.clear()
    return _open()


def get_patient_store() -> Store:
    """The same for an evaluation, which waits for it."""
    return get_store().patient(Patience(tell=_log.warning))


def find_store() -> Store | None:
    """The store, or none where it cannot be used: maps and curves do without it."""
    try:
        return get_store()
    except PetlensError:
        return None


def say_if_away() -> None:
    """Tell the visitor of a page that does without the store, once."""
    try:
        get_store()
        fault: PetlensError | None = _get_breaker().fault
    except PetlensError as error:
        fault = error
    if fault:
        st.warning(f"{plain(str(fault))} This page does without it.")
