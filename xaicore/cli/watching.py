"""What is shown of work that goes on where it was stopped."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from xaicore.cli import stopping
from xaicore.progress import Progress, say_known, shown, tell


@contextlib.contextmanager
def watched(step: str, thing: str = "photo") -> Iterator[Progress]:
    """The progress of work that is shown as a bar, and that ends soon once it is asked to stop.

    It is called first with what was done before, which is said.
    """
    say = say_once(thing)
    with shown(step, 0, thing) as bar:

        def progress(done: int, total: int, partial: Any = None) -> None:
            if stopping.ASKED.is_set():
                raise stopping.Stopped
            say(done, total)
            bar.total = total
            if partial:
                bar.set_postfix(unreadable=partial, refresh=False)
            bar.update(done - bar.n)

        yield progress


def say_once(thing: str) -> Progress:
    """The progress of work that shows its own bars: it says what was done before, and no more."""
    begun = False

    def progress(done: int, total: int, partial: Any = None) -> None:
        nonlocal begun
        if not begun and (known := say_known(done, total, thing)):
            tell(known)
        begun = True

    return progress
