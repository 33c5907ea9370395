"""A page's address names choices by their ids, and understands the words of older links, too."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from tests.dashboard.walk import visit

pytestmark = pytest.mark.usefixtures("small_network")


def opened(page: str, **link: str | list[str]) -> AppTest:
    app = visit(page)
    for name, value in {"lime-samples": "50", **link}.items():
        app.query_params[name.replace("_", "-")] = value
    app.run()
    assert not app.exception
    return app


def of(app: AppTest, name: str) -> list[str]:
    """What the address says by a name."""
    found = app.query_params.get(name, [])
    return [found] if isinstance(found, str) else list(found)


def test_what_is_chosen_stands_in_the_address_by_its_id() -> None:
    app = opened("explain")
    app.selectbox(key="sample").set_value("german-shepherd").run()
    app.segmented_control(key="class").set_value("dog").run()
    app.segmented_control(key="evidence").set_value("for").run()
    assert (of(app, "sample"), of(app, "class"), of(app, "evidence")) == (
        ["german-shepherd"],
        ["dog"],
        ["for"],
    )
    app.segmented_control(key="class").set_value("predicted").run()
    assert of(app, "class") == []


@pytest.mark.parametrize("word", ["german-shepherd", "German shepherd"])
def test_a_link_is_understood_by_ids_and_by_the_words_of_older_ones(word: str) -> None:
    app = opened("explain", sample=word)
    assert app.selectbox(key="sample").value == "german-shepherd"
    assert of(app, "sample") == ["german-shepherd"]


def test_several_methods_stand_there_each_by_its_id() -> None:
    app = opened("explain", more=["occlusion", "Integrated Gradients", "gone"])
    assert set(app.session_state["more"]) == {"occlusion", "integrated-gradients"}
    assert set(of(app, "more")) == {"occlusion", "integrated-gradients"}


def test_what_no_option_is_called_gives_the_usual_one_and_goes() -> None:
    app = opened("methods", chapter="gone", lrp_alpha="2.5")
    assert app.segmented_control(key="chapter").value == "methods"
    assert of(app, "chapter") == []


def test_numbers_of_a_scale_stand_there_without_their_words() -> None:
    app = opened("compare", area="20")
    assert app.select_slider(key="area").value == 20
    assert opened("compare", area="30%").select_slider(key="area").value == 30
