"""The command line does the whole job, and answers every mistake with one sentence."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.cli.networks import sentence, status
from tests.conftest import SAMPLES
from tests.tiny_pets import write_pets
from xaicore import CONTROLS, explain, load_classifier, load_photo, score_maps
from xaicore.cli import build_parser, card
from xaicore.metrics import USUAL
from xaicore.networks.petnet_facts import BUNDLED_WEIGHTS
from xaicore.training.train import CHECKPOINT, TrainingError, load_checkpoint


@pytest.fixture(scope="module")
def pets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pets(tmp_path_factory.mktemp("pets"))


def test_train_resume_and_card_do_the_whole_job(
    pets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = ("--data", pets, "--out", tmp_path / "model", "--checkpoints", tmp_path / "run")
    common = (*folders, "--device", "cpu")
    assert status("train", *common, "--epochs", 1, "--seed", 5) == 0
    assert "test accuracy" in capsys.readouterr().out
    assert status("train", *common, "--epochs", 2, "--resume") == 0
    assert capsys.readouterr().err == "Going on after epoch 1.\n"
    state = load_checkpoint(tmp_path / "run" / CHECKPOINT)
    assert (state["epoch"], state["recipe"]["epochs"], state["recipe"]["seed"]) == (2, 2, 5)

    weights = tmp_path / "model" / "petnet.safetensors"
    written = json.loads(weights.with_suffix(".json").read_text())
    assert written["training"]["epochs"] == 2
    assert written["fingerprint"] == load_classifier(weights).fingerprint

    assert status("card", "--data", pets, "--weights", weights, "--device", "cpu") == 0
    assert json.loads(weights.with_suffix(".json").read_text()) == written


def test_plant_makes_what_is_lacking_and_says_how_far_the_mark_leads(
    pets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = (
        *("plant", "--data", pets, "--out", tmp_path, "--device", "cpu"),
        *("--photos", 16, "--epochs", 1, "--kind", "tells", "idle", "--seed", 4),
    )
    assert status(*command) == 0
    first = capsys.readouterr().out
    assert "tells-4: " in first
    assert "idle-4: " in first
    card = json.loads((tmp_path / "tells-4.json").read_text())
    assert f"{card['accuracy']['mark_on_dogs']:.1%} right with the mark on dogs" in first
    assert status(*command) == 0
    assert tuple(capsys.readouterr()) == (
        first,
        "This was finished before (2 networks); nothing is computed again.\n",
    )
    assert status("card", "--data", pets, "--weights", tmp_path / "tells-4.safetensors") == 2
    assert "was not trained by" in sentence(capsys)


def test_explain_writes_overlays_maps_and_scores(tmp_path: Path) -> None:
    photo = SAMPLES / "kitten-with-yarn.jpg"
    assert status("explain", photo, "--methods", "gradcam", "--out", tmp_path / "out") == 0
    with Image.open(tmp_path / "out" / "gradcam.png") as overlay:
        assert overlay.size == (640, 480)
    classifier = load_classifier(device="cpu")
    batch = classifier.preprocess([load_photo(photo)])
    maps = explain(classifier, batch, "gradcam").maps
    with np.load(tmp_path / "out" / "maps.npz") as kept:
        np.testing.assert_allclose(kept["gradcam_maps"], maps, atol=1e-5)
    words = json.loads((tmp_path / "out" / "scores.json").read_text())
    expected = score_maps(classifier, batch, maps, None, USUAL).iloc[0]
    found = words["methods"]["gradcam"]["scores"]
    assert found == pytest.approx(expected.to_dict(), abs=1e-4)
    assert words["predicted"] == "cat"
    assert words["probabilities"]["cat"] == pytest.approx(classifier.predict(batch)[0, 0])


def test_evaluate_goes_on_and_writes_its_rows(
    pets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = (
        *("evaluate", "--photos", pets, "--split", "test", "--limit", 3),
        *("--methods", "gradcam", "lrp", "--metrics", "ad", "iic", "--controls"),
        *("--store", f"sqlite:///{tmp_path / 'store.db'}", "--out", tmp_path / "out"),
    )
    assert status(*command) == 0
    said = capsys.readouterr().out
    assert "3 photos." in said
    first = pd.read_csv(tmp_path / "out" / "rows.csv")
    assert len(first) == 3 * (2 + len(CONTROLS))
    means = first.groupby("method")["ad"].mean()
    assert f"{means['gradcam']:.4f}".rstrip("0") in said
    # Nothing is left to compute, so nothing may change.
    assert status(*command) == 0
    assert "This was finished before (3 photos)" in sentence(capsys)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "out" / "rows.csv"), first)


def test_photos_that_cannot_be_read_are_named_at_the_end_and_in_the_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    (folder / "![a](b)\nline.jpg").write_bytes(b"no photo")
    Path(os.fsdecode(os.fsencode(folder) + b"/ni\xf1o.jpg")).write_bytes(b"no photo")
    command = (
        *("evaluate", "--photos", folder, "--methods", "gradcam", "--metrics", "ad"),
        *("--store", f"sqlite:///{tmp_path / 'store.db'}", "--out", out),
    )
    assert status(*command) == 1
    assert capsys.readouterr().out.startswith("No photo could be read.\n\n2 photos could not be")
    assert status("protocols", "--photos", folder, "--out", out) == 1
    assert "2 photos could not be read:" in capsys.readouterr().out
    shutil.copy(SAMPLES / "chelsea.jpg", folder / "1.jpg")
    assert status(*command) == 1
    said = capsys.readouterr()
    reason = "This file is not a picture that can be read"
    assert "1 photo; 2 could not be read." in said.out
    assert f"  ![a](b)\\nline.jpg: {reason}" in said.out
    assert f"  ni\\udcf1o.jpg: {reason}" in said.out
    assert said.err.count("No class of these photos is known") == 1
    unread = pd.read_csv(out / "unread.csv")
    assert unread["name"].tolist() == ["![a](b)\\nline.jpg", "ni\\udcf1o.jpg"]
    assert unread["reason"].str.startswith(reason).all()


@pytest.mark.parametrize(
    "command", [(), ("train",), ("card",), ("explain",), ("evaluate",), ("pack",), ("plant",)]
)
def test_help_names_every_option(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(*command, "--help") == 0
    said = capsys.readouterr().out
    expected = {
        (): ["explain", "evaluate", "pack", "train", "card", "plant"],
        ("explain",): ["photo", "--methods", "--protocol", "--weights", "--device", "--out"],
        ("evaluate",): [
            *("--photos", "--split", "--limit", "--methods", "--metrics", "--protocol"),
            *("--controls", "--mosaics", "--workers", "--ray", "--store", "--title", "--out"),
            *("--network", "--architecture", "--labels", "--size", "--mean", "--std", "--resize"),
        ],
        ("pack",): ["FILE", "--out", "--card", "--architecture", "--labels", "--target-layer"],
        ("train",): ["--data", "--out", "--checkpoints", "--epochs", "--seed", "--resume"],
        ("card",): ["--data", "--weights", "--device"],
        ("plant",): ["--data", "--out", "--kind", "--seed", "--photos", "--epochs", "--device"],
    }
    assert all(option in said for option in expected[command])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "command"),
        (("fly",), "fly"),
        (("train",), "--data"),
        (("train", "--data", "x", "--epochs", "0"), "'0' is not a whole number above 0"),
        (("train", "--data", "x", "--epochs", "many"), "'many' is not a whole number above 0"),
        (("train", "--data", "x", "--seed", "red"), "red"),
        (("train", "--data", "x", "--device", "abacus"), "there is no device 'abacus' here"),
        (("train", "--data", "x", "--resume", "--seed", "1"), "--seed cannot be changed"),
        (("card", "--data", "x", "--epochs", "2"), "--epochs"),
        (("plant", "--data", "x", "--kind", "lies"), "lies"),
        (("plant", "--data", "x", "--photos", "0"), "'0' is not a whole number above 0"),
        (("explain", "x.jpg"), "--out"),
        (("explain", "x.jpg", "--out", "o", "--methods", "tarot"), "tarot"),
        (("evaluate",), "--photos"),
        (("evaluate", "--photos", "x", "--metrics", "beauty"), "beauty"),
        (("evaluate", "--photos", "x", "--limit", "0"), "'0' is not a whole number above 0"),
        (("evaluate", "--photos", "x", "--protocol", "guess"), "guess"),
    ],
)
def test_bad_arguments_get_a_sentence(
    arguments: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(*arguments) == 2
    assert says in sentence(capsys)


def test_a_wrong_path_gets_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = tmp_path / "nowhere"
    folders = ("--out", tmp_path / "model", "--checkpoints", tmp_path / "run")
    assert status("train", "--data", nowhere, *folders) == 2
    assert f"There is nothing at {nowhere}" in sentence(capsys)
    assert status("train", "--data", nowhere, *folders, "--resume") == 2
    assert "There is no checkpoint at" in sentence(capsys)
    assert status("card", "--data", nowhere, "--weights", nowhere) == 2
    assert f"There is no weights file at {nowhere}" in sentence(capsys)


def test_evaluate_and_explain_name_what_is_wrong(
    pets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = tmp_path / "nowhere"
    assert status("evaluate", "--photos", nowhere) == 2
    assert f"There is nothing at {nowhere}" in sentence(capsys)
    assert status("evaluate", "--photos", pets, "--store", "my results") == 2
    assert "not the address of a database" in sentence(capsys)
    assert status("explain", nowhere, "--out", tmp_path / "out") == 2
    assert f"There is no readable file at {nowhere}" in sentence(capsys)
    assert status("evaluate", "--photos", pets, "--weights", nowhere) == 2
    assert f"There is no weights file at {nowhere}" in sentence(capsys)


def test_control_c_says_that_an_evaluation_goes_on(
    pets: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(*arguments: object, **more: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("xaicore.evaluation.evaluate.evaluate", interrupted)
    store = f"sqlite:///{tmp_path / 'my store.db'}"
    assert status("evaluate", "--photos", pets, "--store", store) == 130
    said = f"-m xaicore evaluate --photos {pets} --store '{store}'"
    assert sentence(capsys) == (
        f"Stopped. What was finished is kept; go on with: {sys.executable} {said}"
    )


def test_an_empty_class_gets_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_pets(tmp_path / "pets")
    for photo in (root / "PetImages" / "Dog").iterdir():
        photo.unlink()
    folders = ("--out", tmp_path / "model", "--checkpoints", tmp_path / "run")
    assert status("train", "--data", root, *folders) == 2
    assert "no file in a folder named Dog" in sentence(capsys)


def test_a_place_that_cannot_be_written_to_is_named_before_training(
    pets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    out = tmp_path / "file" / "model"
    assert status("train", "--data", pets, "--out", out, "--checkpoints", tmp_path / "run") == 2
    assert f"The folder {out} cannot be made" in sentence(capsys)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kept", [True, False])
def test_control_c_says_what_is_kept_of_training(
    kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = tmp_path / "my run" / CHECKPOINT

    def interrupted(*arguments: object) -> None:
        if kept:
            checkpoint.parent.mkdir()
            checkpoint.touch()
        raise KeyboardInterrupt

    monkeypatch.setattr("xaicore.training.train.train", interrupted)
    given = f"--data {tmp_path} --out {tmp_path} --checkpoints"
    command = ("train", *given.split(), checkpoint.parent, "--epochs", 9)
    assert status(*command, "--seed", 4, "--device", "cpu") == 130
    start = f"{sys.executable} -m xaicore train"
    given = f"{given} '{checkpoint.parent}' --epochs 9"
    assert sentence(capsys) == (
        f"Stopped. The last checkpoint is kept at {checkpoint}; "
        f"go on with: {start} --resume {given} --device cpu"
        if kept
        else "Stopped. Nothing was written; "
        f"start again with: {start} {given} --seed 4 --device cpu"
    )


def test_a_full_disk_gets_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*arguments: object) -> None:
        raise TrainingError("The checkpoint could not be written: No space left on device.")

    monkeypatch.setattr("xaicore.training.train.train", full)
    folders = ("--out", tmp_path, "--checkpoints", tmp_path / "run")
    assert status("train", "--data", tmp_path, *folders) == 2
    assert "No space left on device" in sentence(capsys)


def test_what_ships_is_not_written_over_unless_asked_for() -> None:
    train = build_parser().parse_args(["train", "--data", "x"])
    assert (train.out, train.checkpoints) == (Path("runs/petnet"), Path("runs/petnet"))
    assert card.place_of(build_parser().parse_args(["card", "--data", "x"])) == Path(
        "runs/petnet.json"
    )
    asked = build_parser().parse_args(["card", "--data", "x", "--weights", str(BUNDLED_WEIGHTS)])
    assert card.place_of(asked) == BUNDLED_WEIGHTS.with_suffix(".json")
