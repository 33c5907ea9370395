"""The store: whole transactions or none, many processes at once, nothing of a photo on disk."""

from __future__ import annotations

import math
import multiprocessing
import os
import pickle
import signal
import sqlite3
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from tests.evaluation.test_evaluate import QUICK, make_photo, small_classifier
from tests.postgres import Server
from xaicore.evaluation import migrations
from xaicore.evaluation.evaluate import evaluate
from xaicore.evaluation.store import (
    MapKey,
    PhotoRecord,
    ScoreKey,
    Store,
    StoreError,
)
from xaicore.evaluation.traces import find_trace, keep_trace, trace_key
from xaicore.identity import canonical
from xaicore.metrics.base import PerturbationTrace, Protocol
from xaicore.training.dataset import PhotoBytes

# Begins as an SQLite file does, and does not go on as one.
DAMAGED = b"SQLite format 3\0Dear diary"
FORK = multiprocessing.get_context("fork")


def map_key(number: int = 0) -> MapKey:
    return MapKey("weights", f"photo-{number}", "lrp", canonical({"alpha": 2, "class": "cat"}))


def score_key(number: int = 0, metric: str = "iauc") -> ScoreKey:
    return ScoreKey(map_key(number), metric, canonical({"steps": 128}))


def record(position: int) -> PhotoRecord:
    return PhotoRecord(position, f"photo-{position}", "cat", "", "dog", 0.75)


def test_scores_come_back_as_they_were_and_undefined_is_a_value(url: str) -> None:
    store = Store(url)
    given = {score_key(0): 0.1 + 0.2, score_key(1): math.nan, score_key(0, "ad"): -1.5}
    store.put_scores(given)
    found = Store(url).scores([*given, score_key(9)])
    assert set(found) == set(given)
    assert found[score_key(0)] == 0.1 + 0.2
    assert math.isnan(found[score_key(1)])


def test_keys_differ_in_every_part(url: str) -> None:
    keys = [
        score_key(),
        ScoreKey(map_key(), "iauc", canonical({"steps": 64})),
        ScoreKey(map_key(), "dauc", canonical({"steps": 128})),
        ScoreKey(MapKey("other", "photo-0", "lrp", map_key().settings), "iauc", "{}"),
        ScoreKey(MapKey("weights", "photo-0", "lrp", "{}"), "iauc", canonical({"steps": 128})),
        ScoreKey(MapKey("weights", "photo-0", "lime", map_key().settings), "iauc", "{}"),
    ]
    store = Store(url)
    store.put_scores({key: float(number) for number, key in enumerate(keys)})
    assert store.scores(keys) == {key: float(number) for number, key in enumerate(keys)}


def test_a_score_is_written_over(url: str) -> None:
    store = Store(url)
    store.put_scores({score_key(): 1.0})
    store.put_scores({score_key(): 2.0})
    assert store.scores([score_key()]) == {score_key(): 2.0}


def test_many_keys_are_asked_for_at_once(url: str) -> None:
    store = Store(url)
    keys = [score_key(number) for number in range(12_000)]
    store.put_scores(dict.fromkeys(keys, 0.5))
    assert len(store.scores(keys)) == 12_000


def test_arrays_come_back_to_the_bit(url: str) -> None:
    store = Store(url)
    saliency = np.random.default_rng(0).normal(size=(16, 16)).astype(np.float32)
    store.put_arrays(map_key(), {"map": saliency, "deletion": np.linspace(0, 1, 129)})
    found = store.all_arrays(map_key())
    assert set(found) == {"map", "deletion"}
    assert found["map"].dtype == np.float32
    np.testing.assert_array_equal(found["map"], saliency)
    assert store.all_arrays(map_key(1)) == {}


def test_arrays_are_kept_compressed(file: Path) -> None:
    store = Store(f"sqlite:///{file}")
    store.put_arrays(map_key(), {"map": np.zeros((1000, 1000))})
    size = sum(part.stat().st_size for part in file.parent.glob("store.db*"))
    assert size < 1_000_000


def test_traces_come_back_whole_or_not_at_all(url: str) -> None:
    store = Store(url)
    line = np.linspace(0, 1, 5)
    trace = PerturbationTrace(line, line[None, 1:], line[:1], deletion=line[None])
    assert find_trace(store, map_key()) is None
    keep_trace(store, map_key(), trace)
    found = find_trace(Store(url), map_key())
    assert found is not None
    np.testing.assert_array_equal(found.saliency, trace.saliency)
    np.testing.assert_array_equal(found.deletion, trace.deletion)
    assert found.insertion is None
    assert found.kept is None


