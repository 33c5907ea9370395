"""A method's card: its overlay over the photo, its proof, and its own settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from dashboard.explain.keys import best_key, reset_key
from dashboard.shared import state
from dashboard.shared.jobs import Job
from dashboard.shared.maps import (
    MapRequest,
    draw,
    obtain,
    offered,
    parameter_keys,
    place_segments,
    request_map,
)
from dashboard.shared.photos import picture_of
from dashboard.shared.state import Card, Choices
from dashboard.shared.text import plain
from dashboard.shared.widgets import (
    choose_on_scale,
    choose_parameter,
    follow,
    show_legend,
    show_missing,
    show_picture,
    show_proof,
)
from xaicore import Explainer, Explanation
from xaicore.explainers.base import SCORES
from xaicore.render import (
    Look,
    draw_outlines,
    keep_best,
    measure_scale,
    missing_evidence,
)

BEST_SUPERPIXELS = (0, 1, 2, 3, 5, 8, 13)
CARD_PIXELS = 190
PAIR_PIXELS = 460


def card_cells(count: int) -> Iterator[DeltaGenerator]:
    """Cells for ``count`` cards: four in a row, two on a tablet, one on a phone."""
    pairs = st.grid(2, min_column_width=PAIR_PIXELS)
    for first in range(0, count, 2):
        with pairs.cell():
            cards = st.grid(2, min_column_width=CARD_PIXELS)
        for _ in range(first, min(first + 2, count)):
            yield cards.cell()


@st.fragment
def show_card(explainer: Explainer, choices: Choices) -> None:
    """One method; redrawn alone when its settings change."""
    st.subheader(explainer.label, anchor=False)
    place = st.container()
    st.caption(explainer.summary)
    with st.expander("Tune", icon=":material/tune:"):
        own = [offered(choices.network.classifier, entry) for entry in explainer.parameters]
        keys = parameter_keys(explainer, choices.network)
        parameters = {entry.name: choose_parameter(keys[entry.name], entry) for entry in own}
        best = _choose_best(explainer) if "superpixels" in parameters else 0
        defaults = {entry.name: entry.default for entry in own}
        st.button(
            "Reset",
            key=reset_key(explainer),
            type="tertiary",
            icon=":material/restart_alt:",
            on_click=state.reset,
            args=({keys[name]: value for name, value in defaults.items()},),
            disabled=parameters == defaults,
        )
    request = request_map(choices, explainer.name, parameters)
    with place:
        follow(
            partial(obtain, request, state.MAPS, explainer.name),
            partial(_show_map, explainer, choices, best, request),
        )


def _choose_best(explainer: Explainer) -> int:
    """How many of the best superpixels to show; 0 for all."""
    return choose_on_scale(
        "Superpixels to show",
        BEST_SUPERPIXELS,
        lambda count: f"best {count}" if count else "all",
        best_key(explainer),
        help="Shows only those that speak most for the class, with their outlines.",
    )


def _show_map(
    explainer: Explainer,
    choices: Choices,
    best: int,
    request: MapRequest,
    found: Explanation | Job[Explanation],
) -> None:
    if isinstance(found, Explanation):
        look = _fitting_look(explainer, choices, best)
        state.cards()[explainer.name] = Card(found, partial(_draw, look, best, request, found))
        _show_finished(explainer, choices, best, state.cards()[explainer.name])
    elif found.error:
        st.error(plain(found.error))
    else:
        _show_unfinished(explainer, choices, request, found)


def _show_unfinished(
    explainer: Explainer, choices: Choices, request: MapRequest, job: Job[Explanation]
) -> None:
    look = _fitting_look(explainer, choices)
    picture = picture_of(choices.photo)
    if job.partial is not None:
        picture = draw(request, job.partial[0], look)
    _show_overlay(picture, explainer, choices)
    show_legend(look, choices.label)
    waiting = "Working, or waiting for its turn"
    st.progress(job.share, text=f"{job.done:,} of {job.total:,}" if job.total else waiting)


def _draw(look: Look, best: int, request: MapRequest, explanation: Explanation) -> Image.Image:
    """The map over its photo; with the ``best`` superpixels only, where that is asked for."""
    saliency = explanation.maps[0]
    if not best:
        return draw(request, saliency, look)
    segments = explanation.extras["segments"][0]
    scale = None if missing_evidence(saliency, look) else measure_scale(saliency, look)
    picture = draw(request, keep_best(saliency, segments, best), look, scale)
    return draw_outlines(picture, place_segments(request, segments))


def _show_finished(explainer: Explainer, choices: Choices, best: int, card: Card) -> None:
    look = _fitting_look(explainer, choices, best)
    _show_overlay(card.picture, explainer, choices)
    missing = missing_evidence(card.explanation.maps[0], look)
    if missing:
        show_missing(missing)
    else:
        show_legend(look, choices.label)
    show_proof(explainer, card.explanation)
    seconds = card.explanation.checks["seconds"][0]
    explained = SCORES[card.explanation.settings["target"]]
    st.caption(f"Explains {explained}. Took {seconds:.2f} s.")


def _fitting_look(explainer: Explainer, choices: Choices, best: int = 0) -> Look:
    """Positive-only where the method, or the choice of the best superpixels, knows nothing else."""
    look = choices.look
    return replace(look, signed=look.signed and explainer.signed and not best)


def _show_overlay(picture: Image.Image, explainer: Explainer, choices: Choices) -> None:
    alt = f"What speaks for {choices.label} by {explainer.label}, laid over the photo."
    show_picture(picture, f"{alt} {choices.photo.alt}")
