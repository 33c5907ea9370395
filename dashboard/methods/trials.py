"""Examples of metrics that look at the map alone, or try it out: each with what it is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
import torch

from dashboard.methods.keys import TRIALS
from dashboard.methods.pieces import EXAMPLE_PIXELS, say_score
from dashboard.shared import state
from dashboard.shared.forgetting import ForgettingRequest, remake_of, show_forgetting, show_wait
from dashboard.shared.jobs import Job
from dashboard.shared.maps import MapRequest, draw, request_map
from dashboard.shared.photos import to_batch
from dashboard.shared.state import Choices
from dashboard.shared.text import plain
from dashboard.shared.turns import Kind
from dashboard.shared.widgets import follow, show_picture
from xaicore import EXPLAINERS, Metric
from xaicore.formatting import format_number
from xaicore.identity import canonical
from xaicore.metrics.base import PerturbationProtocol, PerturbationTrace
from xaicore.metrics.perturbation import trace_maps
from xaicore.metrics.randomisation import Randomised
from xaicore.metrics.road import ORDERS, SHARES, pictures_without
from xaicore.metrics.stability import Changed, change
from xaicore.metrics.tracing import trace_needs
from xaicore.progress import Progress
from xaicore.render import Look, render, to_picture

# Places among ROAD's shares whose pictures are shown.
SHOWN = (0, 4, 8)
SMALL_PIXELS = 90


@dataclass(frozen=True)
class Removal:
    """ROAD's trace of one map, and the pictures [2, shown, H, W, 3] behind some of it."""

    trace: PerturbationTrace
    pictures: np.ndarray


def _remove(asked: MapRequest, batch: torch.Tensor, progress: Progress) -> Removal:
    classes = torch.tensor([asked.class_index])
    maps = remake_of(asked)(asked.classifier, batch, classes)
    trace = trace_needs(
        asked.classifier,
        batch,
        maps,
        classes,
        PerturbationProtocol(),
        {"imputed"},
        progress=progress,
    )
    shares = [SHARES[place] for place in SHOWN]
    return Removal(trace, pictures_without(asked.classifier, batch, maps[0], shares))


def _change(asked: MapRequest, batch: torch.Tensor, progress: Progress) -> Changed:
    return change(remake_of(asked), asked.classifier, batch, asked.class_index)


@dataclass(frozen=True)
class TrialRequest:
    """A map tried out in one way; ``work`` gets the map, the photo and progress."""

    map: MapRequest
    work: Callable[[MapRequest, torch.Tensor, Progress], Any]
    kind = Kind.SLOW_MAP

    @property
    def key(self) -> str:
        return canonical([self.map.key, self.work.__name__])

    def prepare(self) -> Callable[[Progress], Any]:
        batch = to_batch(self.map.classifier, self.map.photo)
        return lambda progress: self.work(self.map, batch, progress)


def show_concentration(metric: Metric, choices: Choices, method: str) -> None:
    """The map, and how much of it lies on few pixels."""
    asked = request_map(choices, method, {})
    maps = asked.holder.memory.answer(asked).maps
    batch = to_batch(asked.classifier, asked.photo)
    trace = trace_maps(asked.classifier, batch, maps, [asked.class_index], needs=metric.needs)
    picture = draw(asked, maps[0], _look(choices, method))
    alt = f"{EXPLAINERS[method].label}'s map, laid over the photo."
    show_picture(picture, alt, EXAMPLE_PIXELS)
    say_score(metric, float(metric.compute(trace)[0]), metric.caveat(trace))


def show_road(metric: Metric, choices: Choices, method: str) -> None:
    """The photo without pixels, filled in, and what the network says of it."""
    request = TrialRequest(request_map(choices, method, {}), _remove)
    _follow(request, "Removing pixels", partial(_show_removal, metric, choices))


def _show_removal(metric: Metric, choices: Choices, found: Removal) -> None:
    for order, words in enumerate(ORDERS):
        st.markdown(f"{words.capitalize()}:")
        row = st.grid(len(SHOWN), min_column_width=SMALL_PIXELS)
        for place, picture in zip(SHOWN, found.pictures[order], strict=True):
            p = found.trace.read("imputed")[0, order, place]
            told = f"{SHARES[place]:.0%} gone: {choices.said} {p:.3f}"
            with row.cell():
                shown = to_picture(picture, (EXAMPLE_PIXELS, EXAMPLE_PIXELS))
                show_picture(shown, f"The photo, {words}, {told}.")
                st.caption(told)
    say_score(metric, float(metric.compute(found.trace)[0]), metric.caveat(found.trace))


def show_randomisation(metric: Metric, choices: Choices, method: str) -> None:
    """The map while the network forgets."""
    request = ForgettingRequest(request_map(choices, method, {}))

    def show(found: Randomised) -> None:
        show_forgetting(request.map, found, _look(choices, method))
        say_score(metric, float(found.scores[0]), "")

    _follow(request, "The network forgets, layer by layer", show)


def show_stability(metric: Metric, choices: Choices, method: str) -> None:
    """The map beside that of the changed photo that it differs from most."""
    request = TrialRequest(request_map(choices, method, {}), _change)
    _follow(request, "Changing the photo", partial(_show_change, metric, choices, request.map))


def _show_change(metric: Metric, choices: Choices, asked: MapRequest, found: Changed) -> None:
    if len(found.changes):
        most = 1 + int(found.changes.argmax())
        titles = ("The map of the photo", "The map of the photo, changed by too little to see")
        cells = st.grid(2, min_column_width=SMALL_PIXELS)
        for place, title in zip((0, most), titles, strict=True):
            with cells.cell():
                _show_copy(asked, found, place, title, _look(choices, asked.explainer))
    say_score(metric, found.score, "" if len(found.changes) else "Every change moves the answer.")
    st.caption(f"Of {len(found.changes)} changes that leave the answer alone, the largest.")


def _show_copy(asked: MapRequest, found: Changed, place: int, title: str, look: Look) -> None:
    classifier = asked.classifier
    photo = torch.from_numpy(found.photos[[place]])
    p = classifier.predict(photo)[0, asked.class_index]
    colours = classifier.denormalise(photo)[0].clamp(0, 1).permute(1, 2, 0).numpy()
    picture = to_picture(colours, (EXAMPLE_PIXELS, EXAMPLE_PIXELS))
    told = f"{title}: {plain(classifier.labels[asked.class_index])} {format_number(float(p))}"
    show_picture(render(picture, found.maps[place], look), f"{told}.")
    st.caption(told)


def _look(choices: Choices, method: str) -> Look:
    return replace(choices.look, signed=choices.look.signed and EXPLAINERS[method].signed)


def _follow(request: Any, words: str, show: Callable[[Any], None]) -> None:
    """Show what a request finds, or how far the work is, in the background."""

    def show_or_wait(found: Any) -> None:
        if isinstance(found, Job):
            show_wait(found, words)
        else:
            show(found)

    follow(partial(request.map.holder.memory.follow, request, state.seat(TRIALS, "")), show_or_wait)
