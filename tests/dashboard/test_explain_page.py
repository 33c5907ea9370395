"""The Explain page as a person reads it, from the entrypoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import xaicore
from dashboard import services, state
from dashboard.state import Photo
from tests.bad_photos import BAD_PHOTOS
from xaicore import EXPLAINERS, Classifier, ClassifierError
from xaicore.photos import MAX_BYTES
from xaicore.render import Look, draw_outlines, keep_best, measure_scale, render

APP = Path(__file__).parents[2] / "dashboard" / "app.py"
PATIENCE = 300


def run(app: AppTest) -> AppTest:
    """Run until LIME has answered too; nothing may fail on the way."""
    app.run()
    assert not app.exception
    if state._JOBS in app.session_state:
        for pending in app.session_state[state._JOBS].values():
            assert pending.job.wait(PATIENCE)
        app.run()
    assert not app.exception
    return app


@pytest.fixture
def app() -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=PATIENCE)
    app.query_params["lime-samples"] = "50"
    app.query_params["lime-superpixels"] = "10"
    return run(app)


def words(app: AppTest) -> str:
    return "\n".join(element.value for element in [*app.title, *app.markdown, *app.caption])


def proof(
    classifier: Classifier, photo: Photo, name: str, target: int, **parameters: object
) -> str:
    batch = classifier.preprocess([xaicore.load_photo(photo.data)])
    explanation = xaicore.explain(classifier, batch, name, [target], **parameters)
    checks = {check: values[0] for check, values in explanation.checks.items()}
    return EXPLAINERS[name].prove(checks).text


def test_first_visit_shows_a_finished_example(app: AppTest) -> None:
    assert app.subheader.values == ["LRP", "Grad-CAM", "DeepLIFT", "LIME"]
    # The photo and its thumbnail, then a map and a legend a method.
    assert len(app.get("image")) == 2 + 2 * 4
    assert "Loliloli, public domain" in words(app)
    assert "Choose your own photo" in words(app)
    assert not app.error


def test_verdict_is_the_network_s(app: AppTest, classifier: Classifier, kitten: Photo) -> None:
    batch = classifier.preprocess([xaicore.load_photo(kitten.data)])
    cat, dog = classifier.predict(batch)[0]
    assert app.title[0].value == f"This looks like a {'cat' if cat > dog else 'dog'}"
    bars = [bar.proto.text for bar in app.get("progress")]
    assert bars == [f"Cat · {cat:.1%}", f"Dog · {dog:.1%}"]
    assert "It only knows cats and dogs" in words(app)


def test_every_map_carries_its_own_proof(
    app: AppTest, classifier: Classifier, kitten: Photo
) -> None:
    target = int(services.predict(kitten).argmax())
    for name in ("lrp", "gradcam", "deeplift"):
        assert proof(classifier, kitten, name, target) in words(app)
    lime = proof(classifier, kitten, "lime", target, samples=50, superpixels=10)
    assert lime in words(app)


def test_another_class_is_explained_on_request(
    app: AppTest, classifier: Classifier, kitten: Photo
) -> None:
    for target, label in enumerate(classifier.labels):
        app.segmented_control(key=state.CLASS).set_value(label)
        run(app)
        assert app.header[0].value == f"What speaks for {label}"
        assert f"for {label}" in app.caption.values
        assert proof(classifier, kitten, "lrp", target) in words(app)


def test_alpha_changes_one_map_and_shows_beta(
    app: AppTest, classifier: Classifier, kitten: Photo
) -> None:
    target = int(services.predict(kitten).argmax())
    before = {name: shown.explanation.maps for name, shown in shown_maps(app).items()}
    app.slider(key="lrp-alpha").set_value(3.0)
    run(app)
    assert "β = α − 1 = 2.0" in words(app)
    assert proof(classifier, kitten, "lrp", target, alpha=3.0) in words(app)
    after = {name: shown.explanation.maps for name, shown in shown_maps(app).items()}
    changed = [name for name in after if not np.array_equal(before[name], after[name])]
    assert changed == ["lrp"]


def shown_maps(app: AppTest) -> dict[str, state.Shown]:
    return dict(app.session_state[state._SHOWN])


def test_reset_brings_the_defaults_back(app: AppTest) -> None:
    before = shown_maps(app)["lrp"].explanation.maps
    app.slider(key="lrp-alpha").set_value(3.0)
    run(app)
    app.button(key="lrp-reset").click()
    run(app)
    assert app.slider(key="lrp-alpha").value == 2.0
    assert app.button(key="lrp-reset").disabled
    np.testing.assert_array_equal(shown_maps(app)["lrp"].explanation.maps, before)


def test_the_best_superpixels_are_shown_alone_and_outlined(app: AppTest) -> None:
    everything = shown_maps(app)["lime"]
    app.select_slider(key="lime-best").set_value(1)
    run(app)
    best = shown_maps(app)["lime"]
    np.testing.assert_array_equal(best.explanation.maps, everything.explanation.maps)
    photo = services.picture(app.session_state[state._PHOTO])
    saliency, segments = best.explanation.maps[0], best.explanation.extras["segments"][0]
    look = Look(signed=False)
    scale = measure_scale(saliency, look)
    overlay = render(photo, keep_best(saliency, segments, 1), look, scale)
    np.testing.assert_array_equal(best.picture, draw_outlines(overlay, segments))
    assert not np.array_equal(best.picture, everything.picture)


def test_every_parameter_has_a_control_with_its_help(app: AppTest) -> None:
    for explainer in (entry for entry in EXPLAINERS.values() if not entry.extra):
        for parameter in explainer.parameters:
            key = state.parameter_key(explainer, parameter.name)
            kinds = (app.slider, app.select_slider, app.selectbox, app.number_input)
            (control,) = (widget for kind in kinds for widget in kind if widget.key == key)
            assert (control.label, control.help) == (parameter.label, parameter.help)


def test_positive_only_says_so_when_nothing_speaks_for_the_class(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = xaicore.explain

    def all_against(*args: object, **settings: object) -> xaicore.Explanation:
        explanation = real(*args, **settings)
        explanation.maps[:] = -np.abs(explanation.maps)
        return explanation

    monkeypatch.setattr(xaicore, "explain", all_against)
    services._remember.clear()
    app.segmented_control(key=state.EVIDENCE).set_value("for")
    run(app)
    assert "No positive evidence" in words(app)
    assert not app.error


@pytest.mark.parametrize("name", [n for n, b in BAD_PHOTOS.items() if len(b.data) <= MAX_BYTES])
def test_a_bad_photo_gets_its_sentence_and_the_page_stays(name: str, app: AppTest) -> None:
    before = words(app)
    app.segmented_control(key=state.SOURCE).set_value("upload")
    run(app)
    app.file_uploader(key=state.UPLOAD).set_value((name, BAD_PHOTOS[name].data, "image/jpeg"))
    run(app)
    (error,) = app.error
    assert BAD_PHOTOS[name].says in error.value
    assert words(app) == before


def test_a_broken_camera_picture_gets_its_sentence(app: AppTest) -> None:
    before = words(app)
    app.segmented_control(key=state.SOURCE).set_value("camera")
    run(app)
    app.camera_input(key=state.CAMERA).set_value(("shot.jpg", b"\xff\xd8broken", "image/jpeg"))
    run(app)
    assert "not a picture" in app.error[0].value
    assert words(app) == before


def test_an_upload_is_explained_and_kept(app: AppTest, shepherd: Photo) -> None:
    app.segmented_control(key=state.SOURCE).set_value("upload")
    run(app)
    app.file_uploader(key=state.UPLOAD).set_value(("dog.jpg", shepherd.data, "image/jpeg"))
    run(app)
    bars = [bar.proto.text for bar in app.get("progress")]
    assert bars[1] == f"Dog · {services.predict(shepherd)[1]:.1%}"
    # The camera is opened, nothing taken: the photo on the page is still the upload.
    app.segmented_control(key=state.SOURCE).set_value("camera")
    run(app)
    assert [bar.proto.text for bar in app.get("progress")] == bars


def test_without_weights_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Classifier:
        raise ClassifierError("There is no weights file at here.")

    monkeypatch.setattr(xaicore, "load_classifier", missing)
    app = AppTest.from_file(str(APP), default_timeout=PATIENCE).run()
    assert not app.exception
    assert [error.value for error in app.error] == ["There is no weights file at here."]
