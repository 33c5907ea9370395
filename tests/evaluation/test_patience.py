"""A store that is away for a while: waited for by evaluations, done without by others."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
import sqlalchemy as sa

from tests.evaluation.conftest import new_database
from tests.evaluation.test_damages import change
from tests.evaluation.test_evaluate import QUICK, make_photo, small_classifier
from tests.evaluation.test_store import score_key
from tests.postgres import Server
from xaicore.evaluation import database, owner, patience, sqlite_file
from xaicore.evaluation.evaluate import evaluate
from xaicore.evaluation.patience import CircuitBreaker, Patience
from xaicore.evaluation.results import results_of
from xaicore.evaluation.store import Store, StoreError
from xaicore.leaderboard.words import say_photos
from xaicore.training.dataset import PhotoBytes

PHOTOS = [PhotoBytes(make_photo(seed)) for seed in range(6)]


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(sqlite_file, "BUSY_SECONDS", 0)
    monkeypatch.setattr(database, "LOCK_SECONDS", 1)


def failing(*faults: StoreError) -> Callable[[], str]:
    left = list(faults)

    def work() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return work


def caused(fault: StoreError) -> StoreError:
    """As a database causes it."""
    fault.__cause__ = OSError()
    return fault


def test_what_passes_is_waited_for_and_told_once() -> None:
    told: list[str] = []
    locked = StoreError("It is locked.", passing=True)
    assert Patience(30, tell=told.append)(failing(locked, locked, locked)) == "done"
    assert told == [
        "It is locked. Waiting for it, for up to 30 s.",
        "The store is back; the work goes on.",
    ]


def test_what_lasts_is_not_waited_for_and_no_patience_is_endless() -> None:
    told: list[str] = []
    with pytest.raises(StoreError, match="damaged"):
        Patience(30, tell=told.append)(failing(StoreError("It is damaged.")))
    assert told == []
    locked = StoreError("It is locked.", passing=True)
    with pytest.raises(StoreError, match="locked"):
        Patience(0.1)(failing(*[locked] * 1000))


def test_what_is_raised_meanwhile_ends_the_wait() -> None:
    def cancel() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Patience(60).watched(cancel)(failing(StoreError("It is locked.", passing=True)))


def test_the_setting_says_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Patience().seconds == 60
    monkeypatch.setenv("XAICORE_PATIENCE", "2.5")
    assert Patience().seconds == 2.5
    monkeypatch.setenv("XAICORE_PATIENCE", "long")
    with pytest.raises(StoreError, match="number of seconds"):
        Patience()


def test_a_breaker_asks_nobody_while_it_rests() -> None:
    breaker = CircuitBreaker(attempt=1, rest=0.2)
    work = failing(caused(StoreError("It hangs.", passing=True)))
    with pytest.raises(StoreError, match="hangs"):
        breaker(work)
    with pytest.raises(StoreError, match="hangs"):
        breaker(lambda: pytest.fail("nobody is asked"))
    time.sleep(0.25)
    assert breaker(work) == "done"
    assert breaker.fault is None


def test_a_breaker_does_not_mind_what_is_no_fault_of_the_store() -> None:
    breaker = CircuitBreaker(attempt=1, rest=60)
    with pytest.raises(StoreError, match="no such run"):
        breaker(failing(StoreError("There is no such run.")))
    assert breaker(failing()) == "done"


def test_a_file_that_is_taken_away_is_not_begun_anew_and_found_when_it_is_back(
    file: Path,
) -> None:
    store = Store(f"sqlite:///{file}", Patience(0))
    store.put_scores({score_key(): 1.0})
    kept = file.rename(file.with_name("kept"))
    for work in (lambda: store.put_scores({score_key(1): 2.0}), store.runs):
        with pytest.raises(StoreError, match="cannot be reached") as fault:
            work()
        assert fault.value.passing
    assert not file.exists()
    kept.rename(file)
    assert store.scores([score_key()]) == {score_key(): 1.0}


def evaluated(store: Store, fault: Callable[[], object]) -> pd.DataFrame:
    """An evaluation's rows, where something befalls the store after the first chunk."""
    met = threading.Event()

    def progress(done: int, total: int, partial: Any = None) -> None:
        if done == 4 and not met.is_set():
            met.set()
            fault()

    run = evaluate(small_classifier(), PHOTOS, QUICK, store, progress)
    assert met.is_set()
    assert [(r.status, r.photos) for r in store.runs()] == [("done", 6)]
    return results_of(store, run).rows.drop(columns="seconds")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('undisturbed') / 'store.db'}")
    run = evaluate(small_classifier(), PHOTOS, QUICK, store)
    return results_of(store, run).rows.drop(columns="seconds")


