"""The Compare page as a person reads it, from the entrypoint."""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import xaicore
from dashboard.compare import keys
from dashboard.compare.duel import _duel_sentence
from dashboard.shared.forgetting import follow_sentence
from dashboard.shared.photos import Photo, load_samples, predict
from tests.dashboard.walk import PATIENCE, jobs_of, visit
from xaicore import EXPLAINERS, Classifier
from xaicore.comparison.agreement import agreement, agreement_sentence
from xaicore.comparison.duel import Duel, duel
from xaicore.formatting import format_number
from xaicore.metrics.correlation import rank_correlation
from xaicore.metrics.randomisation import randomise
from xaicore.metrics.remaking import by_method
from xaicore.networks import zoo
from xaicore.networks.preprocessing import Preprocessing
from xaicore.render import measure_scale


def run(app: AppTest) -> AppTest:
    """Run until all background work has answered too; nothing may fail on the way."""
    app.run()
    assert not app.exception
    for _ in range(2):
        assert all(job.wait(PATIENCE) for job in jobs_of(app))
        app.run()
        assert not app.exception
    return app


@pytest.fixture
def app() -> AppTest:
    return run(visit("compare"))


def words(app: AppTest) -> str:
    elements = [*app.title, *app.markdown, *app.caption, *app.info]
    return "\n".join(element.value for element in elements)


def panels(app: AppTest) -> list[dict[str, Any]]:
    """What each panel was given to show."""
    return [json.loads(panel.proto.json) for panel in app.get("bidi_component")]


def values(packed: dict[str, Any]) -> np.ndarray:
    numbers = np.frombuffer(base64.b64decode(packed["values"]), "<f4")
    return numbers.reshape(packed["height"], packed["width"])


def explain(classifier: Classifier, photo: Photo, name: str, **parameters: Any) -> np.ndarray:
    batch = classifier.preprocess([xaicore.load_photo(photo.data)])
    return xaicore.explain(classifier, batch, name, **parameters).maps[0]


def test_two_maps_are_shown_on_one_scale(
    app: AppTest, classifier: Classifier, kitten: Photo
) -> None:
    for panel, name in zip(panels(app), ("lrp", "gradcam"), strict=True):
        saliency = explain(classifier, kitten, name)
        (packed,) = panel["maps"]
        scale = measure_scale(saliency)
        np.testing.assert_allclose(values(packed), saliency / scale, rtol=1e-5)
        assert packed["scale"] == pytest.approx(scale)
        assert panel["pictures"][0]["source"].startswith("data:image/jpeg;base64,")
        assert panel["aspect"] == pytest.approx(640 / 480)
        assert kitten.alt in panel["label"]
    assert "99th percentile" in words(app)


def test_agreement_and_duel_are_those_of_the_maps(
    app: AppTest, classifier: Classifier, kitten: Photo
) -> None:
    maps = [explain(classifier, kitten, name) for name in ("lrp", "gradcam")]
    found = agreement(maps, 0.1)
    assert agreement_sentence(["LRP", "Grad-CAM"], found.correlations) in words(app)
    correlations, overlaps = (table.value for table in app.table)
    np.testing.assert_allclose(correlations, found.correlations)
    np.testing.assert_allclose(overlaps, found.overlaps)
    batch = classifier.preprocess([xaicore.load_photo(kitten.data)])
    fought = duel(classifier, batch, maps[0][None], maps[1][None])
    winner = {1: "LRP wins", -1: "Grad-CAM wins", 0: "It is a draw"}[int(fought.winners[0])]
    assert f"**{winner} on this photo" in words(app)
    assert f"to {fought.without_a[0]:.1%}; without the {fought.area[0]:,} that only" in words(app)


@pytest.mark.parametrize(
    ("without_a", "without_b", "said"),
    [
        (0.5, 0.703, "**LRP wins on this photo, by 20.3 percentage points.**"),
        # As printed, 99.6% and 99.3%.
        (0.9964, 0.9926, "**LIME wins on this photo, by 0.3 percentage points.**"),
        (0.5002, 0.5, "**LIME wins on this photo, by less than 0.1 percentage points.**"),
        (0.5, 0.5, "**It is a draw on this photo.**"),
        (0.9999, 0.999, "to 99.9%. The network misses neither."),
    ],
)
def test_a_duel_in_words(without_a: float, without_b: float, said: str) -> None:
    before, a, b = (np.array([p]) for p in (0.998, without_a, without_b))
    fought = Duel(before, a, b, area=np.array([7]))
    pair: Any = [SimpleNamespace(panel=SimpleNamespace(label=label)) for label in ("LRP", "LIME")]
    sentence = _duel_sentence(fought, pair, "cat")
    assert said in sentence
    assert ("misses neither" in sentence) == (min(without_a, without_b) >= 0.998)


def test_a_number_rounded_to_zero_has_no_sign() -> None:
    said = [format_number(value, 2) for value in (-0.001, -0.25, 0.5, np.nan)]
    assert said == ["0.00", "−0.25", "0.50", "–"]


