"""The Leaderboard page as a person reads it, from the entrypoint."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.leaderboard import charts, keys, runs
from dashboard.leaderboard.believe import mark_headers
from dashboard.shared.jobs import Cancelled
from dashboard.shared.photos import load_samples
from tests.dashboard.walk import PATIENCE, visit, words
from tests.evaluation.test_damages import change
from tests.evaluation.test_evaluate import make_photo
from tests.leaderboard.test_board import make_rows, noise
from tests.test_zips import zip_of
from xaicore import METRICS, PROTOCOLS, Classifier, Protocol
from xaicore.evaluation.evaluate import evaluate
from xaicore.evaluation.plan import Plan, make_spec
from xaicore.evaluation.results import load_results
from xaicore.evaluation.store import PhotoRecord, Run, Store
from xaicore.leaderboard.board import summarise
from xaicore.leaderboard.tables import columns_of
from xaicore.training.dataset import DatasetError, PhotoBytes, ZippedPhoto, unzip_photos

PAGE = "leaderboard"
PLAN = Plan(("gradcam", "lrp"), tuple(METRICS), Protocol(steps=4), controls=True, mosaics=1)


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XAICORE_STORE", f"sqlite:///{tmp_path / 'store.db'}")
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.fixture(scope="module")
def evaluated(classifier: Classifier, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """A store with an evaluation of the samples, labelled, with its Focus."""
    file = tmp_path_factory.mktemp("evaluated") / "store.db"
    samples = load_samples()
    labels = {"german-shepherd": "dog", "cat-and-dog": "dog"}
    files = [PhotoBytes(p.data, n, labels.get(n, "cat")) for n, p in samples.items()]
    store = Store(f"sqlite:///{file}")
    return file, evaluate(classifier, files, replace(PLAN, title="The samples"), store)


@pytest.fixture
def own_run(evaluated: tuple[Path, Run], own_store: None, tmp_path: Path) -> Run:
    """The evaluation of the samples, in a store of this test's own."""
    file, run = evaluated
    shutil.copy(file, tmp_path / "store.db")
    return run


def open_page(**values: object) -> AppTest:
    app = visit(PAGE)
    for key, value in values.items():
        app.session_state[key] = value
    return rerun(app)


