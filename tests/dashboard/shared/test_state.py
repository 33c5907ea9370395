"""What pages share, and when it is forgotten."""

from __future__ import annotations

from importlib import import_module

from streamlit.testing.v1 import AppTest

from dashboard.explain import keys as explain_keys
from dashboard.methods import keys as methods_keys
from dashboard.pages import PAGES
from dashboard.shared import state
from dashboard.shared.photos import Photo
from xaicore import EXPLAINERS, Classifier


def test_a_photo_is_named_by_its_content_alone() -> None:
    photo = Photo(b"abc", "A", "A.")
    # The first 16 digits of SHA-256 of "abc", the standard's own example.
    assert photo.hash == "ba7816bf8f01cfea"
    assert Photo(b"abc", "B", "B.").hash == photo.hash
    assert Photo(b"abd", "A", "A.").hash != photo.hash


def test_keys_of_all_widgets_differ() -> None:
    rooms = [import_module(f"dashboard.{page.name}.keys") for page in PAGES]
    keys = [
        value
        for room in [state, *rooms]
        for name, value in vars(room).items()
        if name.isupper() and isinstance(value, str)
    ]
    for explainer in EXPLAINERS.values():
        keys += [state.parameter_key(explainer, p.name) for p in explainer.parameters]
        keys += [explain_keys.best_key(explainer), explain_keys.reset_key(explainer)]
        keys += [methods_keys.lesson_key(explainer.name, p.name) for p in explainer.parameters]
    assert len(set(keys)) == len(keys)
    assert state.parameter_key(EXPLAINERS["lrp"], "alpha") == "lrp-alpha"


def script() -> None:
    import numpy as np
    import streamlit as st
    from PIL import Image

    from dashboard.shared import state
    from dashboard.shared.photos import Photo
    from xaicore import Explanation
    from xaicore.render import Look

    photo = Photo(st.session_state.bytes, "A", "A.")
    look = Look(opacity=st.session_state.opacity)
    network = state.NetworkChoice(st.session_state.classifier, "cats and dogs")
    choices = state.Choices(
        network, photo, st.session_state.class_index, st.session_state.score, look, ()
    )
    state.keep_choices(choices)
    st.write(",".join(state.cards()))
    explanation = Explanation(np.zeros((1, 1, 1)), np.zeros(1), {}, {})
    state.cards()["lrp"] = state.Card(explanation, lambda: Image.new("RGB", (1, 1)))


def test_maps_are_forgotten_with_their_question_and_not_with_the_look(
    classifier: Classifier,
) -> None:
    app = AppTest.from_function(script)
    start = {
        "bytes": b"a",
        "class_index": 0,
        "score": None,
        "opacity": 0.5,
        "classifier": classifier,
    }
    for key, value in start.items():
        app.session_state[key] = value

    def shown_after(**changes: object) -> str:
        for key, value in changes.items():
            app.session_state[key] = value
        app.run(timeout=60)
        assert not app.exception
        return app.markdown[0].value if app.markdown else ""

    assert shown_after() == ""
    assert shown_after(opacity=0.9) == "lrp"
    assert shown_after(class_index=1) == ""
    assert shown_after() == "lrp"
    assert shown_after(bytes=b"b") == ""
    assert shown_after() == "lrp"
    assert shown_after(score="margin") == ""