def test_a_run_goes_on_where_it_was(url: str) -> None:
    store = Store(url)
    run = store.start_run({"photos": 2}, "Two")
    store.record(run.id, [record(1)], {score_key(1): 0.5})
    store.finish_run(run.id, "stopped")
    again = Store(url).start_run({"photos": 2}, "Two")
    assert (again.id, again.status, again.photos) == (run.id, "running", 1)
    store.record(run.id, [record(0)], {score_key(0): 0.25})
    store.finish_run(run.id, "done")
    assert [r.position for r in store.records(run.id)] == [0, 1]
    assert store.records(run.id)[1] == record(1)
    assert store.run(run.id).finished is not None
    assert store.start_run({"photos": 2}, "Two").id == run.id
    assert store.start_run({"photos": 3}, "Three").id != run.id


def test_runs_are_listed_newest_first_and_can_be_named_and_forgotten(url: str) -> None:
    store = Store(url)
    first, second = store.start_run({"n": 1}, "First"), store.start_run({"n": 2}, "Second")
    store.record(first.id, [record(0)], {score_key(): 0.5})
    assert [run.title for run in store.runs()] == ["Second", "First"]
    store.rename(first.id, "Renamed")
    store.annotate(first.id, "with a note")
    assert (store.run(first.id).title, store.run(first.id).note) == ("Renamed", "with a note")
    store.delete_run(first.id)
    assert [run.id for run in store.runs()] == [second.id]
    assert store.records(first.id) == []
    assert store.scores([score_key()]) == {score_key(): 0.5}
    with pytest.raises(StoreError, match="no such run"):
        store.run(first.id)


def test_a_record_that_fails_leaves_nothing(url: str) -> None:
    store = Store(url)
    run = store.start_run({}, "")
    broken = PhotoRecord(0, None, None, "", "", 0.5)  # type: ignore[arg-type]
    with pytest.raises(StoreError, match="cannot be used"):
        store.record(run.id, [record(1), broken], {score_key(): 0.5})
    assert store.records(run.id) == []
    assert store.scores([score_key()]) == {}


def test_a_run_that_was_deleted_takes_no_more_photos(url: str) -> None:
    store = Store(url)
    run = store.start_run({}, "")
    store.delete_run(run.id)
    with pytest.raises(StoreError, match="no such run"):
        store.record(run.id, [record(0)], {score_key(): 0.5})
    assert store.scores([score_key()]) == {}


