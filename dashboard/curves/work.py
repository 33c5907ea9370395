"""How far the tests are, with a button to stop them."""

from __future__ import annotations

import streamlit as st

from dashboard.curves.results import CurveResults, find_results, key_of
from dashboard.shared import state
from dashboard.shared.state import Choices
from dashboard.shared.text import plain
from dashboard.shared.widgets import POLL_SECONDS
from xaicore import EXPLAINERS
from xaicore.formatting import plural
from xaicore.metrics.base import PerturbationProtocol


def look_up(choices: Choices, protocol: PerturbationProtocol) -> CurveResults:
    """What is known now; the rest is worked on unless the visitor stopped it."""
    return find_results(choices, protocol, not state.stopped(key_of(choices, protocol)))


def show_work(choices: Choices, protocol: PerturbationProtocol, results: CurveResults) -> None:
    """How far the work is; the page is redrawn as more is known."""
    draw = st.fragment(_show, run_every=POLL_SECONDS if results.doing else None)
    draw(choices, protocol, results)


def _show(choices: Choices, protocol: PerturbationProtocol, drawn: CurveResults) -> None:
    results = look_up(choices, protocol) if drawn.doing else drawn
    if (results.count, bool(results.doing)) != (drawn.count, bool(drawn.doing)):
        st.rerun()
    key = key_of(choices, protocol)
    with st.container(horizontal=True, vertical_alignment="center"):
        if results.doing:
            st.progress(results.share, text=results.doing)
            st.button("Stop", icon=":material/stop:", on_click=state.stop_traces, args=(key,))
        elif state.stopped(key):
            st.caption("Stopped: what was not tested yet is missing.", width="content")
            st.button("Go on", icon=":material/play_arrow:", on_click=state.go_on)
        else:
            tested = sum(len(trace.clean) for trace in results.controls.values())
            maps = plural(len(results.traces), "map")
            st.caption(f"Done: {maps}, and {tested} that know nothing, were tested.")
    for name, error in results.errors.items():
        label = EXPLAINERS[name].label if name in EXPLAINERS else name
        st.error(f"{label}: {plain(error)}")
