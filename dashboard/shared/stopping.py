"""A server that is told to stop stops its work first, says goodbye, and is gone within seconds."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

from dashboard.shared import jobs

# Work reports several times a second, and stops then.
WORK_SECONDS = 3.0
# A browser that does not let go, or a step that does not end, holds nothing up for longer.
ALL_SECONDS = 4.5
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
_TOLD = threading.Event()


@asynccontextmanager
async def stop_in_time(_app: Any) -> AsyncIterator[None]:
    """The life of a server: a signal that ends it ends its work at once, and itself in time."""
    for name in SIGNALS:
        if hasattr(signal, name):
            _answer(getattr(signal, name))
    yield
    await asyncio.to_thread(jobs.stop_all, WORK_SECONDS)
    if _TOLD.is_set():
        # Python's own end breaks off steps that are still computed, in a crash, and the server's
        # raises the signal once more, which ends in "Aborted!".
        sys.stdout.flush()
        os._exit(0)


def _answer(number: signal.Signals) -> None:
    """Have work stop before the server's own answer to a signal, which may wait for browsers."""
    answer = signal.getsignal(number)

    def stop(received: int, frame: FrameType | None) -> None:
        jobs.STOPPING.set()
        _TOLD.set()
        deadline = threading.Timer(ALL_SECONDS, os._exit, [0])
        deadline.daemon = True
        deadline.start()
        if callable(answer):
            answer(received, frame)
        else:
            # Nothing answers when the terminal is closed, for one.
            signal.raise_signal(signal.SIGTERM)

    signal.signal(number, stop)
