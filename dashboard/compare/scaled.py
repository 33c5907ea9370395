"""Maps on a common scale, and what full colour stands for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dashboard.compare.panels import Panel
from dashboard.compare.viewer import Reading
from dashboard.compare.views import View
from dashboard.shared.maps import place, place_segments
from xaicore import Explanation
from xaicore.render import Look, measure_scale, missing_evidence


@dataclass(frozen=True)
class ScaledMap:
    """A panel's map of the photo on the common scale, float64 [H, W].

    ``scale`` is the raw value of 1; ``reach`` is the 99th percentile of its |values|; ``missing``
    says why there is nothing to see, where there is not.
    """

    panel: Panel
    explanation: Explanation
    values: np.ndarray
    scale: float
    reach: float
    missing: str

    @property
    def saliency(self) -> np.ndarray:
        return self.explanation.maps[0]

    @property
    def key(self) -> str:
        return f"{self.panel.request.key} {self.scale}"

    def reading(self) -> Reading:
        segments = self.explanation.extras.get("segments")
        blocks = None if segments is None else place_segments(self.panel.request, segments[0])
        return Reading(self.panel.label, self.panel.colour, self.values, self.scale, blocks)


def scale_map(
    panel: Panel, explanation: Explanation, look: Look, scale: float | None = None
) -> ScaledMap:
    """Put a map on a scale: 1 is ``scale``, by default the 99th percentile of its own |values|."""
    saliency = explanation.maps[0]
    missing = missing_evidence(saliency, look)
    if missing:
        nothing = place(panel.request, np.zeros(saliency.shape))
        return ScaledMap(panel, explanation, nothing, 1.0, 0.0, missing)
    own = measure_scale(saliency, look)
    scale = scale or own
    values = place(panel.request, look.apply(saliency) / scale)
    return ScaledMap(panel, explanation, values, scale, own / scale, "")


def find_pair(peers: Sequence[ScaledMap], view: View) -> tuple[ScaledMap, ScaledMap] | None:
    """The two maps that the visitor chose as a pair, if both are finished and not the same."""
    by_letter = {one.panel.letter: one for one in peers}
    first, second = view.pair
    if first == second or first not in by_letter or second not in by_letter:
        return None
    return by_letter[first], by_letter[second]


def scale_sentence(panels: Sequence[Panel]) -> str:
    """What full colour stands for."""
    methods = [panel.request.explainer for panel in panels]
    told = (
        "One scale for all: each map is divided by the 99th percentile of its own absolute "
        "values, and full colour is ±1 in every panel."
    )
    if len(set(methods)) == len(methods):
        return told
    return (
        f"{told} Panels of one method share the largest of theirs, so that between them the same "
        "colour is the same raw value."
    )
