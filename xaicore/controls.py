"""Public names of controls, kept for code that imports from here."""

from xaicore.metrics.controls import CONTROLS, Control, percentile_among_controls

__all__ = ["CONTROLS", "Control", "percentile_among_controls"]
