"""Each panel's map in its cell, or how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from dashboard.compare.keys import PANEL_MAPS, panel_key
from dashboard.compare.panels import Panel
from dashboard.compare.scaled import ScaledMap, scale_map
from dashboard.compare.viewer import Picture, show_panel
from dashboard.compare.views import SEPARATE, View
from dashboard.shared.jobs import Job
from dashboard.shared.maps import obtain
from dashboard.shared.photos import picture_of, to_url
from dashboard.shared.text import plain
from dashboard.shared.widgets import follow, show_missing, show_picture
from xaicore import Explanation
from xaicore.render import Look, blend, common_scale, resize_map

PAPER = (0xFA, 0xF8, 0xF3)
# Share of full colour below which a map can hardly be seen.
FAINT = 0.25


def show_panels(
    panels: Sequence[Panel], cells: Sequence[DeltaGenerator], view: View
) -> list[ScaledMap]:
    """Show each panel's map, or how far it is; give those that are finished."""
    looks = [partial(obtain, panel.request, PANEL_MAPS, panel.letter) for panel in panels]
    found = [look() for look in looks]
    scales = _share_scales(panels, found, view.look)
    scaled = []
    for panel, look, cell in zip(panels, looks, cells, strict=True):
        scale = scales.get(panel.request.explainer)
        with cell:
            answer = follow(look, partial(_show_panel, panel, view, scale))
        if isinstance(answer, Explanation):
            scaled.append(scale_map(panel, answer, view.look, scale))
    return scaled


def _share_scales(panels: Sequence[Panel], found: Sequence[Any], look: Look) -> dict[str, float]:
    """The raw value of full colour by method: its finished maps share it."""
    maps: dict[str, list[np.ndarray]] = {}
    for panel, answer in zip(panels, found, strict=True):
        if isinstance(answer, Explanation):
            maps.setdefault(panel.request.explainer, []).append(answer.maps[0])
    return {name: common_scale(some, look) for name, some in maps.items()}


def _show_panel(
    panel: Panel, view: View, scale: float | None, found: Explanation | Job[Explanation]
) -> None:
    if isinstance(found, Job) and found.error:
        st.error(plain(found.error))
        return
    if view.name not in SEPARATE:
        # Takes the place of the last view's picture at once, not when the run has ended.
        st.empty()
    elif isinstance(found, Job):
        _show_unfinished(panel, view, found)
    else:
        scaled = scale_map(panel, found, view.look, scale)
        _show_map(scaled, view, scaled.key)
    if isinstance(found, Job):
        words = f"{found.done:,} of {found.total:,}" if found.total else "Waiting for its turn"
        st.progress(found.share, text=f"{plain(panel.label)}: {words}")


def _show_unfinished(panel: Panel, view: View, job: Job[Explanation]) -> None:
    """The best so far, on a scale of its own, or the bare photo."""
    photo = panel.request.photo
    if job.partial is None:
        show_picture(picture_of(photo), photo.alt)
        return
    scaled = scale_map(panel, Explanation(job.partial, np.zeros(1), {}, {}), view.look)
    # A map that is not finished is another one at every look.
    _show_map(scaled, view, f"{scaled.key} {scaled.values.sum()}")


def _show_map(scaled: ScaledMap, view: View, key: str) -> None:
    panel, photo = scaled.panel, scaled.panel.request.photo
    picture = picture_of(photo)
    source = to_url(
        panel.request.holder,
        f"{key} {view.look} {view.name}",
        partial(draw_map, picture, scaled.values, view.look, view.name == "maps"),
    )
    words = "The map" if view.name == "maps" else "The map over the photo"
    show_panel(
        panel_key(panel.letter, "panel"),
        f"{words}, {panel.label}. {photo.alt}",
        picture.width / picture.height,
        [Picture(source, panel.label)],
        [scaled.reading()],
    )
    if scaled.missing:
        show_missing(scaled.missing)
    elif scaled.reach < FAINT:
        show_missing(
            f"Faint beside the other {panel.method} maps: its 99th percentile is "
            f"{scaled.reach:.1%} of full colour."
        )


def draw_map(
    picture: Image.Image, values: np.ndarray, look: Look, alone: bool = False
) -> Image.Image:
    """A map over its photo's picture, or alone on paper."""
    ground = Image.new("RGB", picture.size, PAPER) if alone else picture
    return blend(ground, resize_map(values, picture.size), 1.0 if alone else look.opacity)
