"""Which process works on a run, and whether it still does."""

from __future__ import annotations

import os
import socket

import psutil

# A clock that is set moves the moment at which a process is said to have started.
CLOCK_SECONDS = 2.0
# The runs that a process works on: a fork's are not its parent's.
_own: set[tuple[int, str]] = set()


def take(run_id: str) -> str:
    """Note that this process works on a run; gives its name: number, start and machine."""
    _own.add((os.getpid(), run_id))
    process = psutil.Process()
    return f"{process.pid} {process.create_time():.2f} {socket.gethostname()}"


def leave(run_id: str) -> None:
    """Note that this process works on a run no more."""
    _own.discard((os.getpid(), run_id))


def is_gone(owner: str | None, run_id: str) -> bool:
    """Whether nobody works on a run any more; processes of other machines are believed to live."""
    try:
        number, started, host = (owner or "").split(" ", 2)
        if host != socket.gethostname():
            return False
        process = psutil.Process(int(number))
        if abs(process.create_time() - float(started)) > CLOCK_SECONDS:
            return True
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
    except (ValueError, psutil.Error):
        return True
    return process.pid == os.getpid() and (process.pid, run_id) not in _own
