"""Long work off the page's thread: one worker, jobs that report and can be cancelled."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

import numpy as np

from xaicore.classifier import ClassifierError
from xaicore.explainers.base import ExplainerError, Progress

UNEXPECTED = "This explanation stopped unexpectedly. Change a setting or the photo to try again."

Result = TypeVar("Result")
_log = logging.getLogger(__name__)


class Cancelled(Exception):
    """Stops work whose outcome nobody waits for any more."""


class Job(Generic[Result]):
    """One piece of work as its watchers see it: how far it is, and how it ended.

    ``partial`` is the newest map, float32 [B, H, W]; ``error`` is a sentence for the page.
    """

    def __init__(self) -> None:
        self.done = 0
        self.total = 0
        self.partial: np.ndarray | None = None
        self.result: Result | None = None
        self.error = ""
        self.cancelled = False
        self._ended = threading.Event()

    @property
    def running(self) -> bool:
        """Queued or at work."""
        return not self._ended.is_set()

    def cancel(self) -> None:
        """Ask the work to stop at its next report."""
        self.cancelled = True

    def wait(self, seconds: float | None = None) -> bool:
        """Block until the job has ended, for tests and command lines; false if it has not."""
        return self._ended.wait(seconds)

    def report(self, done: int, total: int, maps: np.ndarray) -> None:
        """Take progress from the worker."""
        if self.cancelled:
            raise Cancelled
        self.partial, self.done, self.total = maps, done, total

    def run(self, work: Callable[[Progress], Result]) -> None:
        """Do the work on this thread; whatever happens, the job ends and nothing is raised."""
        try:
            if not self.cancelled:
                self.result = work(self.report)
        except Cancelled:
            pass
        except (ExplainerError, ClassifierError) as error:
            self.error = str(error)
        except Exception:
            _log.exception("a background job failed")
            self.error = UNEXPECTED
        finally:
            self._ended.set()


class Worker:
    """Runs jobs one after another on a thread of its own."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="worker")

    def submit(self, work: Callable[[Progress], Result]) -> Job[Result]:
        """Queue ``work(report)`` and return its job at once."""
        job: Job[Result] = Job()
        self._pool.submit(job.run, work)
        return job
