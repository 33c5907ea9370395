"""The Methods page as a person reads it, and its texts."""

from __future__ import annotations

import math
import re
import time

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

import xaicore
from dashboard.methods import keys
from dashboard.methods.chapters import CONTROLS, FOCUS, METRIC_LABELS
from dashboard.methods.examples import STEPS, focus_on
from dashboard.methods.lessons import FOLDER, Lesson, read_lesson
from dashboard.shared.photos import Photo
from dashboard.sidebar import get_classifier
from tests.dashboard.walk import visit, words
from xaicore import EXPLAINERS, METRICS, Classifier, Protocol, score_maps
from xaicore.explainers.lime import BatchedLime
from xaicore.formatting import format_number
from xaicore.metrics.randomisation import randomise
from xaicore.metrics.remaking import by_method

PAGE = "methods"
# For machines that are busy with other work.
PATIENCE_SECONDS = 240
TAUGHT = [*EXPLAINERS, *METRICS, FOCUS, CONTROLS]


def open_page(**query: str) -> AppTest:
    app = visit(PAGE)
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    assert not app.error
    return app


@pytest.mark.parametrize("name", TAUGHT)
def test_everything_is_taught_in_full(name: str) -> None:
    lesson = read_lesson(name)
    parts = vars(lesson)
    needless = {"in_full", "bibtex"} if name == CONTROLS else {"in_full"}
    assert all(text for part, text in parts.items() if part not in needless), name
    # The idea in three sentences, or four where they are short.
    assert len(re.findall(r"[.?](?:\s|$)", lesson.idea)) in (3, 4)
    assert "\\ " not in lesson.idea


def test_every_abbreviation_is_written_in_full() -> None:
    labels = {name: EXPLAINERS[name].label for name in EXPLAINERS} | METRIC_LABELS
    short = {name for name, label in labels.items() if re.search("[A-Z]{2}", label)}
    assert {name for name in labels if read_lesson(name).in_full} == short


def test_lime_s_formula_weighs_samples_as_lime_does() -> None:
    photo = torch.zeros(3, 8, 8)
    lime = BatchedLime(photo, photo, lambda batch: np.zeros(len(batch)), 8, 0.25, seed=0)
    assert r"e^{-d(z)^2 / (2 \sigma^2)}" in read_lesson("lime").formula
    distance = 0.3
    assert lime.base.kernel_fn(distance) == pytest.approx(math.exp(-(distance**2) / (2 * 0.25**2)))


@pytest.mark.parametrize("name", [name for name in TAUGHT if name != CONTROLS])
def test_bibtex_is_whole(name: str) -> None:
    bibtex = read_lesson(name).bibtex
    assert re.match(r"@(article|inproceedings)\{\w+,", bibtex)
    assert bibtex.count("{") == bibtex.count("}")
    for field in ("author", "title", "year"):
        assert re.search(rf"^  {field}\s+= \{{", bibtex, re.MULTILINE)


def test_no_lesson_is_left_over() -> None:
    assert {file.stem for file in FOLDER.glob("*.toml")} == set(TAUGHT)


def test_what_has_no_lesson_shows_its_summary() -> None:
    assert read_lesson("tea-leaves", "Reads tea leaves.") == Lesson("Reads tea leaves.")


@pytest.mark.parametrize("explainer", EXPLAINERS.values(), ids=list(EXPLAINERS))
def test_a_method_s_card(explainer: xaicore.Explainer) -> None:
    app = open_page(lesson=explainer.label)
    assert app.header[0].value == explainer.label
    assert read_lesson(explainer.name).idea.split(".")[0] in words(app)
    assert re.search(r"^:(green|yellow)\[:material/\w+:\] \w", words(app), re.MULTILINE)
    for parameter in explainer.parameters:
        assert f"- {parameter.label}: {parameter.help}" in words(app)
        key = keys.lesson_key(explainer.name, parameter.name)
        assert any(
            element.key == key
            for kind in ("slider", "select_slider", "selectbox", "number_input")
            for element in app.get(kind)
        ), parameter.name


def test_a_parameter_changes_the_example(classifier: Classifier, kitten: Photo) -> None:
    app = open_page(lesson="Grad-CAM")
    batch = classifier.preprocess([xaicore.load_photo(kitten.data)])
    proofs = {}
    for layer in (classifier.target_layer, "model.0"):
        explanation = xaicore.explain(classifier, batch, "gradcam", layer=layer)
        checks = {name: values[0] for name, values in explanation.checks.items()}
        proofs[layer] = EXPLAINERS["gradcam"].prove(checks).text
    assert len(set(proofs.values())) == 2
    assert f"] {proofs[classifier.target_layer]}" in words(app)
    app.selectbox(key=keys.lesson_key("gradcam", "layer")).set_value("model.0").run()
    assert not app.exception
    assert f"] {proofs['model.0']}" in words(app)


@pytest.mark.parametrize("metric", METRICS.values(), ids=list(METRICS))
def test_a_metric_s_card_shows_the_metric_s_own_figure(
    metric: xaicore.Metric, classifier: Classifier, kitten: Photo
) -> None:
    app = open_page(chapter="Metrics", metric=metric.label)
    assert app.header[0].value == metric.label
    batch = classifier.preprocess([xaicore.load_photo(kitten.data)])
    maps = xaicore.explain(classifier, batch, "lrp").maps
    protocol = Protocol(steps=STEPS)
    rows = score_maps(classifier, batch, maps, None, [metric.name], protocol, by_method("lrp"))
    score = rows.iloc[0, 0]
    figure = "undefined" if np.isnan(score) else format_number(score)
    wait_for(app, f"**{metric.label} {figure}**, {metric.direction}.")


def wait_for(app: AppTest, said: str) -> None:
    """Look again while work goes on in the background."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while said not in words(app) and time.monotonic() < deadline:
        time.sleep(0.5)
        app.run()
        assert not app.exception
    assert said in words(app)


def test_a_map_is_shown_while_the_network_forgets(classifier: Classifier, kitten: Photo) -> None:
    app = open_page(chapter="Metrics", metric="Randomisation")
    batch = classifier.preprocess([xaicore.load_photo(kitten.data)])
    found = randomise(by_method("lrp"), classifier, batch, classifier.predicted(batch))
    for layers, correlation in zip(found.layers, found.correlations[0], strict=True):
        figure = format_number(correlation, 2)
        told = f"{figure}, rather" if correlation < 0 else f"still {figure} like the first map"
        wait_for(app, f"Last {layers} of {found.total} layers random: {told}")


def test_photos_that_are_filled_in_are_shown_with_what_is_said_of_them() -> None:
    app = open_page(chapter="Metrics", metric="ROAD")
    wait_for(app, "90% gone: cat ")
    for words_of_order in ("Most salient first:", "Least salient first:", "10% gone: cat "):
        assert words_of_order in words(app)


def test_focus_and_controls_have_cards() -> None:
    app = open_page(chapter="Metrics", metric="Focus")
    share = focus_on(get_classifier("petnet"), "lrp", "cat")[2]
    assert f"**Focus {share:.2f}**" in words(app)
    app = open_page(chapter="Maps that know nothing")
    for name, control in xaicore.CONTROLS.items():
        app.button_group(key=keys.LESSON_CONTROL).set_value(name).run()
        assert not app.exception
        assert control.summary in words(app)
