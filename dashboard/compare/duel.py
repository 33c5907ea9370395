"""Two maps against each other, refereed by the network: on this photo, and over the samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

import xaicore
from dashboard.compare.keys import SAMPLE_MAPS, SAMPLES
from dashboard.compare.scaled import ScaledMap, find_pair
from dashboard.compare.views import View
from dashboard.shared import state
from dashboard.shared.holders import holder_of
from dashboard.shared.jobs import Job
from dashboard.shared.maps import MapRequest
from dashboard.shared.photos import Photo, load_samples, picture_of, to_batch
from dashboard.shared.text import plain
from dashboard.shared.turns import Kind
from dashboard.shared.widgets import follow, show_picture
from xaicore import EXPLAINERS, Classifier
from xaicore.comparison.duel import Duel, WinRate, delete, duel, only_areas, win_rate
from xaicore.identity import canonical
from xaicore.progress import Progress
from xaicore.render import to_picture

DUEL_PIXELS = 240


@st.fragment
def show_duel(peers: Sequence[ScaledMap], view: View) -> None:
    st.header("Duel", anchor=False)
    st.markdown(
        "From the photo are deleted what only the one map, and then what only the other, finds "
        "most important: equal areas. The map wins whose area the network misses more."
    )
    pair = find_pair(peers, view)
    if not pair or pair[0].panel.request.class_index != pair[1].panel.request.class_index:
        st.info("A duel needs two different finished maps of one photo and one class.")
        return
    empty = [one.panel.label for one in pair if np.ptp(one.saliency) == 0]
    if empty:
        st.info(f"No duel: the map of {' and of '.join(empty)} is the same everywhere.")
        return
    _show_on_photo(pair, view.share)
    _show_over_samples(pair, view.share)


def _show_on_photo(pair: tuple[ScaledMap, ScaledMap], share: float) -> None:
    request = pair[0].panel.request
    classifier, photo = request.classifier, request.photo
    maps = (pair[0].saliency, pair[1].saliency)
    batch = to_batch(classifier, photo)
    found = duel(classifier, batch, maps[0][None], maps[1][None], [request.class_index], share)
    label = plain(classifier.labels[request.class_index])
    st.markdown(_duel_sentence(found, pair, label))
    if not found.area[0]:
        return
    picture = picture_of(photo)
    before, *without = (float(p[0]) for p in (found.before, found.without_a, found.without_b))
    grid = st.grid(3, min_column_width=DUEL_PIXELS // 2, width=3 * DUEL_PIXELS)
    with grid.cell():
        show_picture(picture, photo.alt)
        st.caption(f"The whole photo: {before:.1%} {label}")
    for one, area, left in zip(pair, only_areas(*maps, share), without, strict=True):
        with grid.cell():
            words = f"Without what only {one.panel.label} found"
            show_picture(
                _draw_without(classifier, photo, area, picture.size), f"{words}. {photo.alt}"
            )
            st.caption(f"{plain(words)}: {left:.1%} {label}")


def _draw_without(
    classifier: Classifier, photo: Photo, area: np.ndarray, size: tuple[int, int]
) -> Image.Image:
    """What the network sees of a photo without an area, bool [h, w], at a picture's size."""
    colours = classifier.denormalise(delete(to_batch(classifier, photo), area[None]))[0]
    return to_picture(colours.clamp(0, 1).permute(1, 2, 0).cpu().numpy(), size)


def _duel_sentence(found: Duel, pair: tuple[ScaledMap, ScaledMap], label: str) -> str:
    """How a duel over one photo went."""
    a, b = (plain(one.panel.label) for one in pair)
    if not found.area[0]:
        return f"{a} and {b} find the same pixels most important: there is nothing to duel over."
    outcome = {
        1: f"**{a} wins on this photo, by {_points(found)}.**",
        -1: f"**{b} wins on this photo, by {_points(found)}.**",
        0: "**It is a draw on this photo.**",
    }[int(found.winners[0])]
    missed = min(found.without_a[0], found.without_b[0]) < found.before[0]
    return (
        f"{outcome} Without the {found.area[0]:,} pixels that only {a} found, the probability of "
        f"{label} goes from {found.before[0]:.1%} to {found.without_a[0]:.1%}; without the "
        f"{found.area[0]:,} that only {b} found, to {found.without_b[0]:.1%}."
        f"{'' if missed else ' The network misses neither.'}"
    )


