"""The Explain page as a person reads it, from the entrypoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import streamlit as st
import torch
import torchvision
from streamlit.testing.v1 import AppTest

import xaicore
from dashboard.shared import state
from dashboard.shared.photos import Photo, picture_of, predict
from dashboard.sidebar import PREDICTED
from tests.bad_photos import BAD_PHOTOS
from tests.dashboard.walk import PATIENCE, jobs_of, visit, words
from xaicore import EXPLAINERS, Classifier, ClassifierError
from xaicore.networks import zoo
from xaicore.networks.classifier import weights_of
from xaicore.networks.petnet import PetNet
from xaicore.render import Look, draw_outlines, keep_best, measure_scale, render


def run(app: AppTest) -> AppTest:
    """Run until LIME has answered too; nothing may fail on the way."""
    app.run()
    assert not app.exception
    jobs = jobs_of(app)
    if jobs:
        assert all(job.wait(PATIENCE) for job in jobs)
        app.run()
    assert not app.exception
    return app


@pytest.fixture
def app() -> AppTest:
    app = visit("explain")
    app.query_params["lime-samples"] = "50"
    app.query_params["lime-superpixels"] = "10"
    return run(app)


def proof(classifier: Classifier, photo: Photo, name: str, target: int, **parameters: Any) -> str:
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
    target = int(predict(classifier, kitten).argmax())
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
    target = int(predict(classifier, kitten).argmax())
    before = {name: shown.explanation.maps for name, shown in shown_maps(app).items()}
    app.slider(key="lrp-alpha").set_value(3.0)
    run(app)
    assert "β = α − 1 = 2.0" in words(app)
    assert proof(classifier, kitten, "lrp", target, alpha=3.0) in words(app)
    after = {name: shown.explanation.maps for name, shown in shown_maps(app).items()}
    changed = [name for name in after if not np.array_equal(before[name], after[name])]
    assert changed == ["lrp"]


def shown_maps(app: AppTest) -> dict[str, state.Card]:
    return dict(app.session_state[state._CARDS])


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
    photo = picture_of(app.session_state[state._PHOTO])
    saliency, segments = best.explanation.maps[0], best.explanation.extras["segments"][0]
    look = Look(signed=False)
    scale = measure_scale(saliency, look)
    overlay = render(photo, keep_best(saliency, segments, 1), look, scale)
    assert best.picture == draw_outlines(overlay, segments)
    assert best.picture != everything.picture


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

    def all_against(*args: Any, **settings: Any) -> xaicore.Explanation:
        explanation = real(*args, **settings)
        explanation.maps[:] = -np.abs(explanation.maps)
        return explanation

    monkeypatch.setattr(xaicore, "explain", all_against)
    st.cache_resource.clear()
    app.segmented_control(key=state.EVIDENCE).set_value("for")
    run(app)
    assert "No positive evidence" in words(app)
    assert not app.error


@pytest.mark.parametrize("name", BAD_PHOTOS)
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


def test_an_upload_is_explained_and_kept(
    app: AppTest, classifier: Classifier, shepherd: Photo
) -> None:
    app.segmented_control(key=state.SOURCE).set_value("upload")
    run(app)
    app.file_uploader(key=state.UPLOAD).set_value(("dog.jpg", shepherd.data, "image/jpeg"))
    run(app)
    bars = [bar.proto.text for bar in app.get("progress")]
    assert bars[1] == f"Dog · {predict(classifier, shepherd)[1]:.1%}"
    # The camera is opened, nothing taken: the photo on the page is still the upload.
    app.segmented_control(key=state.SOURCE).set_value("camera")
    run(app)
    assert [bar.proto.text for bar in app.get("progress")] == bars


def test_without_weights_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Classifier:
        raise ClassifierError("There is no weights file at here.")

    monkeypatch.setattr(zoo, "load_classifier", missing)
    app = visit("explain").run()
    assert not app.exception
    assert [error.value for error in app.error] == ["There is no weights file at here."]


def test_the_lead_is_explained_on_request_and_said(
    app: AppTest, classifier: Classifier, kitten: Photo
) -> None:
    assert words(app).count("Explains the score (logit) of the class.") == 3
    assert "Explains the probability of the class." in words(app)
    app.segmented_control(key=state.SCORE).set_value("margin")
    run(app)
    assert words(app).count("(margin of logits).") == 4
    batch = classifier.preprocess([xaicore.load_photo(kitten.data)])
    target = [int(predict(classifier, kitten).argmax())]
    direct = xaicore.explain(classifier, batch, "deeplift", target, target="margin")
    np.testing.assert_array_equal(shown_maps(app)["deeplift"].explanation.maps, direct.maps)


def test_more_methods_are_shown_on_request(app: AppTest) -> None:
    app.query_params["occlusion-patch"] = "64"
    app.pills(key=state.MORE).set_value(["occlusion"])
    run(app)
    assert app.subheader.values == ["LRP", "Grad-CAM", "DeepLIFT", "LIME", "Occlusion"]
    assert "the worst patch takes" in words(app)


def test_the_network_that_cheats_says_so(app: AppTest) -> None:
    note = zoo.NETWORKS["petnet-cheats"].note
    assert note not in words(app)
    app.selectbox(key=state.NETWORK).set_value("petnet-cheats")
    run(app)
    assert note in words(app)


def test_a_network_that_must_be_downloaded_is_offered_and_petnet_stays(
    app: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: Any, **__: Any) -> None:
        raise URLError("no route")

    monkeypatch.setattr(zoo, "cached_file", lambda _url: tmp_path / "absent.pth")
    monkeypatch.setattr(zoo.urllib.request, "urlopen", offline)
    before = app.title[0].value
    app.selectbox(key=state.NETWORK).set_value("resnet18")
    run(app)
    assert "until then PetNet answers" in words(app)
    (download,) = (button for button in app.button if button.label == "Download 45 MB")
    download.click().run()
    assert not app.exception
    assert "ResNet-18 could not be downloaded" in app.error[0].value
    assert app.title[0].value == before


def test_one_s_own_weights_answer(app: AppTest, tmp_path: Path) -> None:
    torch.manual_seed(8)
    net = PetNet()
    (tmp_path / "own.safetensors").write_bytes(weights_of(net))
    app.selectbox(key=state.NETWORK).set_value("own")
    run(app)
    assert "the bundled PetNet answers" in words(app)
    data = (tmp_path / "own.safetensors").read_bytes()
    app.file_uploader(key=state.WEIGHTS).set_value(("own.safetensors", data, "application/x"))
    run(app)
    fingerprint = xaicore.load_network(data).fingerprint
    assert shown_maps(app)["lrp"].explanation.settings["network"] == fingerprint
    assert "2 classes" in words(app)
    app.file_uploader(key=state.WEIGHTS).set_value(("own.safetensors", b"{}", "application/x"))
    run(app)
    assert "This file" in app.error[0].value
    assert "Traceback" not in app.error[0].value


def test_another_network_has_its_own_classes_and_layers(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = torchvision.models.mobilenet_v3_small(num_classes=6)
    other = Classifier(net, [f"thing {n}" for n in range(6)], size=64, device="cpu")
    entry = zoo.Network("resnet18", "ResNet-18", "six things", lambda _report: other)
    monkeypatch.setitem(xaicore.NETWORKS._entries, "resnet18", entry)
    app.selectbox(key=state.NETWORK).set_value("resnet18")
    run(app)
    assert "It only knows six things" in words(app)
    assert app.title[0].value.startswith("This looks like a thing ")
    layer = app.selectbox(key="gradcam-layer-resnet18")
    assert layer.value == other.target_layer == "features.12.0"
    app.selectbox(key="class-resnet18").set_value(3)
    run(app)
    assert app.header[0].value == "What speaks for thing 3"
    assert not app.error


def test_a_class_chosen_for_another_photo_is_not_kept_where_it_makes_no_sense(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = torchvision.models.mobilenet_v3_small(num_classes=6)
    # Decided: of six classes that are equally likely each one would make sense.
    with torch.no_grad():
        net.classifier[-1].bias.copy_(torch.tensor([99.0, 0, 0, 0, 0, 0]))
    other = Classifier(net, [f"thing {n}" for n in range(6)], size=64, device="cpu")
    entry = zoo.Network("resnet18", "ResNet-18", "six things", lambda _report: other)
    monkeypatch.setitem(xaicore.NETWORKS._entries, "resnet18", entry)
    app.selectbox(key=state.NETWORK).set_value("resnet18")
    run(app)
    box = app.selectbox(key="class-resnet18")
    assert box.value == PREDICTED
    likely = predict(other, app.session_state[state._PHOTO]).argsort()[::-1]
    box.set_value(int(likely[-1]))
    run(app)
    assert app.header[0].value == f"What speaks for thing {likely[-1]}"
    # On the photo that it was chosen for it stays, whatever else changes.
    app.slider(key=state.OPACITY).set_value(50)
    run(app)
    assert app.header[0].value == f"What speaks for thing {likely[-1]}"
    app.selectbox(key=state.SAMPLE).set_value("german-shepherd")
    run(app)
    assert app.selectbox(key="class-resnet18").value == PREDICTED
    predicted = int(predict(other, app.session_state[state._PHOTO]).argmax())
    assert app.header[0].value == f"What speaks for thing {predicted}"


def test_a_class_that_another_network_does_not_know_is_forgotten(
    app: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = torchvision.models.mobilenet_v3_small(num_classes=3)
    other = Classifier(net, ["cat", "dog", "bird"], size=64, device="cpu")
    entry = zoo.Network("resnet18", "ResNet-18", "three things", lambda _report: other)
    monkeypatch.setitem(xaicore.NETWORKS._entries, "resnet18", entry)
    app.selectbox(key=state.NETWORK).set_value("resnet18")
    run(app)
    app.segmented_control(key=state.CLASS).set_value("bird")
    run(app)
    assert app.header[0].value == "What speaks for bird"
    app.selectbox(key=state.NETWORK).set_value("petnet")
    run(app)
    assert app.segmented_control(key=state.CLASS).value == PREDICTED
    assert app.header[0].value in ("What speaks for cat", "What speaks for dog")
