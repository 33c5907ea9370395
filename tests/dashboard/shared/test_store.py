"""Pages without the store: told once, the rest goes on, and it is used again when it is back."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.leaderboard import keys
from dashboard.shared import store as shelf
from dashboard.shared import traces
from dashboard.shared.photos import Photo
from dashboard.shared.traces import TraceRequest
from tests.dashboard.leaderboard.test_page import PLAN
from tests.dashboard.walk import PATIENCE, visit, words
from tests.evaluation.conftest import new_database
from tests.evaluation.test_damages import change
from tests.evaluation.test_store import score_key
from tests.postgres import Server
from xaicore import Classifier, Protocol
from xaicore.evaluation.plan import make_spec
from xaicore.evaluation.results import load_results
from xaicore.evaluation.store import PhotoRecord, Store, StoreError
from xaicore.evaluation.traces import find_trace
from xaicore.progress import no_progress
from xaicore.training.dataset import PhotoBytes


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of this server's store."""
    file = tmp_path / "store.db"
    monkeypatch.setenv("XAICORE_STORE", f"sqlite:///{file}")
    monkeypatch.setattr(shelf, "REST_SECONDS", 0)
    return file


def alerts(app: AppTest) -> list[str]:
    assert not app.exception
    return [box.value for box in [*app.error, *app.warning]]


def add_run(classifier: Classifier) -> str:
    store = shelf.get_store()
    run = store.start_run(make_spec(classifier, [PhotoBytes(b"")], PLAN), "Mine")
    store.record(run.id, [PhotoRecord(0, "photo", None, "", "cat", 0.75)], {})
    return run.id


@pytest.mark.parametrize("view", ["intervals", "history", "evaluate"])
def test_the_leaderboard_shows_what_came_along_and_one_alert_while_the_store_is_away(
    classifier: Classifier, file: Path, view: str
) -> None:
    run_id = add_run(classifier)
    app = visit("leaderboard")
    app.session_state[keys.RUN] = run_id
    app.session_state[keys.VIEW] = view
    app.run()
    assert alerts(app) == []
    aside = file.rename(file.with_name("aside"))
    app.run()
    (alert,) = alerts(app)
    assert "cannot be reached" in alert
    assert f"On {load_results().rows['position'].nunique()} photos" in words(app)
    assert len(app.selectbox(key=keys.RUN).options) == 2
    aside.rename(file)
    app.run()
    assert alerts(app) == []
    assert len(app.selectbox(key=keys.RUN).options) == 3


def test_a_run_that_is_deleted_or_begun_while_the_store_is_away_gets_a_sentence(
    classifier: Classifier, file: Path
) -> None:
    run_id = add_run(classifier)
    app = visit("leaderboard")
    app.session_state[keys.RUN] = run_id
    app.session_state[keys.VIEW] = "history"
    app.run()
    app.checkbox(key=keys.sure_key(run_id)).check().run()
    aside = file.rename(file.with_name("aside"))
    next(button for button in app.button if button.label == "Delete it").click().run()
    assert len(alerts(app)) == 1
    assert "was not deleted" in app.toast[0].value
    app.session_state[keys.VIEW] = "evaluate"
    app.run()
    next(button for button in app.button if button.label == "Evaluate").click().run()
    assert all("cannot be reached" in alert for alert in alerts(app))
    aside.rename(file)
    assert [run.id for run in shelf.get_store().runs()] == [run_id]


def request(classifier: Classifier, photo: Photo) -> TraceRequest:
    maps = np.random.default_rng(0).random((1, 128, 128), dtype=np.float32)
    return TraceRequest(classifier, photo, 0, Protocol(steps=4), maps)


def perform(request: TraceRequest) -> None:
    """Trace a map, and wait until it is kept, or could not be."""
    assert request.prepare()(no_progress).deletion is not None
    assert shelf.get_writer().submit(lambda _progress: None).wait(PATIENCE)


def test_curves_are_computed_without_the_store_and_kept_when_it_is_back(
    classifier: Classifier, kitten: Photo, file: Path
) -> None:
    asked = request(classifier, kitten)
    store = shelf.get_store()
    aside = file.rename(file.with_name("aside"))
    perform(asked)
    aside.rename(file)
    assert find_trace(store, asked.stored_key) is None
    perform(asked)
    assert find_trace(store, asked.stored_key)


def test_a_damaged_trace_is_computed_again(
    classifier: Classifier, kitten: Photo, file: Path
) -> None:
    asked = request(classifier, kitten)
    perform(asked)
    change(shelf.get_store().url, "UPDATE arrays SET data = zeroblob(100) WHERE name = 'clean'")
    perform(asked)
    assert find_trace(shelf.get_store(), asked.stored_key)


def test_storing_never_holds_up_computing(
    classifier: Classifier, kitten: Photo, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def keep(*_: object) -> None:
        assert go_on.wait(PATIENCE)

    monkeypatch.setattr(traces, "keep_trace", keep)
    asked = request(classifier, kitten)
    assert asked.prepare()(no_progress).deletion is not None
    go_on.set()


def test_curves_say_once_that_the_store_is_away(file: Path) -> None:
    file.mkdir()
    app = visit("curves").run()
    (alert,) = alerts(app)
    assert "does without it" in alert


def test_a_hanging_server_is_asked_once_and_found_again(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XAICORE_STORE", new_database(postgres))
    monkeypatch.setattr(shelf, "ANSWER_SECONDS", 0.5)
    store = shelf.get_store()
    with postgres.hanging():
        with pytest.raises(StoreError, match="cannot be reached"):
            store.runs()
        monkeypatch.setattr(store._database, "_try", lambda *_: pytest.fail("at rest"))
        for ask in (store.runs, shelf.get_store):
            with pytest.raises(StoreError, match="cannot be reached"):
                ask()
        assert shelf.find_store() is None
    monkeypatch.undo()
    shelf._get_breaker()._until = 0
    assert shelf.get_store().runs() == []


def test_what_lies_in_its_place_is_opened_as_if_for_the_first_time(file: Path) -> None:
    shelf.get_store().put_scores({score_key(): 1.0})
    file.unlink()
    file.touch()
    with pytest.raises(StoreError, match="another form"):
        shelf.get_store().runs()
    shelf.get_store().put_scores({score_key(1): 2.0})
    assert Store().scores([score_key(1)]) == {score_key(1): 2.0}
