"""How a command is stopped: by Ctrl-C, a signal or a terminal that closes, all of them alike."""

from __future__ import annotations

import argparse
import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

STATUS = 130
SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
# Work in other threads looks here, for a signal reaches the main one only.
ASKED = threading.Event()


class Stopped(KeyboardInterrupt):
    """A signal that ends the command.

    Of its own kind: Python kills itself by SIGINT at its end, whatever the status, where a plain
    ``KeyboardInterrupt`` once passed through a library's C code, as while PyTorch is imported.
    """


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Have every signal that ends a process raise :class:`Stopped`."""
    ASKED.clear()
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (getattr(signal, name) for name in SIGNALS if hasattr(signal, name)):
            # What nohup or a shell's background job ignores stays ignored.
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, _stop)
    try:
        yield
    finally:
        for number, answer in before.items():
            signal.signal(number, answer)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    ASKED.set()
    raise Stopped


def goes_on(options: argparse.Namespace) -> str:
    """What is kept of work that goes on by itself."""
    return f"What was finished is kept; go on with: {options.command}"


def starts_again(options: argparse.Namespace) -> str:
    """What is kept of work that is quickly done."""
    return f"Nothing was written; start again with: {options.command}"
