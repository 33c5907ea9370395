"""All visitors' evaluations of this server, in the order they were asked for."""

from __future__ import annotations

import threading
from collections.abc import Callable

from dashboard.shared.jobs import Job, Worker
from dashboard.shared.turns import Kind
from xaicore.evaluation.store import Run
from xaicore.progress import Progress


class Queue:
    """Runs evaluations one after another, whether or not their page is open."""

    def __init__(self) -> None:
        self._worker = Worker("evaluation")
        self._lock = threading.Lock()
        self._all: list[Job[Run]] = []

    def submit(self, title: str, total: int, work: Callable[[Progress], Run]) -> Job[Run]:
        """Queue the work and return its job at once."""
        job: Job[Run] = Job(title, total, watched=False, kind=Kind.EVALUATION)
        with self._lock:
            self._all.append(job)
            self._worker.submit(work, job)
        return job

    def ahead_of(self, job: Job[Run]) -> int:
        """How many evaluations end before this one starts."""
        with self._lock:
            before = self._all[: self._all.index(job)]
        return sum(one.running for one in before)

    @property
    def running(self) -> list[Job[Run]]:
        """All that are queued or at work."""
        with self._lock:
            return [one for one in self._all if one.running]

    @property
    def ended(self) -> list[Job[Run]]:
        """All that have ended and have something to say, newest first."""
        with self._lock:
            jobs = self._all[::-1]
        return [one for one in jobs if not one.running and (one.result or one.error)]
