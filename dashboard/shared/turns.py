"""Who computes next: of all that wait, the one who has waited longest for the least.

This is scheduling by the highest response ratio (Brinch Hansen 1971): 1 + waited / usual time. It
puts short work first and lets nobody wait for ever. Long work steps aside between its steps.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum

# Long work that goes on counts as one who has waited at most so long.
GRACE_SECONDS = 1.0


class Kind(Enum):
    """Kinds of work, by the seconds that one usually takes."""

    VERDICT = 0.1
    MAP = 0.5
    SLOW_MAP = 10.0
    CURVES = 30.0
    EVALUATION = 600.0

    @property
    def quick(self) -> bool:
        return self.value < 1


class Ticket:
    """One piece of work in line, or at work, ``since`` when."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.since = time.monotonic()
        self.called = threading.Event()


def claim(ticket: Ticket, now: float) -> tuple[float, float]:
    """How strong a claim to the next turn is; between equal ones the shorter work's is stronger."""
    return 1 + (now - ticket.since) / ticket.kind.value, -ticket.kind.value


def first(waiting: Sequence[Ticket], now: float) -> Ticket:
    """Whose turn is next; among equals, whoever came first."""
    return max(waiting, key=lambda ticket: claim(ticket, now))


class Turns:
    """Lets ``at_once`` pieces of work go on at a time; quick work is not held up by long work."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._waiting: list[Ticket] = []
        self._working: list[Ticket] = []
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, kind: Kind) -> Iterator[Ticket]:
        """Wait for a turn, and have it."""
        ticket = Ticket(kind)
        with self._lock:
            self._line_up(ticket)
        ticket.called.wait()
        try:
            yield ticket
        finally:
            with self._lock:
                self._working.remove(ticket)
                self._call()

    def step_aside(self, ticket: Ticket) -> None:
        """Between two steps of long work: wait while others have the stronger claim."""
        now = time.monotonic()
        with self._lock:
            ticket.since = max(ticket.since, now - GRACE_SECONDS)
            goes_on = first([ticket, *self._waiting], now) is ticket
            if goes_on and not any(other.kind.quick for other in self._working):
                return
            ticket.since = now
            ticket.called.clear()
            self._working.remove(ticket)
            self._line_up(ticket)
        ticket.called.wait()

    def _line_up(self, ticket: Ticket) -> None:
        self._waiting.append(ticket)
        self._call()

    def _call(self) -> None:
        """Call whoever is next while there is room for them."""
        while self._waiting:
            now = time.monotonic()
            ticket = first(self._waiting, now)
            rivals = [t for t in self._working if t.kind.quick or not ticket.kind.quick]
            if len(rivals) >= self._at_once:
                return
            self._waiting.remove(ticket)
            self._working.append(ticket)
            ticket.since = now
            ticket.called.set()


# Of this process: torch itself spreads one piece of work over the cores.
TURNS = Turns(at_once=max(1, (os.cpu_count() or 1) // 2))