def told_and_back(told: list[str], reason: str) -> bool:
    """Whether both lines came, and nothing else."""
    first, last = told
    return reason in first and "Waiting for it" in first and "is back" in last


def later(seconds: float, work: Callable[[], object]) -> None:
    threading.Timer(seconds, work).start()


def test_an_evaluation_waits_for_a_lock_of_another_program(
    file: Path, undisturbed: pd.DataFrame
) -> None:
    told: list[str] = []
    store = Store(f"sqlite:///{file}", Patience(30, tell=told.append))
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)

    def lock() -> None:
        other.execute("BEGIN EXCLUSIVE")
        later(0.5, lambda: other.execute("ROLLBACK"))

    with closing(other):
        pd.testing.assert_frame_equal(evaluated(store, lock), undisturbed)
    assert told_and_back(told, "locked by another program")


def test_an_evaluation_waits_for_a_file_that_is_taken_away(
    file: Path, undisturbed: pd.DataFrame
) -> None:
    told: list[str] = []
    store = Store(f"sqlite:///{file}", Patience(30, tell=told.append))
    aside = file.with_name("aside")

    def take_away() -> None:
        file.rename(aside)
        later(0.5, lambda: aside.rename(file))

    pd.testing.assert_frame_equal(evaluated(store, take_away), undisturbed)
    assert told_and_back(told, "cannot be reached")


def test_out_of_patience_a_run_is_stopped_and_goes_on_later(
    file: Path, undisturbed: pd.DataFrame
) -> None:
    store = Store(f"sqlite:///{file}", Patience(0.2))
    aside = file.with_name("aside")
    with pytest.raises(StoreError, match="cannot be reached"):
        evaluated(store, lambda: file.rename(aside))
    aside.rename(file)
    assert [(run.status, run.photos) for run in store.runs()] == [("stopped", 4)]
    run = evaluate(small_classifier(), PHOTOS, QUICK, store)
    rows = results_of(store, run).rows.drop(columns="seconds")
    pd.testing.assert_frame_equal(rows, undisturbed)


def test_an_evaluation_outlives_a_server_s_restart(
    postgres: Server, undisturbed: pd.DataFrame
) -> None:
    told: list[str] = []
    store = Store(new_database(postgres), Patience(60, tell=told.append))

    def restart() -> None:
        postgres.stop()
        later(0.5, postgres.start)

    pd.testing.assert_frame_equal(evaluated(store, restart), undisturbed)
    assert told_and_back(told, "cannot be reached")


def test_an_evaluation_waits_for_rights_that_are_given_back(
    postgres: Server, undisturbed: pd.DataFrame
) -> None:
    url = new_database(postgres)
    name = url.rpartition("/")[2]
    postgres.run(f"CREATE ROLE user_{name} LOGIN")
    postgres.run(f"ALTER DATABASE {name} OWNER TO user_{name}")
    told: list[str] = []
    store = Store(url.replace("petlens@", f"user_{name}@"), Patience(30, tell=told.append))

    def revoke() -> None:
        postgres.run(f"REVOKE INSERT ON scores FROM user_{name}", name)
        later(0.5, lambda: postgres.run(f"GRANT INSERT ON scores TO user_{name}", name))

    pd.testing.assert_frame_equal(evaluated(store, revoke), undisturbed)
    assert told_and_back(told, "may not be read or written")


