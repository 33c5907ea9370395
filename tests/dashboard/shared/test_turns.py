"""The order of work: who has waited longest for the least comes first; nobody waits for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

from dashboard.shared.turns import Kind, Ticket, Turns, first

PATIENCE = 60
NOW = 1000.0


def ticket(kind: Kind, waited: float) -> Ticket:
    made = Ticket(kind)
    made.since = NOW - waited
    return made


@pytest.mark.parametrize("waited", [0.0, 0.3, 20.0])
def test_of_those_who_wait_as_long_the_least_comes_first(waited: float) -> None:
    line = [ticket(kind, waited) for kind in reversed(Kind)]
    order = []
    while line:
        order.append(first(line, NOW))
        line.remove(order[-1])
    assert [one.kind for one in order] == [
        Kind.VERDICT,
        Kind.MAP,
        Kind.SLOW_MAP,
        Kind.CURVES,
        Kind.EVALUATION,
    ]


def test_of_a_kind_whoever_waits_longest_comes_first() -> None:
    line = [ticket(Kind.MAP, 1), ticket(Kind.MAP, 3), ticket(Kind.MAP, 2)]
    assert first(line, NOW) is line[1]
    assert first([line[0], ticket(Kind.MAP, 1)], NOW) is line[0]


@pytest.mark.parametrize(
    ("long", "short", "wins"),
    [
        # A slow map has waited as many of its own lengths as a verdict at these times.
        ((Kind.SLOW_MAP, 9.9), (Kind.VERDICT, 0.1), Kind.VERDICT),
        ((Kind.SLOW_MAP, 10.1), (Kind.VERDICT, 0.1), Kind.SLOW_MAP),
        ((Kind.EVALUATION, 610), (Kind.SLOW_MAP, 10), Kind.EVALUATION),
        ((Kind.EVALUATION, 590), (Kind.SLOW_MAP, 10), Kind.SLOW_MAP),
    ],
)
def test_nobody_waits_for_ever(
    long: tuple[Kind, float], short: tuple[Kind, float], wins: Kind
) -> None:
    assert first([ticket(*long), ticket(*short)], NOW).kind is wins


class Work:
    """Pieces of work on threads of their own, each of which ends when it is let go."""

    def __init__(self, turns: Turns, kinds: Sequence[Kind]) -> None:
        self.begun: list[Kind] = []
        self.go_on = {kind: threading.Event() for kind in kinds}
        self.turns = turns

    def start(self, kind: Kind) -> threading.Thread:
        thread = threading.Thread(target=self._work, args=[kind], daemon=True)
        thread.start()
        return thread

    def _work(self, kind: Kind) -> None:
        with self.turns.turn(kind) as mine:
            self.begun.append(kind)
            while not self.go_on[kind].wait(0.001):
                self.turns.step_aside(mine)

    def wait_for(self, begun: Sequence[Kind]) -> None:
        deadline = time.monotonic() + PATIENCE
        while self.begun != list(begun):
            assert time.monotonic() < deadline, self.begun
            time.sleep(0.001)


def test_long_work_steps_aside_for_shorter_work_and_goes_on_afterwards() -> None:
    work = Work(Turns(at_once=1), list(Kind))
    evaluation = work.start(Kind.EVALUATION)
    work.wait_for([Kind.EVALUATION])
    slow = work.start(Kind.SLOW_MAP)
    work.wait_for([Kind.EVALUATION, Kind.SLOW_MAP])
    curves = work.start(Kind.CURVES)
    for kind in (Kind.SLOW_MAP, Kind.CURVES, Kind.EVALUATION):
        work.go_on[kind].set()
    for thread in (slow, curves, evaluation):
        thread.join(PATIENCE)
        assert not thread.is_alive()
    assert sorted(work.begun, key=list(Kind).index) == [
        Kind.SLOW_MAP,
        Kind.CURVES,
        Kind.EVALUATION,
    ]


def test_quick_work_begins_beside_long_work_that_is_at_a_step() -> None:
    turns = Turns(at_once=1)
    with turns.turn(Kind.EVALUATION), turns.turn(Kind.VERDICT):
        other = threading.Thread(target=lambda: turns.turn(Kind.MAP).__enter__(), daemon=True)
        other.start()
        other.join(0.05)
        # One quick piece of work at a time.
        assert other.is_alive()
    other.join(PATIENCE)
    assert not other.is_alive()


def test_long_work_does_not_go_on_beside_quick_work() -> None:
    turns = Turns(at_once=1)
    with turns.turn(Kind.SLOW_MAP) as mine:
        with turns.turn(Kind.MAP):
            aside = threading.Thread(target=turns.step_aside, args=[mine], daemon=True)
            aside.start()
            aside.join(0.05)
            assert aside.is_alive()
        aside.join(PATIENCE)
        assert not aside.is_alive()
