"""Long work off the page's thread: jobs report, may be watched by several, and can be cancelled."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from xaicore.errors import PetlensError
from xaicore.progress import Progress

# A page asks several times a second; a closed or reloaded one never asks again.
ABANDONED_SECONDS = 60.0
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
    who waited have left, or when nobody has asked for ``ABANDONED_SECONDS``, so that it blocks
    nobody else; any other goes on until it ends or is cancelled.
    """

    def __init__(self, title: str = "", total: int = 0, watched: bool = True) -> None:
        self.id = uuid.uuid4().hex[:8]
        self.title = title
        self.done = 0
        self.total = total
        self.partial: Any = None
        self.result: Result | None = None
        self.exception: PetlensError | None = None
        self.cancelled = False
        self._watched = watched
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
        if self._first is None:
            self._first = time.monotonic(), done
        self.partial, self.done, self.total = partial, done, total

    def run(self, work: Callable[[Progress], Result]) -> None:
        """Do the work on this thread; whatever happens, the job ends and nothing is raised."""
        try:
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
            asked = max(self._seats.values(), default=self._born)
            if self._watched and time.monotonic() - asked > ABANDONED_SECONDS:
                self.cancel()
        if self.cancelled:
            raise Cancelled


class Seat:
    """Where one visitor waits for one thing at a time; another one asked for frees the first."""

    def __init__(self) -> None:
        self.key = ""
        self.job: Job[Any] | None = None

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
    """Runs jobs one after another on a thread of its own."""

    def __init__(self, name: str = "worker") -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    def submit(
        self, work: Callable[[Progress], Result], job: Job[Result] | None = None
    ) -> Job[Result]:
        """Queue ``work(progress)`` and return its job at once."""
        job = job or Job()
        self._pool.submit(job.run, work)
        return job