def test_the_samples_have_a_win_rate(app: AppTest, classifier: Classifier) -> None:
    photos = [xaicore.load_photo(photo.data) for photo in load_samples().values()]
    batch = classifier.preprocess(photos)
    lrp, gradcam = (xaicore.explain(classifier, batch, name).maps for name in ("lrp", "gradcam"))
    winners = duel(classifier, batch, lrp, gradcam).winners
    counted = f"LRP wins {(winners == 1).sum()}, Grad-CAM wins {(winners == -1).sum()}"
    assert f"Over the {len(photos)} sample photos" in words(app)
    assert counted in words(app)


def test_one_method_twice_with_other_parameters(
    app: AppTest, classifier: Classifier, kitten: Photo
) -> None:
    app.selectbox(key="b-method").set_value("lrp")
    run(app)
    app.slider(key="b-lrp-alpha").set_value(3.0)
    run(app)
    first, second = (panel["maps"][0] for panel in panels(app))
    assert (first["label"], second["label"]) == ("LRP", "LRP · α 3")
    assert first["colour"] != second["colour"]
    plain, tuned = explain(classifier, kitten, "lrp"), explain(classifier, kitten, "lrp", alpha=3.0)
    scale = max(measure_scale(plain), measure_scale(tuned))
    for packed, saliency in ((first, plain), (second, tuned)):
        np.testing.assert_allclose(values(packed), saliency / scale, rtol=1e-5)
        assert packed["scale"] == pytest.approx(scale)
    assert "the same colour is the same raw value" in words(app)
    assert "**LRP and LRP · α 3 agree" in words(app)


def test_a_map_too_faint_for_the_shared_scale_is_said_to_be(
    app: AppTest, classifier: Classifier, kitten: Photo
) -> None:
    app.selectbox(key="a-method").set_value("gradcam")
    run(app)
    assert "Faint" not in words(app)
    app.selectbox(key="b-gradcam-layer").set_value("model.5")
    run(app)
    last, early = (
        measure_scale(explain(classifier, kitten, "gradcam", layer=layer))
        for layer in (classifier.target_layer, "model.5")
    )
    assert f"Faint beside the other Grad-CAM maps: its 99th percentile is {early / last:.1%}" in (
        words(app)
    )


def test_a_class_against_the_other(app: AppTest, classifier: Classifier, kitten: Photo) -> None:
    app.selectbox(key="b-method").set_value("lrp")
    app.selectbox(key="a-class").set_value(0)
    app.selectbox(key="b-class").set_value(1)
    run(app)
    maps = [explain(classifier, kitten, "lrp", targets=[target]) for target in (0, 1)]
    scale = max(measure_scale(saliency) for saliency in maps)
    for panel, saliency, label in zip(panels(app), maps, classifier.labels, strict=True):
        assert panel["maps"][0]["label"] == f"LRP · {label}"
        np.testing.assert_allclose(values(panel["maps"][0]), saliency / scale, rtol=1e-5)
    assert "A duel needs" in words(app)


def test_one_method_on_several_photos(app: AppTest, classifier: Classifier) -> None:
    (button,) = (b for b in app.button if b.label == "One method, several photos")
    button.click()
    run(app)
    samples = load_samples()
    shown = panels(app)
    assert len(shown) == len(samples)
    for panel, photo in zip(shown, samples.values(), strict=True):
        # Each photo is explained for what the network takes it for.
        target = int(predict(classifier, photo).argmax())
        saliency = explain(classifier, photo, "lrp", targets=[target])
        packed = panel["maps"][0]
        np.testing.assert_allclose(values(packed) * packed["scale"], saliency, rtol=1e-5)
        assert packed["label"].endswith(f" · {photo.title}")
        assert photo.alt in panel["label"]
    assert len({panel["maps"][0]["scale"] for panel in shown}) == 1
    assert "Two finished maps of one photo are needed" in words(app)


@pytest.mark.parametrize(
    ("view", "mode", "count"),
    [
        ("difference", "still", 1),
        ("consensus", "still", 1),
        ("areas", "still", 1),
        ("blink", "blink", 2),
        ("slide", "slide", 2),
    ],
)
def test_views_that_bring_maps_together(app: AppTest, view: str, mode: str, count: int) -> None:
    app.segmented_control(key=keys.VIEW).set_value(view)
    run(app)
    (stage,) = panels(app)
    assert stage["mode"] == mode
    assert len({picture["source"] for picture in stage["pictures"]}) == count
    assert [packed["label"] for packed in stage["maps"]] == ["LRP", "Grad-CAM"]


def test_a_pair_of_three_is_chosen(app: AppTest) -> None:
    app.segmented_control(key=keys.PANELS).set_value(3)
    run(app)
    app.segmented_control(key=keys.VIEW).set_value("blink")
    app.segmented_control(key=keys.FIRST).set_value("c")
    run(app)
    labels = [picture["label"] for picture in panels(app)[0]["pictures"]]
    assert labels == ["DeepLIFT", "Grad-CAM"]
    app.segmented_control(key=keys.SECOND).set_value("c")
    run(app)
    assert not panels(app)
    assert words(app).count("two different finished maps") == 2


