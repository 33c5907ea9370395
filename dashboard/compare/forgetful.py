"""The same maps by a network that forgets what it learnt: a good map goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from dashboard.compare.keys import FORGETTING, FORGOTTEN
from dashboard.compare.scaled import ScaledMap
from dashboard.compare.views import View
from dashboard.shared import state
from dashboard.shared.forgetting import ForgettingRequest, show_forgetting, show_wait
from dashboard.shared.jobs import Job
from dashboard.shared.text import plain
from dashboard.shared.widgets import follow
from xaicore import EXPLAINERS
from xaicore.metrics.randomisation import Randomised


@st.fragment
def show_forgetful(maps: Sequence[ScaledMap], view: View) -> None:
    """A strip a panel, once it is asked for: every strip is many maps."""
    st.header("Does it follow the network?", anchor=False)
    st.markdown(
        "Layer by layer, from the last to the first, the network's weights are put into random "
        "order. A map that shows what the network learnt must change with it; one that stays "
        "as it was shows the photo, not the network."
    )
    if not st.toggle("Let the network forget", key=FORGETTING, bind="query-params"):
        return
    for one in maps:
        request = ForgettingRequest(one.panel.request)
        seat = state.seat(FORGOTTEN, one.panel.letter)
        follow(
            partial(request.map.holder.memory.follow, request, seat),
            partial(_show_strip, one, view),
        )


def _show_strip(one: ScaledMap, view: View, found: Randomised | Job[Randomised]) -> None:
    request = one.panel.request
    if isinstance(found, Job):
        show_wait(found, f"{plain(one.panel.label)}: the network forgets, layer by layer")
        return
    signed = view.look.signed and EXPLAINERS[request.explainer].signed
    show_forgetting(request, found, replace(view.look, signed=signed))
