"""The queue of evaluations: one after another, watched or not, stopped when asked."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from functools import partial

import pytest

from dashboard.leaderboard.queue import Queue
from dashboard.shared.jobs import UNEXPECTED
from xaicore.evaluation.store import Run
from xaicore.metrics.base import MetricError
from xaicore.progress import Progress

PATIENCE = 60
RUN = Run("id", "Mine", "", {}, "done", datetime.now(UTC), None, 3)


def test_it_reports_and_ends_with_its_run() -> None:
    reported, go_on = threading.Event(), threading.Event()

    def work(progress: Progress) -> Run:
        progress(0, 3)
        progress(1, 3)
        reported.set()
        go_on.wait(PATIENCE)
        return RUN

    queue = Queue()
    evaluation = queue.submit("Mine", 3, work)
    assert reported.wait(PATIENCE)
    assert (evaluation.done, evaluation.total, evaluation.running) == (1, 3, True)
    assert evaluation.seconds_left is not None
    assert queue.running == [evaluation]
    go_on.set()
    assert evaluation.wait(PATIENCE)
    assert (evaluation.result, queue.running, queue.ended) == (RUN, [], [evaluation])


def test_the_second_knows_its_place_and_waits_for_its_turn() -> None:
    go_on = threading.Event()
    order: list[str] = []

    def work(title: str, progress: Progress) -> Run:
        order.append(title)
        go_on.wait(PATIENCE)
        return RUN

    queue = Queue()
    first, second, third = (queue.submit(title, 1, partial(work, title)) for title in "abc")
    assert [queue.ahead_of(one) for one in (first, second, third)] == [0, 1, 2]
    go_on.set()
    assert third.wait(PATIENCE)
    assert order == ["a", "b", "c"]


def test_a_cancelled_one_stops_at_its_next_step_and_the_next_begins() -> None:
    started = threading.Event()

    def endless(progress: Progress) -> Run:
        started.set()
        while True:
            progress(0, 1)

    queue = Queue()
    first = queue.submit("endless", 1, endless)
    waiting = queue.submit("never begun", 1, endless)
    last = queue.submit("last", 1, lambda progress: RUN)
    assert started.wait(PATIENCE)
    waiting.cancel()
    first.cancel()
    assert last.wait(PATIENCE)
    assert (first.result, first.error, waiting.seconds_left) == (None, "", None)
    assert queue.ended == [last]


@pytest.mark.parametrize(
    ("error", "says"),
    [(MetricError("A map holds no numbers."), "A map holds no numbers."), (KeyError(), UNEXPECTED)],
)
def test_a_failure_is_a_sentence(error: Exception, says: str) -> None:
    def work(progress: Progress) -> Run:
        raise error

    queue = Queue()
    evaluation = queue.submit("fails", 1, work)
    assert evaluation.wait(PATIENCE)
    assert evaluation.error == says
    assert queue.ended == [evaluation]
