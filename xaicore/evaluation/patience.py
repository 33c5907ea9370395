"""How long a store that is away is waited for: a lock, a full disk, a server that starts again."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

import sqlalchemy as sa

from xaicore.evaluation.faults import StoreError

VARIABLE = "XAICORE_PATIENCE"
SECONDS = 60.0
# A transaction of an evaluation may take as long as this on a busy server, one of a page less.
ATTEMPT_SECONDS = 20.0
PAUSE_SECONDS = 0.5

Answer = TypeVar("Answer")


def _say_nothing(_line: str = "") -> None:
    """For those whose waiting nobody watches."""


class Patience:
    """Tries again, for ``seconds`` in all, what a passing fault stops; one try ends in ``attempt``.

    ``tell`` is given a line when a wait begins, and one when the work goes on; ``check`` is called
    while it lasts, and what it raises ends it.
    """

    def __init__(
        self,
        seconds: float | None = None,
        attempt: float = ATTEMPT_SECONDS,
        tell: Callable[[str], None] = _say_nothing,
        check: Callable[[], None] = _say_nothing,
    ) -> None:
        self.seconds = _default_seconds() if seconds is None else seconds
        self.attempt = attempt
        self.tell = tell
        self.check = check

    def watched(self, check: Callable[[], None]) -> Patience:
        """The same patience, which what ``check`` raises ends."""
        return Patience(self.seconds, self.attempt, self.tell, check)

    def __call__(self, work: Callable[[], Answer]) -> Answer:
        """What the work gives; raises its :class:`StoreError` if it lasts."""
        end = time.monotonic() + self.seconds
        told = False
        while True:
            try:
                answer = work()
            except StoreError as error:
                left = end - time.monotonic()
                if not error.passing or left <= 0:
                    raise
                if not told:
                    self.tell(f"{error} Waiting for it, for up to {self.seconds:.0f} s.")
                told = True
                self.check()
                time.sleep(min(PAUSE_SECONDS, left))
            else:
                if told:
                    self.tell("The store is back; the work goes on.")
                return answer


class CircuitBreaker(Patience):
    """Waits for nothing, and after a fault fails at once for ``rest`` seconds, asking nobody.

    ``fault`` is what went wrong at the last try, none once the store has answered again.
    """

    def __init__(self, attempt: float, rest: float) -> None:
        super().__init__(0, attempt)
        self.fault: StoreError | None = None
        self._rest = rest
        self._until = 0.0

    def raise_if_away(self) -> None:
        """Raise the fault of a store that is at rest."""
        if self.fault and time.monotonic() < self._until:
            raise StoreError(str(self.fault), self.fault.passing)

    def __call__(self, work: Callable[[], Answer]) -> Answer:
        self.raise_if_away()
        try:
            answer = super().__call__(work)
        except StoreError as error:
            # Without a cause it is no fault of the store, but of what was asked of it.
            if error.__cause__:
                self.fault, self._until = error, time.monotonic() + self._rest
            raise
        self.fault = None
        return answer


@contextlib.contextmanager
def cut_after(connection: sa.Connection, seconds: float) -> Iterator[None]:
    """Cut a connection to a server that has not answered in time.

    A server that hangs keeps its own time limits no more than anything else.
    """
    link = socket.fromfd(
        connection.connection.dbapi_connection.fileno(),  # type: ignore[union-attr]
        socket.AF_INET,
        socket.SOCK_STREAM,
    )

    def cut() -> None:
        with contextlib.suppress(OSError):
            link.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        link.close()


def _default_seconds() -> float:
    text = os.environ.get(VARIABLE, "")
    try:
        return float(text) if text else SECONDS
    except ValueError:
        raise StoreError(f"{VARIABLE} must be a number of seconds, and is {text!r}.") from None
