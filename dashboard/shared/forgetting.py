"""What becomes of a map while the network forgets what it learnt, layer by layer, as a strip."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st
import torch

from dashboard.shared.jobs import Job
from dashboard.shared.maps import MapRequest, draw
from dashboard.shared.photos import to_batch
from dashboard.shared.text import plain
from dashboard.shared.turns import Kind
from dashboard.shared.widgets import show_picture
from xaicore import EXPLAINERS
from xaicore.formatting import format_number
from xaicore.identity import canonical
from xaicore.metrics.randomisation import Randomised, randomise
from xaicore.metrics.remaking import Remake, by_method
from xaicore.progress import Progress
from xaicore.render import Look

CELL_PIXELS = 120
# Mean rank correlations up to which a map is said to follow the network, and to do so in part.
FOLLOWING = (
    (0.2, "follows the network"),
    (0.5, "follows the network in part"),
    (1.0, "hardly follows the network: much of it is there whatever the network learnt"),
)


@dataclass(frozen=True)
class ForgettingRequest:
    """A map made once more by ever more random twins of its network."""

    map: MapRequest
    kind = Kind.SLOW_MAP

    @property
    def key(self) -> str:
        return canonical([self.map.key, "forgetting"])

    def prepare(self) -> Callable[[Progress], Randomised]:
        asked = self.map
        batch = to_batch(asked.classifier, asked.photo)
        classes = torch.tensor([asked.class_index], device=asked.classifier.device)

        def perform(progress: Progress) -> Randomised:
            remake = remake_of(asked)
            return randomise(remake, asked.classifier, batch, classes, progress=progress)

        return perform


def remake_of(asked: MapRequest) -> Remake:
    """Makes maps as this one is made."""
    return by_method(asked.explainer, target=asked.score, **asked.parameters)


def show_wait(job: Job, words: str) -> None:
    """How far a job is, or why it could not be done."""
    if job.error:
        st.error(plain(job.error))
    else:
        st.progress(job.share, text=words)


def show_forgetting(asked: MapRequest, found: Randomised, look: Look) -> None:
    """The map, then those of networks with ever more random layers, and how alike they are."""
    label = EXPLAINERS[asked.explainer].label
    words = ["The network as it is"]
    for layers, correlation in zip(found.layers, found.correlations[0], strict=True):
        words.append(f"Last {layers} of {found.total} layers random: {_say(correlation)}")
    columns = st.grid(len(words), min_column_width=CELL_PIXELS)
    for saliency, told in zip(found.maps[0], words, strict=True):
        with columns.cell():
            show_picture(draw(asked, saliency, look), f"{label}. {told}. {asked.photo.alt}")
            st.caption(told)
    st.markdown(follow_sentence(label, float(found.scores[0])))
    st.caption(
        "By the order of the pixels: 1 is the same map, 0 another one altogether, −1 its opposite. "
        f"By its look, whatever is for and what against, the first map stays "
        f"{format_number(float(found.likeness[0]), 2)} like itself (SSIM, 1 is the same)."
    )


def _say(correlation: float) -> str:
    if math.isnan(correlation):
        return "nothing is left to compare"
    if correlation < 0:
        return f"{format_number(correlation, 2)}, rather its opposite"
    return f"still {format_number(correlation, 2)} like the first map"


def follow_sentence(label: str, score: float) -> str:
    """Whether a map follows the network, by its mean rank correlation."""
    if math.isnan(score):
        return f"**{label}** cannot be compared: its maps are the same everywhere."
    words = next((words for most, words in FOLLOWING if score <= most), FOLLOWING[-1][1])
    return f"**{label}** {words}: {format_number(score, 2)} alike on average."