def rerun(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception
    assert not app.error
    return app


def press(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click()
    rerun(app)


def evaluate_now(app: AppTest) -> None:
    """Press the button, and look again when the work is done."""
    press(app, "Evaluate")
    for evaluation in runs.get_queue().running:
        assert evaluation.wait(PATIENCE)
    rerun(app)


def test_first_visit_shows_the_results_that_came_along() -> None:
    app = open_page()
    results = load_results()
    assert results.about["title"] in app.selectbox(key=keys.RUN).options[0]
    assert f"On {results.rows['position'].nunique()} photos" in words(app)
    table = app.table[0].value
    board = summarise(results.rows)
    assert [name.strip("*:gray[]") for name in table.index][:4] == [
        {"lrp": "LRP", "gradcam": "Grad-CAM", "deeplift": "DeepLIFT", "lime": "LIME"}[name]
        for name in board.methods
    ]
    for metric in ("iauc", "dauc"):
        header = next(column for column in table if column.startswith(METRICS[metric].label))
        cell = table[header].iloc[0]
        assert f"{board.cells[board.methods[0], metric].mean:.3f}" in cell


@pytest.mark.parametrize(
    "view",
    [
        "intervals",
        "ranks",
        "believe",
        "study",
        "scatter",
        "spread",
        "disagreements",
        "history",
        "evaluate",
    ],
)
def test_every_view_of_a_run_of_one_s_own(view: str, own_run: Run) -> None:
    app = open_page(**{keys.RUN: own_run.id, keys.VIEW: view})
    assert "On 5 photos" in words(app)
    expected = {
        "ranks": "Order holds",
        "believe": "networks whose reasons are known",
        "study": "Grad-CAM is the best on IC.",
        "disagreements": "Disagreement: how far apart",
        "history": "The samples",
        "evaluate": "Only hashes and scores of your photos are kept",
    }
    text = words(app) + "\n".join(str(table.value) for table in app.table)
    assert expected.get(view, "") in text


def test_a_run_without_a_title_is_called_by_the_photos_that_are_there() -> None:
    app = open_page(**{keys.VIEW: "evaluate", keys.EVALUATE: "own"})
    for count, called in ((1, "1 photo"), (4, "4 photos"), (12, "12 photos")):
        uploads = [(f"{n}.png", make_photo(n), "image/png") for n in range(count)]
        app.file_uploader(key=keys.EVALUATE_FILES).set_value(uploads)
        assert rerun(app).text_input(key=keys.EVALUATE_TITLE).placeholder == called


def test_a_stopped_run_is_offered_and_gone_on_with(classifier: Classifier) -> None:
    def stop_at_first_report(done: int, total: int, partial: object = None) -> None:
        raise Cancelled

    plan = Plan(("gradcam",), ("ad",), PROTOCOLS["gomez"], controls=True, title="*Mine*")
    samples = [PhotoBytes(photo.data) for photo in load_samples().values()]
    with pytest.raises(Cancelled):
        evaluate(classifier, samples, plan, Store(), stop_at_first_report)
    app = open_page()
    assert "*Mine*: stopped when 0 of 5 photos were done. To go on" in app.text[0].value
    press(app, "Go on")
    press(app, "Evaluate")
    (job,) = [*runs.get_queue().running, *runs.get_queue().ended]
    assert job.wait(PATIENCE)
    (run,) = Store().runs()
    assert (run.status, run.photos, run.title) == ("done", 5, "*Mine*")
    assert not rerun(app).text
    assert not app.warning


def test_parts_of_the_photos_have_boards_of_their_own(own_run: Run) -> None:
    app = open_page(**{keys.RUN: own_run.id})
    app.selectbox(key=keys.PART).select("Cat photos")
    assert "On 3 photos" in words(rerun(app))


def test_a_run_is_renamed_annotated_and_deleted_after_asking_twice(own_run: Run) -> None:
    app = open_page(**{keys.RUN: own_run.id, keys.VIEW: "history"})
    next(box for box in app.text_input if box.label == "Title").set_value("Renamed")
    app.text_area[0].set_value("A note")
    press(app, "Keep title and note")
    assert (Store().runs()[0].title, Store().runs()[0].note) == ("Renamed", "A note")
    delete = next(button for button in app.button if button.label == "Delete it")
    assert delete.disabled
    assert [run.id for run in Store().runs()] == [own_run.id]
    app.checkbox[0].check()
    rerun(app)
    press(app, "Delete it")
    assert Store().runs() == []


def test_two_runs_are_compared(own_run: Run, classifier: Classifier) -> None:
    photo = load_samples()["chelsea"]
    plan = Plan(("lrp",), ("iauc",), Protocol(steps=4))
    evaluate(classifier, [PhotoBytes(photo.data)], replace(plan, title="One of them"), Store())
    other = Store().runs()[0]
    app = open_page(**{keys.RUN: own_run.id, keys.VIEW: "history", keys.OTHER_RUN: other.id})
    assert "on the 1 photo that both have" in words(app)
    assert "0.000" in str(app.table[-1].value)


def test_the_samples_are_evaluated_in_the_background(classifier: Classifier) -> None:
    app = open_page(
        **{
            keys.VIEW: "evaluate",
            keys.EVALUATE_METHODS: ["gradcam"],
            keys.EVALUATE_METRICS: ["ad"],
        }
    )
    evaluate_now(app)
    assert any("5 photos: done." in box.value for box in app.success)
    evaluate_now(app)
    assert any("5 photos: was finished before." in box.value for box in app.success)
    assert len(Store().runs()) == 1
    press(app, "Show it")
    assert "On 5 photos" in words(app)
    assert list(app.table[0].value) == mark_headers(["AD ↓", "Seconds ↓"])


def test_uploads_are_opened_once_and_what_cannot_be_read_is_named_to_their_owner(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[int] = []

    def unzip(data: bytes) -> list[ZippedPhoto]:
        opened.append(len(data))
        return unzip_photos(data)

    monkeypatch.setattr("dashboard.leaderboard.evaluate.unzip_photos", unzip)
    whole = zip_of({"Cat/1.png": make_photo(1), "Dog/2.png": b"no photo"})
    app = open_page(
        **{
            keys.VIEW: "evaluate",
            keys.EVALUATE: "own",
            keys.EVALUATE_METHODS: ["gradcam"],
            keys.EVALUATE_METRICS: ["ad"],
        }
    )
    app.file_uploader(key=keys.EVALUATE_FILES).set_value(
        [("pets.zip", whole, "application/zip"), ("cat.3.png", make_photo(3), "image/png")]
    )
    rerun(app)
    evaluate_now(app)
    press(app, "Show it")
    assert opened == [len(whole)]
    assert "1 of 3 photos could not be read." in words(app)
    assert app.text[0].value.startswith("Dog/2.png: This file is not a picture")
    (run,) = Store().runs()
    records = Store().records(run.id)
    assert [record.label for record in records] == ["cat", "dog", "cat"]
    assert [record.name for record in records] == ["", "", ""]
    # Whoever else opens the run is told its number.
    other = open_page(**{keys.RUN: run.id})
    assert other.text[0].value.startswith("photo 1: This file is not a picture")


def test_uploads_without_a_class_are_said_to_be_so_and_a_bad_zip_is_no_loss() -> None:
    app = open_page(**{keys.VIEW: "evaluate", keys.EVALUATE: "own"})
    app.file_uploader(key=keys.EVALUATE_FILES).set_value(
        [
            ("pets.zip", zip_of({"notes.txt": b"no photo"}), "application/zip"),
            ("holiday.png", make_photo(3), "image/png"),
        ]
    )
    app.run()
    assert not app.exception
    assert [box.value for box in app.error] == [
        "pets.zip: There is no file in this zip that can be a photo."
    ]
    assert "No class of these photos is known" in words(app)
    assert not next(button for button in app.button if button.label == "Evaluate").disabled


def test_a_zip_gives_its_photos_with_the_labels_of_its_folders() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("Pets/Cat/1.png", make_photo(1))
        archive.writestr("Pets/Dog/2.png", make_photo(2))
        archive.writestr("holiday.png", make_photo(3))
        archive.writestr("Pets/Cat/.hidden", b"x")
    photos = unzip_photos(buffer.getvalue())
    assert [photo.label for photo in photos] == ["cat", "dog", None]
    assert [photo.name for photo in photos] == ["", "", ""]
    assert photos[2].read() == make_photo(3)


def test_a_zip_that_cannot_be_used_gets_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DatasetError, match="cannot be read"):
        unzip_photos(b"PK but no zip")
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    with pytest.raises(DatasetError, match="no file in this zip"):
        unzip_photos(empty.getvalue())
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(4 * 2**20))
    monkeypatch.setattr("xaicore.training.dataset.MAX_UNPACKED_BYTES", 2**20)
    with pytest.raises(DatasetError, match="more than 1 MB"):
        unzip_photos(bomb.getvalue())


def test_a_store_out_of_reach_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XAICORE_STORE", "sqlite:////nowhere/at/all.db")
    app = visit(PAGE)
    app.run()
    assert not app.exception
    assert "cannot be used" in app.error[0].value


def test_charts_hold_the_figures() -> None:
    rows = make_rows({"lrp": {"iauc": noise(0.5, 9, 0)}, "random": {"iauc": noise(0.2, 9, 1)}})
    board = summarise(rows)
    (dots,) = charts.draw_intervals(columns_of(board)).data
    assert list(dots.y) == ["Random", "LRP"]
    assert dots.x[1] == pytest.approx(board.cells["lrp", "iauc"].mean)
    assert dots.x[1] + dots.error_x.array[1] == pytest.approx(board.cells["lrp", "iauc"].high)
    (points,) = charts.draw_scatter(rows, "seconds", "iauc").data
    pd.testing.assert_series_equal(
        pd.Series(points.y), rows.loc[rows["method"] == "lrp", "iauc"],
        check_names=False, check_index=False,
    )  # fmt: skip
    boxes = charts.draw_distribution(rows, "iauc").data
    assert [box.name for box in boxes] == ["Random", "LRP"]


@pytest.mark.parametrize(
    ("methods", "date", "reason"),
    [
        (["lrp", "tarot"], "", "methods that this Petlens does not have: tarot"),
        (["lrp"], "the day after", "a date that is none"),
    ],
)
def test_a_run_that_cannot_be_read_is_listed_and_can_be_deleted(
    classifier: Classifier, methods: list[str], date: str, reason: str
) -> None:
    store = Store()
    spec = make_spec(classifier, [PhotoBytes(b"")], PLAN)
    good = store.start_run(spec, "Good")
    store.record(good.id, [PhotoRecord(0, "photo", None, "", "cat", 0.75)], {})
    bad = store.start_run({**spec, "methods": methods}, "Bad")
    if date:
        change(store.url, f"UPDATE runs SET started = '{date}' WHERE id = '{bad.id}'")
    app = open_page(**{keys.VIEW: "history"})
    options = app.selectbox(key=keys.RUN).options
    assert len(options) == 4
    assert any("Bad, cannot be read" in option for option in options)
    app.selectbox(key=keys.RUN).set_value(bad.id)
    rerun(app)
    assert reason in app.warning[0].value
    assert f"On {load_results().rows['position'].nunique()} photos" in words(app)
    app.checkbox(key=keys.sure_key(bad.id)).check().run()
    press(app, "Delete it")
    assert [run.id for run in store.runs()] == [good.id]
