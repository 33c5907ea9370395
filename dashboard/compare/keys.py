"""The Compare page's own session and URL keys."""

from __future__ import annotations

PANELS = "panels"
VIEW = "view"
AREA = "area"
FIRST = "first"
SECOND = "second"
CHANGE = "change"
SAMPLES = "samples"
FORGETTING = "forgetting"

# Kinds of seats: what this visitor waits for here.
PANEL_MAPS = "panel-maps"
CHANGED_MAPS = "changed-maps"
SAMPLE_MAPS = "sample-maps"
FORGOTTEN = "forgotten-maps"


def panel_key(letter: str, what: str, network: str = "") -> str:
    """The key of a widget of one of the panels, or its ``network``'s own one."""
    return f"{letter}-{what}" + (f"-{network}" if network else "")
