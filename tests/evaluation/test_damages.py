"""What was changed or damaged from outside: told or computed again, never shown as if right."""

from __future__ import annotations

import io
import random
import shutil
import sqlite3
import zipfile
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from tests.evaluation.test_evaluate import QUICK, small_classifier
from tests.evaluation.test_store import map_key, record, score_key, write_version
from xaicore.evaluation.encoding import compress, decompress
from xaicore.evaluation.plan import make_spec
from xaicore.evaluation.results import results_of
from xaicore.evaluation.store import Store, StoreError
from xaicore.evaluation.traces import find_trace, keep_trace
from xaicore.metrics.base import PerturbationTrace

LINE = np.linspace(0, 1, 129)
TRACE = PerturbationTrace(LINE, LINE[None, 1:], LINE[:1], deletion=LINE[None])


def change(url: str, statement: str) -> None:
    """What another program, or a fault, does to a database."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql(statement)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("spec = '{\"photos\": '", "settings are damaged"),
        ("spec = '[1, 2]'", "settings are damaged"),
        ("spec = '{\"photos\": 4}'", "changed from outside"),
        ("title = 'Another'", "changed from outside"),
        ("checksum = NULL", "changed from outside"),
        ("started = 'infinity'", "a date that is none"),
        ("finished = 'infinity'", "a date that is none"),
    ],
)
def test_a_bad_run_is_listed_with_its_reason_beside_the_others(
    url: str, statement: str, reason: str
) -> None:
    store = Store(url)
    good, bad = store.start_run({"photos": 2}, "Good"), store.start_run({"photos": 3}, "Bad")
    change(url, f"UPDATE runs SET {statement} WHERE id = '{bad.id}'")
    runs = {run.id: run for run in store.runs()}
    assert runs[good.id] == good
    assert reason in runs[bad.id].problem
    assert (runs[bad.id].spec, runs[bad.id].status) == ({}, "")
    # The same evaluation begins anew, and the bad one can be forgotten.
    assert store.start_run({"photos": 3}, "Bad").id != bad.id
    store.annotate(bad.id, "a note")
    assert reason in store.run(bad.id).problem
    store.delete_run(bad.id)
    assert bad.id not in [run.id for run in store.runs()]


@pytest.mark.parametrize(
    ("statement", "lost"),
    [
        ("UPDATE scores SET value = value + 1e-12", "scores"),
        ("UPDATE scores SET value = NULL", "scores"),
        ("UPDATE scores SET checksum = NULL", "scores"),
        ("UPDATE photos SET probability = 0.5", "photos"),
        ("UPDATE photos SET predicted = 'cat'", "photos"),
        ("UPDATE arrays SET name = 'insertion' WHERE name = 'deletion'", "arrays"),
        ("UPDATE arrays SET checksum = NULL WHERE name = 'clean'", "arrays"),
        ("DELETE FROM arrays WHERE name = 'deletion'", "arrays"),
    ],
)
def test_a_row_that_was_changed_counts_as_not_there_until_it_is_written_again(
    url: str, statement: str, lost: str
) -> None:
    def write() -> None:
        store.record(run.id, [record(0)], {score_key(): 0.25})
        keep_trace(store, map_key(), TRACE)

    def find() -> dict[str, object]:
        trace = find_trace(store, map_key())
        return {
            "scores": store.scores([score_key()]),
            "photos": store.records(run.id),
            "arrays": trace and {name: str(value) for name, value in vars(trace).items()},
        }

    store = Store(url)
    run = store.start_run({}, "")
    write()
    whole = find()
    assert all(whole.values())
    change(url, statement)
    assert [name for name, found in find().items() if not found] == [lost]
    write()
    assert find() == whole


def zipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("array.npy", data)
    return buffer.getvalue()


def damaged_arrays() -> dict[str, bytes]:
    whole = compress(LINE)
    plain = io.BytesIO()
    np.save(plain, LINE)
    middle = len(whole) // 2
    return {
        "nothing": b"",
        "no zip": b"Dear diary",
        "cut": whole[:middle],
        "compression": whole[:middle] + bytes(20) + whole[middle + 20 :],
        "another member": whole.replace(b"array.npy", b"other.npy"),
        "no array": zipped(b"Dear diary"),
        "cut array": zipped(plain.getvalue()[:-8]),
        "claims ten terabytes": zipped(plain.getvalue().replace(b"(129,), ", b"(10**13,), ")),
        "claims more": zipped(plain.getvalue().replace(b"(129,), }  ", b"(9999999999999,), }  ")),
        "objects": zipped(plain.getvalue().replace(b"<f8", b"|O8")),
    }


@pytest.mark.parametrize("kind", damaged_arrays())
def test_a_damaged_array_is_none(kind: str) -> None:
    assert decompress(damaged_arrays()[kind]) is None


def test_an_array_that_was_damaged_before_it_got_a_check_sum_counts_as_not_there(
    file: Path,
) -> None:
    store = Store(f"sqlite:///{file}")
    keep_trace(store, map_key(), TRACE)
    for data in damaged_arrays().values():
        change(store.url, f"UPDATE arrays SET data = x'{data.hex()}' WHERE name = 'clean'")
        change(store.url, "UPDATE meta SET version = 2")
        for table in ("scores", "arrays", "runs", "photos"):
            change(store.url, f"ALTER TABLE {table} DROP COLUMN checksum")
        change(store.url, "ALTER TABLE runs DROP COLUMN owner")
        assert find_trace(Store(store.url), map_key()) is None


def fill(url: str) -> tuple[Store, str]:
    """A store with a run of 40 photos and their scores, and a trace."""
    store = Store(url)
    run = store.start_run({"photos": 40}, "Forty")
    for position in range(40):
        scores = {score_key(position, m): position / 7 for m in ("iauc", "dauc", "ad")}
        store.record(run.id, [record(position)], scores)
    keep_trace(store, map_key(), TRACE)
    store.finish_run(run.id, "done")
    return store, run.id


def is_as_it_was(url: str, run_id: str) -> bool:
    """Whether all is there; what is there must be as it was written."""
    store = Store(url)
    keys = {score_key(n, m): n / 7 for n in range(40) for m in ("iauc", "dauc", "ad")}
    found = store.scores(keys)
    assert found == {key: keys[key] for key in found}
    records = store.records(run_id)
    assert records == [record(r.position) for r in records]
    trace = find_trace(store, map_key())
    if trace:
        for name, values in vars(TRACE).items():
            np.testing.assert_array_equal(getattr(trace, name), values)
    readable = [run for run in store.runs() if not run.problem]
    assert [(r.id, r.title, r.status, r.spec) for r in readable] in (
        [],
        [(run_id, "Forty", "done", {"photos": 40})],
    )
    return len(found) == 120 and len(records) == 40 and bool(trace and readable)


def test_of_a_hundred_random_overwrites_none_changes_a_number_that_is_shown(
    file: Path,
) -> None:
    _, run_id = fill(f"sqlite:///{file}")
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    outcomes = []
    for seed in range(100):
        chance = random.Random(seed)
        one = file.with_name(f"{seed}.db")
        shutil.copy(file, one)
        with one.open("r+b") as opened:
            opened.seek(chance.randrange(file.stat().st_size))
            opened.write(chance.randbytes(chance.choice([1, 2, 8, 64, 512])))
        try:
            outcomes.append(str(is_as_it_was(f"sqlite:///{one}", run_id)))
        except StoreError:
            outcomes.append("refused")
    # Overwritten is often what nobody reads.
    assert set(outcomes) >= {"True", "False"}


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM meta",
        "INSERT INTO meta VALUES (3)",
        "INSERT INTO meta VALUES (2)",
        "UPDATE meta SET version = -1",
        "UPDATE meta SET version = 0",
    ],
)
def test_a_store_without_a_sound_mark_is_refused_and_untouched(url: str, statement: str) -> None:
    store = Store(url)
    store.put_scores({score_key(): 1.0})
    change(url, statement)
    with pytest.raises(StoreError, match="does not say which version"):
        Store(url)
    change(url, "DELETE FROM meta")
    change(url, "INSERT INTO meta VALUES (3)")
    assert Store(url).scores([score_key()]) == {score_key(): 1.0}


@pytest.mark.parametrize("mark", ["'three'", "2.5", "x'03'", "''"])
def test_a_mark_that_is_no_number_is_refused(file: Path, mark: str) -> None:
    store = Store(f"sqlite:///{file}")
    change(store.url, f"UPDATE meta SET version = {mark}")
    with pytest.raises(StoreError, match="does not say which version"):
        Store(store.url)


@pytest.mark.parametrize("journal", ["DELETE", "WAL"])
@pytest.mark.parametrize("table", ["letters (day TEXT)", "meta (version INTEGER)", "meta (a TEXT)"])
def test_another_program_s_file_is_refused_and_untouched_to_the_byte(
    file: Path, journal: str, table: str
) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute(f"PRAGMA journal_mode = {journal}")
        connection.execute(f"CREATE TABLE {table}")
        connection.execute(f"INSERT INTO {table.partition(' ')[0]} VALUES (1)")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(StoreError, match="tables of another program"):
        Store(f"sqlite:///{file}")
    assert file.read_bytes() == before
    assert [beside.name for beside in file.parent.iterdir()] == [file.name]


def test_another_program_s_database_is_refused_and_untouched(url: str) -> None:
    change(url, "CREATE TABLE letters (day TEXT)")
    change(url, "INSERT INTO letters VALUES ('Monday')")
    with pytest.raises(StoreError, match="tables of another program"):
        Store(url)
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    assert sa.inspect(engine).get_table_names() == ["letters"]


@pytest.mark.parametrize("content", [b"Dear diary", b"x", b"SQLite format 2\0" * 100])
def test_what_never_was_a_store_is_refused_and_untouched(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(StoreError, match="not an SQLite database"):
        Store(f"sqlite:///{file}")
    assert file.read_bytes() == content
    assert list(file.parent.iterdir()) == [file]


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be used"):
        Store(f"sqlite:///{tmp_path}")


def test_an_empty_file_becomes_a_store(file: Path) -> None:
    file.touch()
    store = Store(f"sqlite:///{file}")
    store.put_scores({score_key(): 1.0})
    assert not store.notice


def test_a_store_of_version_2_gets_check_sums_for_all_but_what_is_damaged(url: str) -> None:
    write_version(2, url)
    store = Store(url)
    assert store.scores([score_key()]) == {score_key(): 0.5}
    assert store.records("r") == [record(0)]
    (run,) = store.runs()
    assert (run.title, run.status, run.problem) == ("Old", "stopped", "")
    assert Store(url).runs() == [run]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"methods": ["lrp", "tarot", "runes"]}, "methods that this Petlens does not have: tarot"),
        ({"metrics": ["beauty"]}, "metrics that this Petlens does not have: beauty"),
        ({"methods": "lrp"}, "not those of an evaluation"),
        ({"methods": [["lrp"]]}, "methods that this Petlens does not have"),
        ({"explainers": {}}, "not those of an evaluation"),
        ({"labels": None}, "not those of an evaluation"),
        ({"photos": 10**15}, "not those of an evaluation"),
        ({"photos": -1}, "not those of an evaluation"),
        ({"mosaics": "2"}, "not those of an evaluation"),
    ],
)
def test_settings_that_cannot_be_followed_are_told(
    file: Path, changed: dict[str, object], reason: str
) -> None:
    store = Store(f"sqlite:///{file}")
    spec = make_spec(small_classifier(), [], QUICK)
    assert results_of(store, store.start_run(spec, "")).rows.empty
    run = store.start_run({**spec, **changed}, "")
    assert not run.problem
    with pytest.raises(StoreError, match=f"cannot be read.*{reason}"):
        results_of(store, run)
