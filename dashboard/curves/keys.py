"""The Curves page's own session and URL keys."""

from __future__ import annotations

STEPS = "steps"
FILL = "fill"
BLUR = "blur"
KERNEL = "kernel"
SIGMA = "sigma"
TIES = "ties"
STEP = "step"
PLAYING = "playing"
FORMAT = "format"


def chart_key(name: str) -> str:
    """The key of a chart that can be clicked."""
    return f"chart-{name}"