def test_lime_is_explained_in_the_background_and_has_superpixels(app: AppTest) -> None:
    app.query_params["b-lime-samples"] = "50"
    app.query_params["b-lime-superpixels"] = "10"
    app.selectbox(key="b-method").set_value("lime")
    run(app)
    packed = panels(app)[1]["maps"][0]
    blocks = np.frombuffer(base64.b64decode(packed["blocks"]), "<u2").reshape(128, 128)
    shown = values(packed)
    for block in np.unique(blocks):
        assert np.ptp(shown[blocks == block]) == 0
    assert panels(app)[0]["maps"][0]["blocks"] is None
    app.toggle(key=keys.SAMPLES).set_value(True)
    run(app)
    assert "Over the 5 sample photos" in words(app)


def test_each_map_is_shown_while_the_network_forgets(
    app: AppTest, classifier: Classifier, kitten: Photo
) -> None:
    assert "The network as it is" not in words(app)
    app.toggle(key=keys.FORGETTING).set_value(True)
    run(app)
    batch = classifier.preprocess([xaicore.load_photo(kitten.data)])
    said = words(app)
    for name in ("lrp", "gradcam"):
        found = randomise(by_method(name), classifier, batch, classifier.predicted(batch))
        assert follow_sentence(EXPLAINERS[name].label, float(found.scores[0])) in said
        # Grad-CAM's map of a network that knows nothing may be empty.
        known = found.correlations[0][~np.isnan(found.correlations[0])]
        assert len(known) > 2
        for correlation in known:
            figure = format_number(correlation, 2)
            told = f"{figure}, rather" if correlation < 0 else f"still {figure} like the first map"
            assert told in said


@pytest.mark.parametrize(
    ("score", "expected"),
    [(1.0000001, "hardly"), (0.6, "hardly"), (0.3, "in part"), (0.1, "follows"), (-0.9, "follows")],
)
def test_what_is_said_of_following(score: float, expected: str) -> None:
    assert expected in follow_sentence("LRP", score)
    assert "cannot be compared" in follow_sentence("LRP", float("nan"))


def test_two_of_lime_do_not_cancel_each_other(app: AppTest) -> None:
    for letter, samples in (("a", "50"), ("b", "60")):
        app.query_params[f"{letter}-lime-samples"] = samples
        app.query_params[f"{letter}-lime-superpixels"] = "10"
        app.selectbox(key=f"{letter}-method").set_value("lime")
    run(app)
    first, second = (panel["maps"][0] for panel in panels(app))
    assert (values(first) != values(second)).any()
    assert not app.error


def test_a_flipped_photo_s_map_is_expected_flipped(
    app: AppTest, classifier: Classifier, kitten: Photo
) -> None:
    app.segmented_control(key=keys.CHANGE).set_value("flip")
    run(app)
    batch = classifier.preprocess([xaicore.load_photo(kitten.data)])
    target = [int(classifier.predicted(batch)[0])]
    for name, label in (("lrp", "LRP"), ("gradcam", "Grad-CAM")):
        before, after = (
            xaicore.explain(classifier, photo, name, target).maps[0]
            for photo in (batch, batch.flip(-1))
        )
        expected = rank_correlation(before[:, ::-1], after)
        (said,) = (line for line in words(app).splitlines() if line.startswith(f"**{label}** "))
        # The page's changed photo has whole levels of colour.
        assert float(said.split()[-1].rstrip(".").replace("−", "-")) == pytest.approx(
            expected, abs=0.02
        )


def test_a_photo_is_changed_where_the_network_looks(
    app: AppTest, classifier: Classifier, kitten: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    middle = Preprocessing(128, classifier.mean, classifier.std, resize=("crop", 0.8))
    cropping = Classifier(classifier.net, device="cpu", preprocessing=middle)
    monkeypatch.setattr(zoo, "load_classifier", lambda: cropping)
    st.cache_resource.clear()
    app.segmented_control(key=keys.CHANGE).set_value("flip")
    run(app)
    assert "Only the part that the network sees is changed." in words(app)
    batch = cropping.preprocess([xaicore.load_photo(kitten.data)])
    target = int(cropping.predicted(batch)[0])
    after = cropping.predict(batch.flip(-1))[0, target]
    (said,) = (line for line in words(app).splitlines() if "The network now says" in line)
    assert float(said.split(" at ")[1].split("%")[0]) == pytest.approx(100 * after, abs=0.5)


def test_an_empty_map_is_said_to_be_empty(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    real = xaicore.explain

    def empty(*args: Any, **settings: Any) -> xaicore.Explanation:
        explanation = real(*args, **settings)
        if explanation.settings["explainer"] == "gradcam":
            explanation.maps[:] = 0
        return explanation

    monkeypatch.setattr(xaicore, "explain", empty)
    st.cache_resource.clear()
    run(app)
    assert "No evidence: the map is zero everywhere." in words(app)
    assert "Grad-CAM is the same everywhere and cannot be compared" in words(app)
    assert "No duel: the map of Grad-CAM is the same everywhere." in words(app)
