"""The views that bring maps of one photo together in one picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st
from PIL import Image

from dashboard.compare.scaled import ScaledMap, find_pair
from dashboard.compare.shown import draw_map
from dashboard.compare.viewer import Mode, Picture, show_panel
from dashboard.compare.views import PAIRED, VIEWS, View
from dashboard.shared.photos import picture_of, to_url
from dashboard.shared.text import plain
from xaicore.comparison.agreement import consensus, top_area
from xaicore.render import blend, draw_areas, resize_map, subdue


def show_stage(peers: Sequence[ScaledMap], view: View) -> None:
    """The chosen view of maps of one photo, or what it lacks."""
    pair = find_pair(peers, view)
    if len(peers) < 2 or (view.name in PAIRED and not pair):
        st.info("This view needs two different finished maps of one photo.")
        return
    members = pair if pair and view.name in PAIRED else peers
    photo = peers[0].panel.request.photo
    picture = picture_of(photo)
    pictures, words = _DRAW[view.name](picture, members, view)
    show_panel(
        "stage",
        f"{VIEWS[view.name]}: {', '.join(one.panel.label for one in members)}. {photo.alt}",
        picture.width / picture.height,
        pictures,
        [one.reading() for one in peers],
        _MODES.get(view.name, "still"),
    )
    st.caption(words)


def _draw_difference(
    picture: Image.Image, pair: Sequence[ScaledMap], view: View
) -> tuple[list[Picture], str]:
    a, b = pair
    strength = resize_map(a.values - b.values, picture.size)
    draw = partial(blend, subdue(picture), strength, 1.0, (b.panel.rgb, a.panel.rgb))
    words = (
        f"In each map's colour where its value is the higher one: {plain(a.panel.label)} or "
        f"{plain(b.panel.label)}. Full colour is a difference of 1 on the common scale."
    )
    return _drawn_once(draw, pair, view), words


def _draw_consensus(
    picture: Image.Image, peers: Sequence[ScaledMap], view: View
) -> tuple[list[Picture], str]:
    strength = resize_map(consensus([one.values for one in peers]), picture.size)
    draw = partial(blend, picture, strength, view.look.opacity)
    words = (
        "Only where all maps speak for the class, or all against it: the weakest of their values."
    )
    return _drawn_once(draw, peers, view), words


def _draw_areas(
    picture: Image.Image, peers: Sequence[ScaledMap], view: View
) -> tuple[list[Picture], str]:
    some = [one for one in peers if not one.missing]
    areas = [top_area(one.values, view.share) for one in some]
    draw = partial(draw_areas, picture, areas, [one.panel.rgb for one in some])
    words = (
        f"Each outline holds the {view.share:.0%} of the photo that its map puts first. "
        "Smoothing, in the sidebar, makes the outlines of grainy maps calmer."
    )
    return _drawn_once(draw, peers, view), words


def _draw_both(
    picture: Image.Image, pair: Sequence[ScaledMap], view: View
) -> tuple[list[Picture], str]:
    pictures = [
        Picture(
            to_url(
                one.panel.request.holder,
                f"{one.key} {view.look}",
                partial(draw_map, picture, one.values, view.look),
            ),
            one.panel.label,
        )
        for one in pair
    ]
    if view.name == "slide":
        return pictures, "Left of the line the first map, right of it the second."
    return pictures, "The two maps by turns: what moves is where they differ."


def _drawn_once(
    draw: Callable[[], Image.Image], maps: Sequence[ScaledMap], view: View
) -> list[Picture]:
    key = " ".join([str(view), *(one.key + one.panel.colour for one in maps)])
    return [Picture(to_url(maps[0].panel.request.holder, key, draw), VIEWS[view.name])]


_DRAW = {
    "difference": _draw_difference,
    "consensus": _draw_consensus,
    "areas": _draw_areas,
    "blink": _draw_both,
    "slide": _draw_both,
}
_MODES: dict[str, Mode] = {"blink": "blink", "slide": "slide"}