def _points(found: Duel) -> str:
    """How far apart the two probabilities are."""
    # Of the figures as they are printed.
    a, b = (round(100 * float(p[0]), 1) for p in (found.without_a, found.without_b))
    return f"{abs(a - b):.1f} percentage points" if a != b else "less than 0.1 percentage points"


@dataclass(frozen=True)
class SampleMapsRequest:
    """One method's maps of all sample photos, each of the class the network predicts."""

    classifier: Classifier
    explainer: str
    parameters: dict[str, Any]
    score: str | None = None
    kind = Kind.SLOW_MAP

    @classmethod
    def like(cls, request: MapRequest) -> SampleMapsRequest:
        return cls(request.classifier, request.explainer, request.parameters, request.score)

    @property
    def key(self) -> str:
        """Everything the maps depend on, as one short string."""
        settings = [self.explainer, self.parameters, self.score]
        return canonical([self.classifier.fingerprint, "samples", *settings])

    def prepare(self) -> Callable[[Progress], np.ndarray]:
        batch = to_batch(self.classifier, *load_samples().values())

        def perform(progress: Progress) -> np.ndarray:
            return xaicore.explain(
                self.classifier,
                batch,
                self.explainer,
                target=self.score,
                progress=progress,
                **self.parameters,
            ).maps

        return perform


def _show_over_samples(pair: tuple[ScaledMap, ScaledMap], share: float) -> None:
    """The same duel over all sample photos; slow methods on request only."""
    count = len(load_samples())
    slow = any(EXPLAINERS[one.panel.request.explainer].slow for one in pair)
    if slow and not st.toggle(f"Also over the {count} sample photos", key=SAMPLES):
        return
    follow(partial(_look_up, pair), partial(_show_rate, pair, share))


def _look_up(pair: tuple[ScaledMap, ScaledMap]) -> Job[np.ndarray] | list[np.ndarray]:
    """Both maps of the samples, or the first job that is not done, or failed."""
    requests = [SampleMapsRequest.like(one.panel.request) for one in pair]
    found = [
        holder_of(None, request.classifier).memory.follow(request, state.seat(SAMPLE_MAPS, place))
        for request, place in zip(requests, "ab", strict=True)
    ]
    jobs = [one for one in found if isinstance(one, Job)]
    failed = [job for job in jobs if job.error]
    return next(iter(failed or jobs), None) or [one for one in found if isinstance(one, np.ndarray)]


def _show_rate(
    pair: tuple[ScaledMap, ScaledMap], share: float, found: Job[np.ndarray] | list[np.ndarray]
) -> None:
    """The win rate over the samples, or how far it is."""
    if isinstance(found, Job):
        if found.error:
            st.error(plain(found.error))
        else:
            st.progress(found.share, text="Explaining the sample photos")
        return
    a, b = found
    classifier = pair[0].panel.request.classifier
    duels = duel(classifier, to_batch(classifier, *load_samples().values()), a, b, share=share)
    names = (pair[0].panel.label, pair[1].panel.label)
    st.markdown(_rate_sentence(win_rate(duels.winners), names))


def _rate_sentence(rate: WinRate, names: tuple[str, str]) -> str:
    """How duels over many photos went, and whether that says anything."""
    a, b = names
    count = rate.wins + rate.losses + rate.draws
    counted = f"Over the {count} sample photos, each for the class the network predicts: "
    counted += f"{a} wins {rate.wins}, {b} wins {rate.losses}"
    counted += f", {rate.draws} drawn." if rate.draws else "."
    if math.isnan(rate.rate):
        return f"{counted} No photo was decided."
    told = (
        "so they cannot be told apart on so few"
        if rate.low <= 0.5 <= rate.high
        else (f"so {a if rate.rate > 0.5 else b} is ahead")
    )
    return (
        f"{counted} The win rate of {a} is {rate.rate:.0%} (95% interval {rate.low:.0%} to "
        f"{rate.high:.0%}), {told}."
    )
