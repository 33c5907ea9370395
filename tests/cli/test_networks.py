"""Networks that people bring, on the command line: explained, evaluated or refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from tests.cli.networks import (
    sentence,
    status,
    write_bundle,
    write_mobilenet,
    write_photos,
)
from tests.networks.everyday import Answering, body
from tests.networks.importing_files import onnx_file, small_mobilenet
from xaicore import explain, load_photo, score_maps
from xaicore.evaluation.evaluate import evaluate
from xaicore.evaluation.plan import EvaluationError, Plan
from xaicore.evaluation.store import Store
from xaicore.metrics.base import PROTOCOLS
from xaicore.networks.classifier import Classifier
from xaicore.networks.importing.load import load_network
from xaicore.networks.preprocessing import Preprocessing
from xaicore.render import to_display_size


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("shared") / "photos", 4) / "0.png"


def words_of(folder: Path) -> dict:
    return json.loads((folder / "scores.json").read_text())


def answers(classifier: Classifier, photo: Path) -> list[float]:
    return classifier.predict(classifier.preprocess([load_photo(photo)]))[0].tolist()


def test_explain_takes_one_output_and_says_what_it_took_for_granted(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = write_mobilenet(tmp_path / "net.safetensors", classes=1)
    said = ("--architecture", "mobilenet_v3_small", "--size", "64x48", "--mean", "0,0,1/4")
    more = ("--std", "1/255", "--resize", "crop:0.5", "--labels", 'a, "b, c"')
    command = ("explain", photo, "--network", network, *said, *more, "--methods", "gradcam")
    assert status(*command, "--target-layer", "features.0.0", "--out", tmp_path / "out") == 0
    classifier = load_network(
        *(network, "mobilenet_v3_small", ("a", "b, c"), (64, 48), (0, 0, 0.25), 1 / 255),
        *(("crop", 0.5), "features.0.0", "cpu"),
    )
    assert capsys.readouterr().err.splitlines() == list(classifier.notes)
    assert any("one output" in note for note in classifier.notes)
    with torch.no_grad():
        batch = classifier.preprocess([load_photo(photo)]).contiguous()
        yes = small_mobilenet(1)(batch.cpu()).double().sigmoid().item()
    found = words_of(tmp_path / "out")["probabilities"]
    assert found == pytest.approx({"a": 1 - yes, "b, c": yes}, abs=1e-5)
    with np.load(tmp_path / "out" / "maps.npz") as kept:
        assert kept["gradcam_maps"].shape == (1, 64, 48)


def test_explain_takes_a_zip_that_says_all(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = write_bundle(tmp_path / "net.zip")
    command = ("explain", photo, "--network", network, "--methods", "gradcam")
    assert status(*command, "--out", tmp_path / "out") == 0
    assert capsys.readouterr().err == ""
    net = small_mobilenet(3)
    preprocessing = Preprocessing(64, 0.5, 0.25)
    with torch.no_grad():
        expected = net(preprocessing.preprocess([load_photo(photo)])).double().softmax(1)[0]
    found = words_of(tmp_path / "out")["probabilities"]
    assert list(found) == ["fox", "owl", "yak"]
    assert list(found.values()) == pytest.approx(expected.tolist(), abs=1e-5)
    # What is given wins over the zip.
    assert status(*command, "--labels", "x,y,z", "--out", tmp_path / "out") == 0
    assert list(words_of(tmp_path / "out")["probabilities"]) == ["x", "y", "z"]


def test_explain_takes_an_onnx_file_by_every_usual_method(photo: Path, tmp_path: Path) -> None:
    for library in ("onnx", "onnxruntime", "onnx2fx"):
        pytest.importorskip(library)
    network = tmp_path / "net.onnx"
    network.write_bytes(onnx_file(body(3, channels=1), channels=1))
    command = ("explain", photo, "--network", network, "--labels", "x,y,z", "--resize", "crop:0.5")
    assert status(*command, "--out", tmp_path / "out") == 0
    words = words_of(tmp_path / "out")
    classifier = Classifier(
        *(body(3, channels=1), ("x", "y", "z")),
        preprocessing=Preprocessing(32, 0.5, 0.5, ("crop", 0.5), 1),
        device="cpu",
    )
    assert list(words["probabilities"].values()) == pytest.approx(
        answers(classifier, photo), abs=1e-5
    )
    assert words["refused"] == {}
    assert {"lrp", "gradcam", "deeplift", "lime"} <= set(words["methods"])
    with Image.open(tmp_path / "out" / "lrp.png") as overlay:
        whole = to_display_size(load_photo(photo))
        changed = np.any(np.asarray(overlay) != np.asarray(whole), 2)
    left, top, right, bottom = classifier.preprocessing.seen_box(whole.size)
    rows, columns = changed.any(1).nonzero()[0], changed.any(0).nonzero()[0]
    # To the pixel of the map, which the picture stretches.
    pixel = (right - left) / 32
    assert (rows.min(), rows.max()) == pytest.approx((top, bottom), abs=2 * pixel)
    assert (columns.min(), columns.max()) == pytest.approx((left, right), abs=2 * pixel)


def cannot_be_rewritten() -> Classifier:
    """A network whose sorted scores LRP and DeepLIFT have no rule for."""
    return Classifier(Answering(lambda y: y.sort(1)[0]), size=32, device="cpu")


def test_methods_that_a_network_does_not_get_are_named_and_the_others_written(
    photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(
        "xaicore.networks.classifier.load_classifier", lambda *given: cannot_be_rewritten()
    )
    command = ("explain", photo, "--out", tmp_path, "--methods")
    assert status(*command, "lrp", "gradcam") == 0
    words = words_of(tmp_path)
    assert list(words["methods"]) == ["gradcam"]
    assert list(words["refused"]) == ["lrp"]
    assert words["refused"]["lrp"] == sentence(capsys)
    assert words["refused"]["lrp"].startswith("LRP cannot explain this network: Answering: there")
    assert not (tmp_path / "lrp.png").exists()
    assert (tmp_path / "gradcam.png").exists()
    assert status(*command, "deeplift", "lrp") == 2
    assert "DeepLIFT cannot explain this network" in sentence(capsys)


def test_evaluate_refuses_a_method_before_it_starts(
    photo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 2))
    classifier = Classifier(net, size=32, device="cpu")
    monkeypatch.setattr("xaicore.networks.classifier.load_classifier", lambda *given: classifier)
    store = f"sqlite:///{tmp_path / 'store.db'}"
    command = ("evaluate", "--photos", photo.parent, "--store", store, "--metrics", "ad")
    assert status(*command, "--methods", "deeplift", "gradcam") == 2
    assert sentence(capsys).startswith("Grad-CAM cannot explain this network: it looks at the maps")
    with pytest.raises(EvaluationError, match="Grad-CAM cannot explain this network"):
        evaluate(classifier, [], Plan(methods=("gradcam",)), Store(store))
    assert Store(store).runs() == []
    assert status(*command, "--methods", "deeplift") == 0


def test_grad_cam_is_refused_where_the_layer_is_no_convolution(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = write_bundle(tmp_path / "net.zip")
    command = ("explain", photo, "--network", network, "--out", tmp_path, "--methods", "gradcam")
    assert status(*command, "--target-layer", "features.0.1") == 2
    assert "'features.0.1' is none" in sentence(capsys)
    assert status(*command, "--target-layer", "nowhere") == 2
    assert "no layer named 'nowhere'" in sentence(capsys)


def test_evaluate_scores_a_network_of_other_classes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The folder's name is a class of PetNet's, and none of this network's.
    photos = write_photos(tmp_path / "Cat", 3)
    network = write_bundle(tmp_path / "net.zip")
    store = f"sqlite:///{tmp_path / 'store.db'}"
    command = ("evaluate", "--photos", photos, "--network", network, "--methods", "gradcam", "lrp")
    scores = ("--metrics", "ad", "--mosaics", 1, "--controls")
    assert status(*command, *scores, "--store", store, "--out", tmp_path / "out") == 0
    assert "3 photos." in capsys.readouterr().out
    rows = pd.read_csv(tmp_path / "out" / "rows.csv")
    assert set(rows["predicted"]) <= {"fox", "owl", "yak"}
    assert rows["label"].isna().all()
    classifier = load_network(network, device="cpu")
    expected = [max(answers(classifier, photos / f"{n}.png")) for n in range(3)]
    found = rows[rows["method"] == "lrp"].sort_values("position")
    assert found["probability"].tolist() == pytest.approx(expected, abs=1e-5)
    batch = classifier.preprocess([load_photo(photos / f"{n}.png") for n in range(3)])
    maps = explain(classifier, batch, "lrp").maps
    scores = score_maps(classifier, batch, maps, None, ["ad"], PROTOCOLS["gomez"])
    assert found["ad"].tolist() == pytest.approx(scores["ad"].tolist(), abs=1e-4)


FACTS = ("--architecture", "resnet18")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--network", "a", "--weights", "b"), "--weights: not allowed with argument --network"),
        (FACTS, "--architecture says something of a --network, and none is given"),
        (("--weights", "a", "--target-layer", "b"), "--target-layer says something of a --network"),
        (("--network", "nowhere"), "There is no file or folder at nowhere"),
        (("--network", "n", "--size", "big"), "'big' is neither a side, such as 224, nor"),
        (("--network", "n", "--size", "2x"), "'2x' is neither"),
        (("--network", "n", "--mean", "red"), "'red' is not a number"),
        (("--network", "n", "--std", "1/0"), "'1/0' is not a number"),
        (("--network", "n", "--resize", "squash"), "'squash' is neither stretch nor crop:AMOUNT"),
        (("--network", "n", "--resize", "crop:much"), "'much' is not a number"),
        (("--network", "n", "--labels", "cat"), "at least two names"),
    ],
)
@pytest.mark.parametrize("command", ["explain", "evaluate"])
def test_what_does_not_go_together_gets_a_sentence(
    command: str,
    arguments: tuple[str, ...],
    says: str,
    photo: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    of_photos = (photo, "--out", tmp_path) if command == "explain" else ("--photos", photo.parent)
    assert status(command, *of_photos, *arguments) == 2
    assert says in sentence(capsys)


def test_names_that_classes_share_are_numbered(photo: Path, tmp_path: Path) -> None:
    network = write_bundle(tmp_path / "net.zip")
    command = ("explain", photo, "--network", network, "--labels", "crane,owl,crane")
    assert status(*command, "--methods", "gradcam", "--out", tmp_path / "out") == 0
    found = words_of(tmp_path / "out")["probabilities"]
    assert list(found) == ["crane (0)", "owl", "crane (2)"]
    assert sum(found.values()) == pytest.approx(1)


def test_ray_evaluates_weights_only(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ("evaluate", "--photos", photo.parent, "--network", "n", "--ray", "local")
    assert status(*command) == 2
    assert "--ray evaluates PetNet's weights only" in sentence(capsys)


def test_networks_that_do_not_fit_get_a_sentence(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = write_mobilenet(tmp_path / "net.safetensors")
    command = ("explain", photo, "--out", tmp_path / "out", "--network", network)
    assert status(*command) == 2
    assert "does not say of which network" in sentence(capsys)
    assert status(*command, "--architecture", "resnet18") == 2
    assert "do not fit resnet18" in sentence(capsys)
    known = (*command, "--architecture", "mobilenet_v3_small")
    assert status(*known, "--labels", "fox,owl") == 2
    assert "3 classes, but 2 labels" in sentence(capsys)
    assert status(*known, "--mean", "0,1") == 2
    assert "'0,1' is neither one number nor three" in sentence(capsys)
    assert status(*known, "--resize", "crop:7") == 2
    assert "resize is" in sentence(capsys)
