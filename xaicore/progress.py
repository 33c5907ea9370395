"""How long work tells of itself, and how it is stopped."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, Protocol

from tqdm import tqdm

from xaicore.formatting import plural

# How often a bar moves, if only its clock does.
TICK_SECONDS = 0.5


class Progress(Protocol):
    """Called as work goes on; what it raises stops the work."""

    def __call__(self, done: int, total: int, partial: Any = None) -> None:
        """``partial`` is what there is so far.

        Of an explainer the maps, float32 [B, H, W]; of an evaluation the number of photos that
        could not be read.
        """


def no_progress(done: int, total: int, partial: Any = None) -> None:
    """The progress of work that nobody watches."""


def _tell_nobody(step: str) -> None:
    """For steps of work that nobody watches."""


_watcher: ContextVar[Callable[[str], object]] = ContextVar("watcher", default=_tell_nobody)


def name_step(step: str) -> None:
    """Tell whoever watches what is being done from now on, such as "LRP, maps"."""
    _watcher.get()(step)


@contextlib.contextmanager
def shown(step: str, total: int | None = None, unit: str = "") -> Iterator[tqdm]:
    """A bar on stderr that names the step and moves twice a second, however long a step takes.

    Without a ``total`` it is a clock alone. Where stderr is no terminal nothing is shown.
    """
    clock = "{desc} {elapsed}" if total is None else None
    bar = tqdm(
        *(None, step, total),
        unit=unit,
        bar_format=clock,
        leave=total is not None,
        smoothing=0.1,
        disable=None,
    )
    with bar:
        if bar.disable:
            yield bar
            return
        before = _watcher.set(bar.set_description)
        try:
            with _ticking(bar):
                yield bar
        finally:
            _watcher.reset(before)


@contextlib.contextmanager
def _ticking(bar: tqdm) -> Iterator[None]:
    """Have a bar's clock move meanwhile."""
    over = threading.Event()

    def tick() -> None:
        while not over.wait(TICK_SECONDS):
            bar.refresh()

    thread = threading.Thread(target=tick, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def tell(line: str) -> None:
    """Say something on stderr, above the bars that are shown."""
    # Whoever closed the terminal does not read it.
    with contextlib.suppress(OSError):
        tqdm.write(line, file=sys.stderr)


def say_known(done: int, total: int, thing: str = "photo") -> str:
    """What work that goes on does not do again, as a sentence; empty where all is to be done."""
    if not done:
        return ""
    if done == total:
        return f"This was finished before ({plural(total, thing)}); nothing is computed again."
    return f"Going on: {done} of {plural(total, thing)} finished before."
