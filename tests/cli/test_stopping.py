"""Whatever ends a command ends it alike: with one line, 130, and nothing of the work lost."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.cli.networks import sentence, status, write_photos
from xaicore.cli import stopping
from xaicore.cli.watching import watched
from xaicore.evaluation.store import Store
from xaicore.export import explain_to_files

ENDS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photos(tmp_path_factory.mktemp("shared") / "Cat", 6)


def evaluating(photos: Path) -> tuple[object, ...]:
    """An evaluation that takes little."""
    chosen = ("--methods", "gradcam", "--metrics", "ad", "--device", "cpu")
    return ("evaluate", "--photos", photos, *chosen)


@pytest.mark.parametrize("number", ENDS)
def test_every_signal_that_ends_a_process_stops_it_alike(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(stopping.Stopped):
        end_by(number)
    assert signal.getsignal(number) is before
    assert stopping.ASKED.is_set()


def end_by(number: signal.Signals) -> None:
    with stopping.stoppable():
        assert not stopping.ASKED.is_set()
        signal.raise_signal(number)


def test_an_evaluation_that_is_stopped_goes_on(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    record = Store.record

    def record_and_end(*arguments: Any) -> None:
        record(*arguments)
        signal.raise_signal(signal.SIGTERM)

    store = f"sqlite:///{tmp_path / 'store.db'}"
    command = (*evaluating(photos), "--store", store)
    with monkeypatch.context() as patched:
        patched.setattr(Store, "record", record_and_end)
        assert status(*command) == 130
    words = " ".join(map(str, command))
    assert sentence(capsys) == (
        f"Stopped. What was finished is kept; go on with: {sys.executable} -m xaicore {words}"
    )
    assert [(run.status, run.photos) for run in Store(store).runs()] == [("stopped", 4)]
    assert status(*command) == 0
    assert sentence(capsys) == "Going on: 4 of 6 photos finished before."


def test_what_is_quickly_done_starts_again(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def end(*arguments: object) -> None:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(explain_to_files.__module__ + ".score_maps", end)
    command = ("explain", photos / "0.png", "--methods", "gradcam", "--out", tmp_path / "my out")
    assert status(*command) == 130
    start = f"{sys.executable} -m xaicore explain {photos}/0.png --methods gradcam"
    assert sentence(capsys) == (
        f"Stopped. Nothing was written; start again with: {start} --out '{tmp_path}/my out'"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopping.stoppable():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_work_in_other_threads_ends_too() -> None:
    ended = threading.Event()

    def work() -> None:
        with contextlib.suppress(stopping.Stopped):
            while True:
                progress(1, 2)
        ended.set()

    with watched("work") as progress:
        thread = threading.Thread(target=work)
        thread.start()
        with pytest.raises(stopping.Stopped):
            end_by(signal.SIGTERM)
        assert ended.wait(10)
        thread.join()


def test_a_full_disk_loses_nothing_of_an_evaluation(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fill_up(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store, out = f"sqlite:///{tmp_path / 'store.db'}", tmp_path / "out"
    command = (*evaluating(photos), "--store", store, "--out", out)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fill_up)
        assert status(*command) == 2
    assert sentence(capsys) == (
        f"{out}/rows.csv could not be written: the disk is full. What was finished is kept; "
        f"go on with: {sys.executable} -m xaicore {' '.join(map(str, command))}"
    )
    assert not out.exists()
    assert status(*command) == 0
    assert sentence(capsys).startswith("This was finished before (6 photos)")
    assert {"rows.csv", "focus.csv", "run.json"} <= {file.name for file in out.iterdir()}
