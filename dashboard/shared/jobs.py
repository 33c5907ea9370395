"""Long work off the page's thread: jobs report, may be watched by several, and can be cancelled."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import uuid
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, Generic, TypeVar

from dashboard.shared.turns import TURNS, Kind, Ticket, claim
from xaicore.errors import PetlensError
from xaicore.progress import Progress

# A page asks several times a second, but may be held up; of one that is gone nothing is awaited.
ABANDONED_SECONDS = 60.0
GONE_SECONDS = 2.0
# Set once the server is told to stop: no work begins or goes on.
STOPPING = threading.Event()
UNEXPECTED = (
    "This work stopped unexpectedly. What was finished before is kept; start it again, "
    "or change a setting."
)

Result = TypeVar("Result")
_log = logging.getLogger(__name__)


class Cancelled(Exception):
    """Stops work whose outcome nobody waits for any more."""


class Job(Generic[Result]):
    """One piece of work as those who wait for it see it: how far it is, and how it ended.

    ``partial`` is the best so far, as the work gives it. A ``watched`` job is cancelled when all
    who waited have left, are gone, or have not asked for ``ABANDONED_SECONDS``, so that it blocks
    nobody else; any other goes on until it ends or is cancelled. Work of a ``kind`` waits for its
    turn, and steps aside at its reports.
    """

    def __init__(
        self, title: str = "", total: int = 0, watched: bool = True, kind: Kind | None = None
    ) -> None:
        self.id = uuid.uuid4().hex[:8]
        self.title = title
        self.done = 0
        self.total = total
        self.partial: Any = None
        self.result: Result | None = None
        self.exception: PetlensError | None = None
        self.cancelled = False
        self.kind = kind
        self._watched = watched
        self._ticket: Ticket | None = None
        self._first: tuple[float, int] | None = None
        self._seats: dict[Seat, float] = {}
        self._born = time.monotonic()
        self._lock = threading.Lock()
        self._ended = threading.Event()

    @classmethod
    def failed(cls, exception: PetlensError) -> Job[Result]:
        """A job that ended before it began."""
        job = cls()
        job.exception = exception
        job._ended.set()
        return job

    @property
    def running(self) -> bool:
        """Queued or at work."""
        return not self._ended.is_set()

    @property
    def error(self) -> str:
        """What went wrong, as a sentence for the page; empty if nothing did."""
        return str(self.exception or "")

    @property
    def before(self) -> int:
        """How much was done already when the work began."""
        return self._first[1] if self._first else 0

    @property
    def share(self) -> float:
        """How much is done, 0…1."""
        return self.done / self.total if self.total else 0.0

    @property
    def seconds_left(self) -> float | None:
        """What the rest takes at this job's own rate; none before there is one.

        What was done before the first report was done by somebody else.
        """
        if self._first is None or self.done == self._first[1]:
            return None
        started, before = self._first
        return (time.monotonic() - started) / (self.done - before) * (self.total - self.done)

    def cancel(self) -> None:
        """Ask the work to stop at its next report."""
        self.cancelled = True

    def watch(self, seat: Seat) -> bool:
        """Tell the work that somebody waits at this seat; false if it will not bring a result."""
        with self._lock:
            if self.cancelled or not self.running:
                return False
            self._seats[seat] = time.monotonic()
            return True

    def leave(self, seat: Seat) -> None:
        """Tell the work that this seat is empty; the last one to leave cancels it."""
        with self._lock:
            self._seats.pop(seat, None)
            if self._watched and not self._seats:
                self.cancel()

    def wait(self, seconds: float | None = None) -> bool:
        """Block until the job has ended; false if it has not."""
        return self._ended.wait(seconds)

    def report(self, done: int, total: int, partial: Any = None) -> None:
        """Take progress from the work."""
        self._stop_if_unwanted()
        if self._ticket:
            TURNS.step_aside(self._ticket)
            self._stop_if_unwanted()
        if self._first is None:
            self._first = time.monotonic(), done
        self.partial, self.done, self.total = partial, done, total

    def run(self, work: Callable[[Progress], Result]) -> None:
        """Do the work on this thread; whatever happens, the job ends and nothing is raised."""
        try:
            self._stop_if_unwanted()
            with TURNS.turn(self.kind) if self.kind else contextlib.nullcontext() as self._ticket:
                self._stop_if_unwanted()
                self.result = work(self.report)
        except Cancelled:
            pass
        except PetlensError as error:
            self.exception = error
        except Exception:
            _log.exception("a job failed")
            self.exception = PetlensError(UNEXPECTED)
        finally:
            self._ended.set()

    def _stop_if_unwanted(self) -> None:
        with self._lock:
            if self._watched and not self._awaited():
                self.cancel()
        if self.cancelled or STOPPING.is_set():
            raise Cancelled

    def _awaited(self) -> bool:
        """Whether somebody who is there has asked not long ago."""
        asked = [(seat.patience(), then) for seat, then in self._seats.items()]
        now = time.monotonic()
        return any(
            now - then <= patience for patience, then in asked or [(ABANDONED_SECONDS, self._born)]
        )


class Seat:
    """Where one visitor waits for one thing at a time; another one asked for frees the first.

    ``patience`` tells for how many seconds it is waited here after one has asked.
    """

    def __init__(self, patience: Callable[[], float] = lambda: ABANDONED_SECONDS) -> None:
        self.key = ""
        self.job: Job[Any] | None = None
        self.patience = patience

    def take(self, key: str, job: Job[Any]) -> bool:
        """Wait here for the job that answers ``key``; false if it will not."""
        if not job.watch(self):
            return False
        if job is not self.job:
            self.leave()
        self.key, self.job = key, job
        return True

    def leave(self) -> None:
        """Wait for nothing any more."""
        if self.job:
            self.job.leave(self)
        self.key, self.job = "", None


class Worker:
    """Runs jobs one after another on a thread of its own, the strongest claim first.

    The thread is there while there is work, and keeps no process from ending.
    """

    def __init__(self, name: str = "worker") -> None:
        self._name = name
        self._queue: list[tuple[Ticket, Callable[[], None]]] = []
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        _workers.add(self)

    def submit(
        self, work: Callable[[Progress], Result], job: Job[Result] | None = None
    ) -> Job[Result]:
        """Queue ``work(progress)`` and return its job at once."""
        job = job or Job()
        with self._lock:
            self._queue.append((Ticket(job.kind or Kind.SLOW_MAP), partial(job.run, work)))
            if not self._thread:
                self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                self._thread.start()
        return job

    def join(self, seconds: float) -> None:
        """Wait until there is no work left, or for so long."""
        thread = self._thread
        if thread:
            thread.join(seconds)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._queue:
                    self._thread = None
                    return
                now = time.monotonic()
                entry = max(self._queue, key=lambda entry: claim(entry[0], now))
                self._queue.remove(entry)
            _, run = entry
            run()


_workers: weakref.WeakSet[Worker] = weakref.WeakSet()


def stop_all(seconds: float) -> None:
    """Let no work begin or go on, for good, and wait up to so long for what is at its last step."""
    STOPPING.set()
    deadline = time.monotonic() + seconds
    for worker in list(_workers):
        worker.join(max(0.0, deadline - time.monotonic()))
