"""The Curves page as a person reads it, from the entrypoint."""

from __future__ import annotations

import copy
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

import xaicore
from dashboard.curves import keys
from dashboard.curves.protocol import FILL_WORDS
from dashboard.curves.results import CONTROL_COUNT
from dashboard.shared import state, traces
from dashboard.shared.photos import Photo, predict
from tests.dashboard.walk import PATIENCE, jobs_of, visit, words
from xaicore import CONTROLS, EXPLAINERS, METRICS, Classifier, Protocol, percentile_among_controls
from xaicore.formatting import format_number
from xaicore.metrics.perturbation import trace_maps

METHODS = ("lrp", "gradcam", "deeplift", "lime")
STUDY = [name for name, metric in METRICS.items() if not metric.extra]
FEW_SAMPLES = {"samples": 50, "superpixels": 10}
STEPS = 16
SHARPENING = 30


@pytest.fixture(scope="session")
def classifier(classifier: Classifier, photos: list[Image.Image]) -> Classifier:
    """The small network made decided: else no probability moves enough to be told apart."""
    net = copy.deepcopy(classifier.net)
    last = list(net.modules())[-1]
    assert isinstance(last, torch.nn.Linear)
    with torch.no_grad():
        mean = net(classifier.preprocess(photos)).mean(0)
        last.weight *= SHARPENING
        last.bias.copy_(SHARPENING * (last.bias - mean))
    return Classifier(net, device="cpu")


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store in which no other test has left the traces of the same maps."""
    monkeypatch.setenv("XAICORE_STORE", f"sqlite:///{tmp_path / 'results.db'}")


def run(app: AppTest) -> AppTest:
    """Run until nothing is left to test; nothing may fail on the way."""
    while True:
        app.run()
        assert not app.exception
        pending = [job for job in jobs_of(app) if job.running]
        if not pending and "Done" in words(app):
            return app
        for job in pending:
            assert job.wait(PATIENCE)


@pytest.fixture
def fresh() -> AppTest:
    """The page before its first run."""
    app = visit("curves")
    for name, value in FEW_SAMPLES.items():
        app.query_params[f"lime-{name}"] = str(value)
    app.query_params[keys.STEPS] = str(STEPS)
    return app


@pytest.fixture
def app(fresh: AppTest) -> AppTest:
    return run(fresh)


def cards(app: AppTest) -> dict[str, pd.DataFrame]:
    """The rows of each metric's card."""
    return dict(zip(STUDY, (table.value for table in app.table), strict=True))


def captions(app: AppTest) -> list[str]:
    """What stands under each picture of the board."""
    found = [image.caption for block in app.get("image") for image in block.proto.imgs]
    return [caption for caption in found if caption]


def find_maps(
    classifier: Classifier, photo: Photo, target: int
) -> tuple[Any, dict[str, np.ndarray]]:
    batch = classifier.preprocess([xaicore.load_photo(photo.data)])
    parameters = {"lime": FEW_SAMPLES}
    maps = {
        name: xaicore.explain(classifier, batch, name, [target], **parameters.get(name, {})).maps
        for name in METHODS
    }
    return batch, maps


@pytest.mark.parametrize("protocol", [Protocol(STEPS), Protocol(STEPS, fill="white")], ids=str)
def test_the_numbers_are_those_of_score_maps(
    fresh: AppTest, classifier: Classifier, kitten: Photo, protocol: Protocol
) -> None:
    fresh.query_params[keys.FILL] = FILL_WORDS[protocol.fill]
    app = run(fresh)
    target = int(predict(classifier, kitten).argmax())
    batch, maps = find_maps(classifier, kitten, target)
    for place, name in enumerate(METHODS):
        scores = xaicore.score_maps(classifier, batch, maps[name], [target], STUDY, protocol)
        for metric, card in cards(app).items():
            label, value, _ = card.iloc[place]
            assert label == EXPLAINERS[name].label
            assert value == f"**{format_number(scores[metric][0])}**", (name, metric)


def test_a_value_is_placed_among_the_maps_that_know_nothing(
    app: AppTest, classifier: Classifier, kitten: Photo
) -> None:
    target = int(predict(classifier, kitten).argmax())
    batch, maps = find_maps(classifier, kitten, target)
    drawn = [
        CONTROLS[name].make(batch, maps["lrp"], draw)
        for name in ("random", "gaussian", "edges", "flipped")
        for draw in range(CONTROLS[name].draws)
    ]
    assert len(drawn) == CONTROL_COUNT
    tested = np.concatenate([maps["lrp"], *drawn])
    trace = trace_maps(classifier, batch, tested, [target], Protocol(STEPS), photos=[0] * 15)
    for metric in ("iauc", "dauc", "ic", "dc", "ad"):
        scores = METRICS[metric].compute(trace)
        percent = percentile_among_controls(METRICS[metric], scores[0], scores[1:])
        assert cards(app)[metric].iloc[0, 2] == f"better than {percent:.0f} %"
    # Scored 1 or 0: it says little to be better than others with the same score.
    scores = METRICS["iic"].compute(trace)
    tied = 100 * (scores[1:] == scores[0]).mean()
    assert tied >= 50
    assert cards(app)["iic"].iloc[0, 2] == f"the same as {tied:.0f} %"


