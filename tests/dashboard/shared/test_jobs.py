"""Background jobs: how they report, end, fail and stop."""

from __future__ import annotations

import threading
import time
from functools import partial

import numpy as np
import pytest

from dashboard.shared import jobs
from dashboard.shared.jobs import UNEXPECTED, Cancelled, Job, Seat, Worker
from dashboard.shared.turns import Kind
from xaicore import ExplainerError
from xaicore.progress import Progress

PATIENCE = 60


def maps(value: float) -> np.ndarray:
    return np.full((1, 2, 2), value, dtype=np.float32)


def test_a_job_gives_its_result() -> None:
    job = Worker().submit(lambda report: 6 * 7)
    assert job.wait(PATIENCE)
    assert (job.result, job.error, job.running) == (42, "", False)


def test_a_job_tells_how_far_it_is_while_it_runs() -> None:
    reported, go_on = threading.Event(), threading.Event()

    def work(report: Progress) -> str:
        report(640, 1000, maps(0.5))
        reported.set()
        go_on.wait(PATIENCE)
        return "done"

    job = Worker().submit(work)
    assert reported.wait(PATIENCE)
    assert (job.done, job.total, job.running, job.result) == (640, 1000, True, None)
    np.testing.assert_array_equal(job.partial, maps(0.5))
    go_on.set()
    assert job.wait(PATIENCE)
    assert job.result == "done"


def test_jobs_of_one_worker_run_one_after_another_on_another_thread() -> None:
    worker, order, go_on = Worker(), [], threading.Event()

    def note(number: int, _report: object) -> None:
        go_on.wait(PATIENCE)
        order.append((number, threading.get_ident()))

    queued = [worker.submit(partial(note, number)) for number in range(5)]
    go_on.set()
    assert all(job.wait(PATIENCE) for job in queued)
    assert [n for n, _ in order] == [0, 1, 2, 3, 4]
    assert len({thread for _, thread in order}) == 1
    assert order[0][1] != threading.get_ident()


def test_of_jobs_that_wait_as_long_the_shortest_kind_comes_first() -> None:
    worker, order, go_on = Worker(), [], threading.Event()
    worker.submit(lambda _: go_on.wait(PATIENCE))
    kinds = [Kind.EVALUATION, Kind.CURVES, Kind.SLOW_MAP, Kind.MAP]

    def note(kind: Kind, _report: object) -> None:
        order.append(kind)

    queued = [worker.submit(partial(note, kind), Job(kind=kind)) for kind in kinds]
    # So that all have waited for as long, near enough.
    time.sleep(0.05)
    go_on.set()
    assert all(job.wait(PATIENCE) for job in queued)
    assert order == kinds[::-1]


def test_work_stops_when_those_who_wait_have_closed_their_tab() -> None:
    job: Job[str] = Job()
    gone, there = Seat(lambda: -1), Seat()
    gone.take("key", job)
    there.take("key", job)
    job.report(1, 3)
    there.leave()
    with pytest.raises(Cancelled):
        job.report(2, 3)


def test_when_the_server_stops_no_work_goes_on_or_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "STOPPING", threading.Event())
    worker, begun = Worker(), threading.Event()

    def endless(report: Progress) -> None:
        begun.set()
        while True:
            report(0, 1)

    at_work, queued = (worker.submit(endless, Job(watched=False)) for _ in range(2))
    assert begun.wait(PATIENCE)
    jobs.stop_all(PATIENCE)
    assert not at_work.running
    assert not queued.running
    assert (queued.done, queued.result, queued.error) == (0, None, "")


def test_a_cancelled_job_stops_at_its_next_report_and_has_no_result() -> None:
    job: Job[str] = Job()
    steps = []

    def work(report: Progress) -> str:
        for step in range(5):
            steps.append(step)
            if step == 2:
                job.cancel()
            report(step, 5, maps(step))
        return "never"

    job.run(work)
    assert steps == [0, 1, 2]
    assert (job.done, job.result, job.error, job.running) == (1, None, "", False)


def test_a_job_cancelled_in_the_queue_never_starts() -> None:
    job: Job[str] = Job()
    job.cancel()
    job.run(lambda report: pytest.fail("the work was started"))
    assert (job.result, job.error, job.running) == (None, "", False)


def test_work_that_nobody_watches_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    job: Job[str] = Job()
    steps = []

    def work(report: Progress) -> str:
        for step in range(5):
            steps.append(step)
            if step == 2:
                monkeypatch.setattr(jobs, "ABANDONED_SECONDS", -1)
            report(step, 5, maps(step))
        return "never"

    job.run(work)
    assert steps == [0, 1, 2]
    assert (job.cancelled, job.result, job.running) == (True, None, False)


def test_what_an_explainer_refuses_is_shown_in_its_own_words() -> None:
    def work(report: Progress) -> None:
        raise ExplainerError("There is no such layer.")

    job = Worker().submit(work)
    assert job.wait(PATIENCE)
    assert (job.error, job.result) == ("There is no such layer.", None)


def test_an_unexpected_failure_ends_the_job_and_not_the_worker() -> None:
    worker = Worker()
    broken = worker.submit(lambda report: 1 / 0)
    sound = worker.submit(lambda report: "still working")
    assert broken.wait(PATIENCE)
    assert sound.wait(PATIENCE)
    assert broken.error == UNEXPECTED
    assert sound.result == "still working"


def test_time_left_counts_only_what_this_run_does(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(jobs.time, "monotonic", lambda: clock[0])
    job: Job[None] = Job(watched=False)
    job.report(900, 1000)
    assert job.seconds_left is None
    clock[0] = 10.0
    job.report(904, 1000)
    # Four photos in ten seconds, ninety-six to go.
    assert job.seconds_left == pytest.approx(240)


def test_an_unwatched_job_outlives_all_who_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "ABANDONED_SECONDS", -1)
    job: Job[str] = Job(watched=False)
    seat = Seat()
    seat.take("key", job)
    seat.leave()
    job.run(lambda report: "done")
    assert (job.result, job.cancelled) == ("done", False)


def test_a_seat_waits_for_one_thing_at_a_time() -> None:
    first: Job[str] = Job()
    second: Job[str] = Job()
    seat = Seat()
    assert seat.take("a", first)
    assert seat.take("b", second)
    assert (first.cancelled, second.cancelled, seat.key) == (True, False, "b")
    assert not seat.take("a", first)
    assert seat.job is second
