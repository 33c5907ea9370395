"""Answers by key that are computed once, and work in progress to join."""

from __future__ import annotations

import dataclasses
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Protocol, TypeVar

import numpy as np

from dashboard.shared.jobs import STOPPING, Job, Seat, Worker
from dashboard.shared.turns import Kind
from xaicore.errors import PetlensError
from xaicore.progress import Progress

MOST_BYTES = 256 * 2**20
STOPPED = "The server is being stopped. Load this page again when it is back."

Answer = TypeVar("Answer")
Answer_co = TypeVar("Answer_co", covariant=True)


class Request(Protocol[Answer_co]):
    """Something to be computed; requests of the same key have the same answer."""

    @property
    def key(self) -> str: ...

    @property
    def kind(self) -> Kind: ...

    def prepare(self) -> Callable[[Progress], Answer_co]:
        """Gather all that the work needs on this thread; any thread may then perform it."""


class Memory:
    """Answers to requests, the ones used last, up to ``most_bytes`` of arrays.

    A request that is being worked on is joined by whoever asks the same. Answers are shared, so
    their arrays can only be read.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._answers: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._running: dict[str, Job[Any]] = {}
        self._lock = threading.Lock()
        self._worker = Worker()

    def recall(self, request: Request[Answer]) -> Answer | None:
        """The answer, if it is remembered."""
        with self._lock:
            return self._look_up(request.key)

    def answer(self, request: Request[Answer]) -> Answer:
        """The answer, made on this thread if nobody is at it; raises what the work raises."""
        # Whoever waits on this thread waits until it is done.
        seat = Seat(lambda: math.inf)
        while not STOPPING.is_set():
            found = self._find(request, seat, lambda work, job: job.run(work))
            if not isinstance(found, Job):
                return found
            found.wait()
            if found.exception:
                raise found.exception
            if found.result is not None:
                return found.result
            # Those it was made for cancelled it.
        raise PetlensError(STOPPED)

    def follow(self, request: Request[Answer], seat: Seat) -> Answer | Job[Answer]:
        """The answer, or the background job that makes it, or that could not."""
        if seat.key == request.key and seat.job and seat.job.exception:
            # What failed is not tried again at every look.
            return seat.job
        return self._find(request, seat, self._worker.submit)

    def _find(
        self,
        request: Request[Answer],
        seat: Seat,
        start: Callable[[Callable[[Progress], Answer], Job[Answer]], object],
    ) -> Answer | Job[Answer]:
        key = request.key
        with self._lock:
            known = self._look_up(key)
            if known is not None:
                seat.leave()
                return known
            job = self._running.get(key)
            if job and seat.take(key, job):
                return job
            job = Job(kind=request.kind)
            seat.take(key, job)
            # Those that were cancelled in the queue never told that they ended.
            self._running = {k: j for k, j in self._running.items() if j.running}
            self._running[key] = job
        try:
            work: Callable[[Progress], Answer] = request.prepare()
        except Exception as error:
            work = partial(_raise, error)
        start(partial(self._perform, key, work), job)
        return job

    def _perform(self, key: str, work: Callable[[Progress], Answer], progress: Progress) -> Answer:
        answer = work(progress)
        size = 0
        for array in _arrays_of(answer):
            array.setflags(write=False)
            size += array.nbytes
        with self._lock:
            self._answers[key] = answer, size
            self._bytes += size
            while self._bytes > self._most_bytes and len(self._answers) > 1:
                self._bytes -= self._answers.popitem(last=False)[1][1]
        return answer

    def _look_up(self, key: str) -> Any:
        if key not in self._answers:
            return None
        self._answers.move_to_end(key)
        return self._answers[key][0]


def _arrays_of(answer: Any) -> Iterator[np.ndarray]:
    """All arrays that an answer holds."""
    if isinstance(answer, np.ndarray):
        yield answer
    elif isinstance(answer, Mapping):
        for value in answer.values():
            yield from _arrays_of(value)
    elif dataclasses.is_dataclass(answer):
        for field in dataclasses.fields(answer):
            yield from _arrays_of(getattr(answer, field.name))


def _raise(error: Exception, _progress: Progress) -> Any:
    raise error