@contextmanager
def locked(url: str) -> Iterator[sa.Connection]:
    """Another program that holds a table."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("LOCK TABLE scores IN ACCESS EXCLUSIVE MODE")
        yield connection


def test_a_lock_on_a_server_s_table_is_told_and_waited_for(postgres: Server) -> None:
    told: list[str] = []
    store = Store(new_database(postgres), Patience(30, tell=told.append))
    store.put_scores({score_key(): 1.0})
    with locked(store.url):
        with pytest.raises(StoreError, match="locked by another program"):
            store.patient(Patience(0)).scores([score_key()])
        writer = threading.Thread(target=store.put_scores, args=({score_key(): 2.0},))
        writer.start()
        while not told:
            time.sleep(0.01)
    writer.join()
    assert told_and_back(told, "locked by another program")
    assert store.scores([score_key()]) == {score_key(): 2.0}


def test_a_server_that_hangs_is_left_in_time_and_found_again(postgres: Server) -> None:
    store = Store(new_database(postgres), Patience(0, attempt=0.5))
    store.put_scores({score_key(): 1.0})
    with postgres.hanging():
        with pytest.raises(StoreError, match="cannot be reached") as fault:
            store.runs()
        assert fault.value.passing
    assert store.scores([score_key()]) == {score_key(): 1.0}


def test_a_server_that_hangs_in_the_middle_of_a_transaction_is_left_in_time(
    postgres: Server,
) -> None:
    store = Store(new_database(postgres), Patience(0, attempt=0.5))
    store.put_scores({score_key(): 1.0})

    def hang(connection: sa.Connection) -> None:
        connection.exec_driver_sql("UPDATE scores SET value = 7")
        with postgres.hanging():
            connection.exec_driver_sql("SELECT 1")

    with pytest.raises(StoreError, match="cannot be reached"):
        store._database.write(hang)
    assert store.scores([score_key()]) == {score_key(): 1.0}


def test_a_finished_evaluation_is_given_back_and_not_listed_twice(file: Path) -> None:
    store = Store(f"sqlite:///{file}")
    seen: list[tuple[int, ...]] = []
    first = evaluate(small_classifier(), PHOTOS, QUICK, store)
    again = evaluate(small_classifier(), PHOTOS, QUICK, store, lambda *counts: seen.append(counts))
    assert (again, store.runs(), seen) == (first, [first], [(6, 6, 0)])


@pytest.mark.parametrize(
    ("statement", "known"),
    [
        ("UPDATE scores SET value = value + 1 WHERE metric = 'iauc'", 0),
        ("UPDATE photos SET predicted = 'bird' WHERE position = 5", 4),
        ("UPDATE scores SET checksum = '' WHERE metric = 'focus'", 6),
    ],
)
def test_what_a_finished_evaluation_has_lost_is_computed_again(
    file: Path, undisturbed: pd.DataFrame, statement: str, known: int
) -> None:
    store = Store(f"sqlite:///{file}")
    files = [PhotoBytes(p.data, str(n), "cat" if n % 2 else "dog") for n, p in enumerate(PHOTOS)]
    first = results_of(store, evaluate(small_classifier(), files, QUICK, store))
    change(store.url, statement)
    seen: list[int] = []
    run = evaluate(small_classifier(), files, QUICK, store, lambda *counts: seen.append(counts[0]))
    assert (seen[0], seen[-1], run.status) == (known, 6, "done")
    again = results_of(store, run)
    pd.testing.assert_frame_equal(
        again.rows.drop(columns="seconds"), first.rows.drop(columns="seconds")
    )
    pd.testing.assert_frame_equal(again.focus, first.focus)
    assert len(store.runs()) == 1


def test_what_a_finished_evaluation_has_lost_is_counted_and_told(file: Path) -> None:
    store = Store(f"sqlite:///{file}")
    run = evaluate(small_classifier(), PHOTOS, QUICK, store)
    whole = results_of(store, run)
    assert whole.lost == 0
    assert "lost" not in " ".join(say_photos(whole))
    change(store.url, "UPDATE scores SET value = value + 1 WHERE metric = 'iauc'")
    damaged = results_of(store, run)
    assert damaged.lost == len(whole.rows)
    assert f"{len(whole.rows)} scores were lost to damage" in " ".join(say_photos(damaged))


def test_a_run_whose_process_is_gone_is_not_running(url: str) -> None:
    store = Store(url)
    run = store.start_run({"photos": 2}, "")
    assert store.run(run.id).status == "running"
    owner.leave(run.id)
    assert store.run(run.id).status == "stopped"


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        (None, True),
        ("", True),
        ("some words", True),
        ("1 0.0 {host}", True),  # another process has its number now
        ("{pid} {start} {host}", False),
        ("4194305 0.0 {host}", True),
        ("1 0.0 another machine", False),
    ],
)
def test_a_process_is_known_by_its_number_start_and_machine(name: str | None, gone: bool) -> None:
    parent = psutil.Process().parent()
    assert parent
    host = owner.take("run").split(" ", 2)[2]
    words = name and name.format(pid=parent.pid, start=parent.create_time(), host=host)
    assert owner.is_gone(words, "run") == gone
