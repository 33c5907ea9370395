"""Long work off the page's thread: one worker, jobs that report and can be cancelled."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar

import numpy as np

from xaicore.classifier import ClassifierError
from xaicore.explainers.base import ExplainerError
from xaicore.metrics.base import MetricError
from xaicore.store import StoreError

# A page asks several times a second; a closed or reloaded one never asks again.
ABANDONED_SECONDS = 60.0
UNEXPECTED = "This work stopped unexpectedly. Change a setting or the photo to try again."

Result = TypeVar("Result")
_log = logging.getLogger(__name__)


class Report(Protocol):
    """Called by work as it goes on; what it raises stops the work."""

    def __call__(self, done: int, total: int, maps: np.ndarray | None = None) -> None:
        """``maps`` float32 [B, H, W] is the best so far, where the work makes maps."""


class Cancelled(Exception):
    """Stops work whose outcome nobody waits for any more."""


class Job(Generic[Result]):
    """One piece of work as its watchers see it: how far it is, and how it ended.

    ``partial`` is the newest map, float32 [B, H, W]; ``error`` is a sentence for the page. Work
    that nobody has watched for ``ABANDONED_SECONDS`` is cancelled, so that it blocks nobody else.
    """

    def __init__(self) -> None:
        self.done = 0
        self.total = 0
        self.partial: np.ndarray | None = None
        self.result: Result | None = None
        self.error = ""
        self.cancelled = False
        self._ended = threading.Event()
        self.watch()

    @property
    def running(self) -> bool:
        """Queued or at work."""
        return not self._ended.is_set()

    def cancel(self) -> None:
        """Ask the work to stop at its next report."""
        self.cancelled = True

    def watch(self) -> None:
        """Tell the work that somebody still waits for it."""
        self._watched = time.monotonic()

    def wait(self, seconds: float | None = None) -> bool:
        """Block until the job has ended, for tests and command lines; false if it has not."""
        return self._ended.wait(seconds)

    def report(self, done: int, total: int, maps: np.ndarray | None = None) -> None:
        """Take progress from the worker."""
        self._stop_if_unwanted()
        self.partial, self.done, self.total = maps, done, total

    def run(self, work: Callable[[Report], Result]) -> None:
        """Do the work on this thread; whatever happens, the job ends and nothing is raised."""
        try:
            self._stop_if_unwanted()
            self.result = work(self.report)
        except Cancelled:
            pass
        except (ExplainerError, ClassifierError, MetricError, StoreError) as error:
            self.error = str(error)
        except Exception:
            _log.exception("a background job failed")
            self.error = UNEXPECTED
        finally:
            self._ended.set()

    def _stop_if_unwanted(self) -> None:
        if time.monotonic() - self._watched > ABANDONED_SECONDS:
            self.cancel()
        if self.cancelled:
            raise Cancelled


class Worker:
    """Runs jobs one after another on a thread of its own."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="worker")

    def submit(self, work: Callable[[Report], Result]) -> Job[Result]:
        """Queue ``work(report)`` and return its job at once."""
        job: Job[Result] = Job()
        self._pool.submit(job.run, work)
        return job