def test_a_score_that_means_nothing_says_why(
    fresh: AppTest, classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = xaicore.explain

    def nothing_positive(classifier: Any, batch: Any, name: str, *rest: Any, **more: Any) -> Any:
        explanation = real(classifier, batch, name, *rest, **more)
        if name == "lrp":
            explanation.maps[:] = -np.abs(explanation.maps) - 1
        return explanation

    monkeypatch.setattr(xaicore, "explain", nothing_positive)
    app = run(fresh)
    assert tuple(cards(app)["ad"].iloc[0]) == ("LRP", "**undefined**", "means nothing here")
    assert "LRP: Nothing in this map is positive, so there is no mask" in words(app)
    assert cards(app)["ad"].iloc[1, 1] != "**undefined**"


def test_the_slider_moves_all_pictures_and_their_probabilities(
    app: AppTest, classifier: Classifier, kitten: Photo
) -> None:
    target = int(predict(classifier, kitten).argmax())
    batch, maps = find_maps(classifier, kitten, target)
    traces = [trace_maps(classifier, batch, m, [target], Protocol(STEPS)) for m in maps.values()]
    for step in (STEPS // 8, 9):
        app.slider(key=keys.STEP).set_value(step)
        run(app)
        expected = [
            caption
            for trace in traces
            for caption in (
                "this step's pixels",
                f"removed: {trace.read('deletion')[0, step]:.3f}",
                f"restored: {trace.read('insertion')[0, step]:.3f}",
            )
        ]
        assert captions(app) == expected
        assert f"Step {step} of 16: {step / 0.16:.1f} % of the pixels have moved" in words(app)


def test_playing_goes_forward_and_stops_at_the_end(app: AppTest) -> None:
    app.slider(key=keys.STEP).set_value(STEPS - 2)
    app.toggle(key=keys.PLAYING).set_value(True)
    run(app)
    assert app.slider(key=keys.STEP).value == STEPS - 1
    assert app.toggle(key=keys.PLAYING).value
    run(app)
    run(app)
    assert app.slider(key=keys.STEP).value == STEPS
    assert not app.toggle(key=keys.PLAYING).value
    app.toggle(key=keys.PLAYING).set_value(True)
    run(app)
    assert app.slider(key=keys.STEP).value == 1


def test_a_preset_sets_the_protocol(app: AppTest) -> None:
    (rise,) = (button for button in app.button if button.label == "As in RISE")
    rise.click().run()
    assert app.select_slider(key=keys.STEPS).value == 128
    assert app.segmented_control(key=keys.BLUR).value == "gaussian"
    assert (app.select_slider(key=keys.KERNEL).value, app.slider(key=keys.SIGMA).value) == (11, 5)
    disabled = {button.label: button.disabled for button in app.button}
    assert disabled["As in RISE"]
    assert not disabled["As in Gomez 2022"]


def test_work_can_be_stopped_and_gone_on_with(
    fresh: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    real = traces.trace_maps

    def held(*args: Any, **settings: Any) -> Any:
        go_on.wait(PATIENCE)
        return real(*args, **settings)

    monkeypatch.setattr(traces, "trace_maps", held)
    app = fresh.run()
    (stop,) = (button for button in app.button if button.label == "Stop")
    jobs = jobs_of(app, state.TRACES)
    assert len(jobs) == 3
    stop.click().run()
    assert all(job.cancelled for job in jobs)
    assert not jobs_of(app, state.TRACES)
    assert "Stopped" in words(app)
    assert not app.table
    go_on.set()
    (again,) = (button for button in app.button if button.label == "Go on")
    again.click()
    run(app)
    assert len(cards(app)) == 6


def test_another_photo_is_tested_instead(
    app: AppTest, classifier: Classifier, shepherd: Photo
) -> None:
    app.selectbox(key=state.SAMPLE).set_value("german-shepherd")
    run(app)
    target = int(predict(classifier, shepherd).argmax())
    batch, maps = find_maps(classifier, shepherd, target)
    scores = xaicore.score_maps(classifier, batch, maps["lrp"], [target], STUDY, Protocol(STEPS))
    for metric, card in cards(app).items():
        assert card.iloc[0, 1] == f"**{format_number(scores[metric][0])}**"


def test_the_photo_and_a_method_s_settings_stay_between_pages(app: AppTest) -> None:
    app.selectbox(key=state.SAMPLE).set_value("german-shepherd")
    run(app)
    app.switch_page("explain/page.py").run()
    assert app.selectbox(key=state.SAMPLE).value == "german-shepherd"
    # The link's own, though only Explain has these sliders.
    assert app.session_state["lime-samples"] == 50
    before = cards_of(app.switch_page("curves/page.py"))
    app.switch_page("explain/page.py").run()
    app.slider(key="lrp-alpha").set_value(3.0).run()
    after = cards_of(app.switch_page("curves/page.py"))
    changed = {
        row for row in range(4) if not (after["dauc"].iloc[row] == before["dauc"].iloc[row]).all()
    }
    assert changed == {0}
    assert app.selectbox(key=state.SAMPLE).value == "german-shepherd"


def cards_of(app: AppTest) -> dict[str, pd.DataFrame]:
    return cards(run(app))


def test_what_is_known_is_not_computed_again(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    before = cards(app)
    app.switch_page("explain/page.py").run()

    def again(*_: Any, **__: Any) -> None:
        raise AssertionError("this is known")

    monkeypatch.setattr(traces, "trace_maps", again)
    after = cards_of(app.switch_page("curves/page.py"))
    for metric, card in before.items():
        pd.testing.assert_frame_equal(after[metric], card)


def test_a_shorter_protocol_keeps_the_slider_in_bounds(app: AppTest) -> None:
    app.select_slider(key=keys.STEPS).set_value(32).run()
    app.slider(key=keys.STEP).set_value(30).run()
    app.select_slider(key=keys.STEPS).set_value(STEPS)
    run(app)
    assert app.slider(key=keys.STEP).value == STEPS
    assert f"Step {STEPS} of {STEPS}: 100.0 %" in words(app)
