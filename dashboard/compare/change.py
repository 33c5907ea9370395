"""The same photo, changed a little: a good map follows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st

import xaicore
from dashboard.compare.duel import DUEL_PIXELS
from dashboard.compare.keys import CHANGE, CHANGED_MAPS, panel_key
from dashboard.compare.scaled import ScaledMap, scale_map
from dashboard.compare.shown import draw_map
from dashboard.compare.tools import TOOL_PIXELS
from dashboard.compare.views import View
from dashboard.shared.holders import holder_of
from dashboard.shared.jobs import Job
from dashboard.shared.maps import obtain
from dashboard.shared.photos import Photo, picture_of, predict, to_batch
from dashboard.shared.text import plain
from dashboard.shared.widgets import choose, choose_parameter, follow, in_sentences, show_picture
from xaicore import Classifier, Explanation
from xaicore.comparison.changes import CHANGES, Change, change_photos, follows
from xaicore.export import to_png
from xaicore.formatting import format_number
from xaicore.render import to_picture

FOLLOWING = ((0.8, "follows"), (0.5, "follows in part"), (-1.0, "does not follow"))


@st.fragment
def show_change(peers: Sequence[ScaledMap], view: View) -> None:
    st.header("Does the map follow the photo?", anchor=False)
    change, amount = _choose_change()
    if peers:
        with in_sentences():
            _show_followed(peers, view, change, amount)


def _show_followed(peers: Sequence[ScaledMap], view: View, change: Change, amount: float) -> None:
    """What the network says of the changed photo, and each map of it."""
    request = peers[0].panel.request
    classifier = request.classifier
    changed = change_photo(classifier, request.photo, change, amount)
    before, after = (
        predict(classifier, photo)[request.class_index] for photo in (request.photo, changed)
    )
    st.markdown(
        f"{change.summary} The network now says {plain(classifier.labels[request.class_index])} at "
        f"{after:.1%}, before {before:.1%}."
    )
    if classifier.preprocessing.resize != "stretch":
        st.caption("Only the part that the network sees is changed.")
    width = len(peers) * DUEL_PIXELS
    grid = st.grid(len(peers), min_column_width=DUEL_PIXELS // 2, width=width)
    for one in peers:
        moved = replace(one.panel.request, photo=changed)
        with grid.cell():
            follow(
                partial(obtain, moved, CHANGED_MAPS, one.panel.letter),
                partial(_show_changed, one, changed, change.follow(one.saliency, amount), view),
            )


def _choose_change() -> tuple[Change, float]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        options = {name: change.label for name, change in CHANGES.items()}
        change = CHANGES[choose("Change", options, CHANGE, in_link=True)]
        amount = 0.0
        if change.amount:
            with st.container(width=TOOL_PIXELS):
                amount = choose_parameter(panel_key(CHANGE, change.name), change.amount)
    return change, amount


def change_photo(classifier: Classifier, photo: Photo, change: Change, amount: float) -> Photo:
    """The photo, changed where the network looks."""
    key = "changed", photo.hash, classifier.fingerprint, change.name, amount
    return holder_of(photo.holder, classifier).keep(
        key, partial(_change, classifier, photo, change, amount)
    )


def _change(classifier: Classifier, photo: Photo, change: Change, amount: float) -> Photo:
    batch = change_photos(classifier, to_batch(classifier, photo), change, amount)
    colours = classifier.denormalise(batch)[0].clamp(0, 1).permute(1, 2, 0).cpu().numpy()
    seen = to_picture(colours, colours.shape[1::-1])
    whole = classifier.preprocessing.put_back(xaicore.load_photo(photo.data), seen)
    return replace(photo, data=to_png(whole), alt=f"{photo.alt} {change.summary}")


def _show_changed(
    one: ScaledMap,
    changed: Photo,
    expected: np.ndarray,
    view: View,
    found: Explanation | Job[Explanation],
) -> None:
    """The changed photo's map, and how well it is the one expected."""
    if isinstance(found, Job) and found.error:
        st.error(plain(found.error))
        return
    picture = picture_of(changed).resize(picture_of(one.panel.request.photo).size)
    if isinstance(found, Explanation):
        # One method on two photos: equal colours stay equal raw values.
        scale = None if one.missing else one.scale
        picture = draw_map(picture, scale_map(one.panel, found, view.look, scale).values, view.look)
    label = one.panel.label
    show_picture(picture, f"The changed photo's map, {label}. {changed.alt}")
    if isinstance(found, Job):
        st.progress(found.share, text=f"{plain(label)}, on the changed photo")
    else:
        st.markdown(f"**{plain(label)}** {_follow_words(follows(expected, found.maps[0]))}")


def _follow_words(correlation: float) -> str:
    if math.isnan(correlation):
        return "is the same everywhere: there is nothing to follow."
    words = next(words for least, words in FOLLOWING if correlation >= least)
    return f"{words}: rank correlation {format_number(correlation, 2)}."