def at_once(work: Callable[[str, int], object], url: str) -> list[int | None]:
    """Four processes that begin their work together; their exit codes."""
    start = FORK.Barrier(4)

    def begin(number: int) -> None:
        start.wait()
        work(url, number)

    processes = [FORK.Process(target=begin, args=(number,)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


def test_a_run_that_several_start_at_once_is_one(url: str) -> None:
    store = Store(url)  # opened before, or opening it would make them take turns

    def start(_url: str, _number: int) -> None:
        store.start_run({"photos": 2}, "")

    for _ in range(5):
        assert at_once(start, url) == [0] * 4
        (run,) = store.runs()
        store.finish_run(run.id, "done")


def _put(url: str, number: int) -> None:
    Store(url).put_scores({score_key(number): 1.0})


@pytest.mark.parametrize("before", [b"", DAMAGED * 50_000], ids=["none", "damaged"])
def test_several_that_open_a_file_at_once_share_one_new_store(file: Path, before: bytes) -> None:
    for number in range(6):
        one = file.with_name(f"{number}.db")
        one.write_bytes(before)
        assert at_once(_put, f"sqlite:///{one}") == [0] * 4
        assert len(Store(f"sqlite:///{one}").scores([score_key(n) for n in range(4)])) == 4
        assert len(list(file.parent.glob(f"{number}.damaged-*.db"))) == bool(before)


def _write(url: str, first: int) -> None:
    store = Store(url)
    for number in range(first, first + 40):
        store.put_scores({score_key(number): float(number), score_key(-1): 1.0})


def test_several_processes_write_at_once_and_lose_nothing(url: str) -> None:
    writers = [FORK.Process(target=_write, args=(url, 40 * n)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 4
    keys = [score_key(number) for number in range(160)]
    assert Store(url).scores(keys) == {key: float(n) for n, key in enumerate(keys)}


def test_many_threads_share_one_store(url: str) -> None:
    store = Store(url)

    def work(number: int) -> float:
        store.put_scores({score_key(number): float(number)})
        return store.scores([score_key(number)])[score_key(number)]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(80))) == [float(number) for number in range(80)]


def test_a_store_carried_over_a_fork_outlives_its_parent(url: str) -> None:
    store = Store(url)
    store.put_scores({score_key(0): 0.0})
    first, parted = FORK.Event(), FORK.Event()

    def write() -> None:
        store.put_scores({score_key(1): 1.0})
        first.set()
        parted.wait(30)
        store.put_scores({score_key(2): 2.0})

    child = FORK.Process(target=write)
    child.start()
    assert first.wait(30)
    store._database.engine.dispose()  # as when the parent ends
    parted.set()
    child.join()
    assert child.exitcode == 0
    assert len(Store(url).scores([score_key(n) for n in range(3)])) == 3


def test_a_store_can_be_sent_to_another_process(url: str) -> None:
    store = Store(url)
    store.put_scores({score_key(): 1.0})
    assert pickle.loads(pickle.dumps(store)).scores([score_key()]) == {score_key(): 1.0}


def test_a_server_that_was_restarted_is_found_again(postgres: Server) -> None:
    store = Store(f"{postgres.address}/postgres")
    store.put_scores({score_key(): 1.0})
    postgres.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    assert store.scores([score_key()]) == {score_key(): 1.0}


def _record_for_ever(url: str, run_id: str) -> None:
    store = Store(url)
    for number in range(10**6):
        scores = {score_key(number, metric): 1.0 for metric in ("iauc", "dauc", "ad")}
        store.record(run_id, [record(number)], scores)


def test_a_killed_writer_leaves_whole_transactions_only(url: str) -> None:
    store = Store(url)
    run = store.start_run({}, "")
    for _ in range(5):
        writer = FORK.Process(target=_record_for_ever, args=(url, run.id))
        writer.start()
        time.sleep(0.3)
        assert writer.pid
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
    records = Store(url).records(run.id)
    assert records
    expected = [score_key(r.position, m) for r in records for m in ("iauc", "dauc", "ad")]
    assert len(store.scores(expected)) == 3 * len(records)
    beyond = max(r.position for r in records) + 1
    assert store.scores([score_key(beyond)]) == {}


@pytest.mark.parametrize("damage", ["letter", "cut", "middle"])
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(file: Path, damage: str) -> None:
    store = Store(f"sqlite:///{file}")
    store.put_scores({score_key(n): 1.0 for n in range(2000)})
    store._database.engine.dispose()
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    whole = file.read_bytes()
    if damage == "letter":
        file.write_bytes(DAMAGED * 500)
    elif damage == "cut":
        file.write_bytes(whole[: len(whole) // 2 + 100])
    else:
        file.write_bytes(whole[:8192] + os.urandom(len(whole) - 16384) + whole[-8192:])
    kept = file.read_bytes()
    fresh = Store(f"sqlite:///{file}")
    (aside,) = file.parent.glob("store.damaged-*.db")
    # SQLite itself may note in the header's first 100 bytes how it opened the file.
    assert aside.read_bytes()[100:] == kept[100:]
    assert str(aside) in fresh.notice
    assert fresh.scores([score_key(0)]) == {}
    fresh.put_scores({score_key(0): 2.0})
    assert not Store(f"sqlite:///{file}").notice


def test_a_store_that_may_not_be_written_is_told_and_untouched() -> None:
    # Not below pytest's folder, which belongs to this user alone.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        file = Path(folder, "store.db")
        Store(f"sqlite:///{file}").put_scores({score_key(): 1.0})
        file.chmod(0o444)
        content = file.read_bytes()
        said = FORK.SimpleQueue()
        child = FORK.Process(target=_open_as_another_user, args=(f"sqlite:///{file}", said))
        child.start()
        assert "it may not be read or written" in said.get()
        child.join()
        assert file.read_bytes() == content


def _open_as_another_user(url: str, said: Any) -> None:
    if os.geteuid() == 0:
        os.setuid(65534)
    try:
        Store(url).put_scores({score_key(1): 2.0})
        said.put("written")
    except StoreError as error:
        said.put(str(error))


def test_nothing_that_was_set_aside_is_written_over(file: Path) -> None:
    for _ in range(3):
        file.write_bytes(DAMAGED * 500)
        Store(f"sqlite:///{file}")._database.engine.dispose()
        for beside in file.parent.glob("store.db-*"):
            beside.unlink()
    assert len(list(file.parent.glob("store.damaged-*.db"))) == 3


def test_a_store_of_a_newer_version_is_refused_and_untouched(url: str) -> None:
    store = Store(url)
    store.put_scores({score_key(): 1.0})
    with store._database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE meta SET version = 99")
    with pytest.raises(StoreError, match="newer Petlens"):
        Store(url)
    with store._database.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE meta SET version = {migrations.VERSION}")
    assert Store(url).scores([score_key()]) == {score_key(): 1.0}


def test_an_older_store_is_brought_up_step_by_step(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store(url).put_scores({score_key(): 1.0})
    steps: list[int] = []

    def to(version: int, statement: str) -> None:
        def migrate(connection: sa.Connection) -> None:
            steps.append(version)
            connection.exec_driver_sql(statement)

        monkeypatch.setitem(migrations.MIGRATIONS, version, migrate)

    now = migrations.VERSION
    to(now, "ALTER TABLE runs ADD COLUMN colour TEXT")
    to(now + 1, "CREATE TABLE colours (name TEXT)")
    monkeypatch.setattr(migrations, "VERSION", now + 2)
    assert Store(url).scores([score_key()]) == {score_key(): 1.0}
    assert steps == [now, now + 1]
    Store(url)
    assert steps == [now, now + 1]


@pytest.mark.parametrize("fault", ["SELECT nothing FROM nowhere", "INSERT INTO meta VALUES (NULL)"])
def test_a_migration_that_fails_changes_nothing(
    url: str, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(url)
    store.put_scores({score_key(): 1.0})

    def migrate(connection: sa.Connection) -> None:
        connection.exec_driver_sql("UPDATE scores SET value = 7")
        connection.exec_driver_sql(fault)

    monkeypatch.setitem(migrations.MIGRATIONS, migrations.VERSION, migrate)
    monkeypatch.setattr(migrations, "VERSION", migrations.VERSION + 1)
    with pytest.raises(StoreError):
        Store(url)
    monkeypatch.undo()
    assert Store(url).scores([score_key()]) == {score_key(): 1.0}


def test_nothing_of_a_photo_is_on_disk(file: Path) -> None:
    store = Store(f"sqlite:///{file}")
    photos = [PhotoBytes(make_photo(seed)) for seed in range(2)]
    evaluate(small_classifier(), photos, QUICK, store)
    written = b"".join(part.read_bytes() for part in file.parent.glob("store.db*"))
    for photo in photos:
        for start in range(0, len(photo.data) - 32, 32):
            assert photo.data[start : start + 32] not in written


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("my results", "not the address of a database"),
        ("postgresql+psycopg://nobody@127.0.0.1:port/none", "not the address of a database"),
        ("mysql://nobody@127.0.0.1/none", "must name"),
        ("sqlite://", "must name"),
        ("sqlite:///:memory:", "must name"),
        ("sqlite+none:///store.db", "driver for sqlite\\+none is not installed"),
        ("sqlite:////nowhere/at/all/store.db", "cannot be used"),
        ("postgresql+psycopg://nobody@127.0.0.1:9/none", "cannot be used"),
    ],
)
def test_a_store_out_of_reach_gets_a_sentence(address: str, words: str) -> None:
    with pytest.raises(StoreError, match=words):
        Store(address)


def test_the_setting_names_the_store(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XAICORE_STORE", f"sqlite:///{file}")
    Store().put_scores({score_key(): 1.0})
    assert Store(f"sqlite:///{file}").scores([score_key()]) == {score_key(): 1.0}


def test_a_home_that_takes_no_folder_gets_a_sentence(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.touch()
    monkeypatch.delenv("XAICORE_STORE", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(file))
    with pytest.raises(StoreError, match="cannot be made"):
        Store()


@pytest.mark.parametrize(
    "begin", ["postgresql+psycopg://", "postgresql+none://", "postgres://", ""]
)
@pytest.mark.parametrize("port", ["9", "port"])
def test_passwords_are_not_shown(begin: str, port: str) -> None:
    with pytest.raises(StoreError) as refusal:
        Store(f"{begin}me:secret@127.0.0.1:{port}/none")
    assert "secret" not in str(refusal.value)


# A store as versions 1 and 2 wrote it.
OLD = """
CREATE TABLE meta (version INTEGER NOT NULL);
CREATE TABLE maps (id VARCHAR(64) NOT NULL PRIMARY KEY, {network} VARCHAR(64) NOT NULL,
    photo VARCHAR(64) NOT NULL, explainer TEXT NOT NULL, settings TEXT NOT NULL);
CREATE TABLE scores (id VARCHAR(64) NOT NULL PRIMARY KEY,
    map VARCHAR(64) NOT NULL REFERENCES maps (id), metric TEXT NOT NULL, protocol TEXT NOT NULL,
    value FLOAT);
CREATE TABLE arrays (map VARCHAR(64) NOT NULL REFERENCES maps (id), name VARCHAR(64) NOT NULL,
    data {blob} NOT NULL, PRIMARY KEY (map, name));
CREATE TABLE runs (id VARCHAR(32) NOT NULL PRIMARY KEY, title TEXT NOT NULL, note TEXT NOT NULL,
    spec TEXT NOT NULL, status VARCHAR(16) NOT NULL, started {moment} NOT NULL,
    finished {moment});
CREATE TABLE photos (run VARCHAR(32) NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    position INTEGER NOT NULL, photo VARCHAR(64) NOT NULL, label TEXT, name TEXT NOT NULL,
    predicted TEXT NOT NULL, probability FLOAT, error TEXT NOT NULL, PRIMARY KEY (run, position));
INSERT INTO meta VALUES ({version});
INSERT INTO maps VALUES ('{kept}', 'weights', 'photo-0', 'lrp', '{settings}');
INSERT INTO maps VALUES ('t', 'weights', 'photo-0', 'trial', '{settings}');
INSERT INTO scores VALUES ('{score}', '{kept}', 'iauc', '{protocol}', 0.5);
INSERT INTO arrays VALUES ('t', 'clean', {bytes});
INSERT INTO runs VALUES ('r', 'Old', '', '{spec}', '{status}', '2026-01-02 03:04:05', NULL);
INSERT INTO photos VALUES ('r', 0, 'photo-0', 'cat', '', 'dog', 0.75, '');
"""


def write_version(version: int, url: str) -> None:
    engine = sa.create_engine(url)
    postgresql = engine.dialect.name == "postgresql"
    script = OLD.format(
        version=version,
        network="weights" if version == 1 else "network",
        status="done" if version == 1 else "running",
        blob="BYTEA" if postgresql else "BLOB",
        moment="TIMESTAMP WITH TIME ZONE" if postgresql else "DATETIME",
        bytes="'\\x00'" if postgresql else "x'00'",
        kept=map_key().digest,
        settings=map_key().settings,
        score=score_key().digest,
        protocol=score_key().protocol,
        spec='{"photos":1}',
    )
    with engine.begin() as connection:
        for statement in filter(str.strip, script.split(";")):
            connection.exec_driver_sql(statement)
    engine.dispose()


def test_a_store_of_version_1_keeps_its_results_and_loses_its_trials(url: str) -> None:
    write_version(1, url)
    store = Store(url)
    assert store.scores([score_key()]) == {score_key(): 0.5}
    assert [(run.title, run.photos, run.spec) for run in store.runs()] == [
        ("Old", 1, {"photos": 1})
    ]
    assert store.records("r") == [record(0)]
    with store._database.engine.connect() as connection:
        maps = connection.exec_driver_sql("SELECT network, explainer FROM maps").all()
        arrays = connection.exec_driver_sql("SELECT count(*) FROM arrays").scalar()
        version = connection.exec_driver_sql("SELECT version FROM meta").scalar()
    assert [tuple(row) for row in maps] == [("weights", "lrp")]
    assert (arrays, version) == (0, migrations.VERSION)
    store.put_scores({score_key(1): 0.25})
    assert Store(url).scores([score_key(1)]) == {score_key(1): 0.25}


def test_a_trace_is_kept_under_all_that_it_depends_on() -> None:
    maps = np.zeros((1, 4, 4), dtype=np.float32)
    other = maps.copy()
    other[0, 1, 2] = 1e-30
    keys = {
        trace_key("network", "photo", 0, Protocol(), maps),
        trace_key("another", "photo", 0, Protocol(), maps),
        trace_key("network", "other", 0, Protocol(), maps),
        trace_key("network", "photo", 1, Protocol(), maps),
        trace_key("network", "photo", 0, Protocol(steps=64), maps),
        trace_key("network", "photo", 0, Protocol(), other),
    }
    assert len({key.digest for key in keys}) == 6
    assert trace_key("network", "photo", 0, Protocol(), maps.copy()) in keys
    assert {key.explainer for key in keys} == {"trace"}
