"""Evaluations that go on when their page is closed: one at a time, each visitor's in turn."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from dashboard.jobs import Cancelled
from xaicore.classifier import ClassifierError
from xaicore.dataset import DatasetError
from xaicore.evaluation import EvaluationError
from xaicore.explainers.base import ExplainerError
from xaicore.metrics.base import MetricError
from xaicore.store import Run, StoreError

PLAIN_ERRORS = (
    ClassifierError,
    DatasetError,
    EvaluationError,
    ExplainerError,
    MetricError,
    StoreError,
)
UNEXPECTED = "This evaluation stopped unexpectedly. What was finished is kept; start it again."
_log = logging.getLogger(__name__)


class Evaluation:
    """One evaluation as its page sees it; nobody needs to watch it for it to go on."""

    def __init__(self, title: str, total: int) -> None:
        self.id = uuid.uuid4().hex[:8]
        self.title = title
        self.done = 0
        self.total = total
        self.errors = 0
        self.run: Run | None = None
        self.error = ""
        self.cancelled = False
        self.started: float | None = None
        self._ended = threading.Event()

    @property
    def running(self) -> bool:
        """Queued or at work."""
        return not self._ended.is_set()

    @property
    def seconds_left(self) -> float | None:
        """What the rest takes at the rate so far; none before there is one."""
        if self.started is None or not self.done:
            return None
        return (time.monotonic() - self.started) / self.done * (self.total - self.done)

    def cancel(self) -> None:
        """Ask the work to stop at its next step; what was finished is kept."""
        self.cancelled = True

    def wait(self, seconds: float | None = None) -> bool:
        """Block until the work has ended, for tests; false if it has not."""
        return self._ended.wait(seconds)

    def pulse(self) -> None:
        """Told by the work that it goes on; stops it where that is asked for."""
        if self.cancelled:
            raise Cancelled

    def report(self, done: int, total: int, errors: int) -> None:
        """Take progress from the work."""
        self.done, self.total, self.errors = done, total, errors
        self.pulse()

    def perform(self, work: Callable[[Evaluation], Run]) -> None:
        """Do the work on this thread; whatever happens, it ends and nothing is raised."""
        try:
            self.pulse()
            self.started = time.monotonic()
            self.run = work(self)
        except Cancelled:
            pass
        except PLAIN_ERRORS as error:
            self.error = str(error)
        except Exception:
            _log.exception("an evaluation failed")
            self.error = UNEXPECTED
        finally:
            self._ended.set()


class Queue:
    """All visitors' evaluations of this server, in the order they were asked for."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="evaluation")
        self._lock = threading.Lock()
        self._all: list[Evaluation] = []

    def submit(self, title: str, total: int, work: Callable[[Evaluation], Run]) -> Evaluation:
        """Queue the work and return its evaluation at once."""
        evaluation = Evaluation(title, total)
        with self._lock:
            self._all.append(evaluation)
            self._pool.submit(evaluation.perform, work)
        return evaluation

    def get(self, id: str) -> Evaluation | None:
        """The evaluation of that id, if this server has had it."""
        return next((one for one in self._all if one.id == id), None)

    def ahead_of(self, evaluation: Evaluation) -> int:
        """How many evaluations end before this one starts."""
        with self._lock:
            before = self._all[: self._all.index(evaluation)]
        return sum(one.running for one in before)

    @property
    def running(self) -> list[Evaluation]:
        """All that are queued or at work."""
        with self._lock:
            return [one for one in self._all if one.running]

    @property
    def ended(self) -> list[Evaluation]:
        """All that have ended and have something to say, newest first."""
        with self._lock:
            return [one for one in self._all[::-1] if not one.running and (one.run or one.error)]
