"""How long work tells of itself, and how it is stopped."""

from __future__ import annotations

from typing import Any, Protocol


class Progress(Protocol):
    """Called as work goes on; what it raises stops the work."""

    def __call__(self, done: int, total: int, partial: Any = None) -> None:
        """``partial`` is what there is so far.

        Of an explainer the maps, float32 [B, H, W]; of an evaluation the number of photos that
        could not be read.
        """


def no_progress(done: int, total: int, partial: Any = None) -> None:
    """The progress of work that nobody watches."""
