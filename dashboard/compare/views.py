"""How panels can be looked at."""

from __future__ import annotations

from dataclasses import dataclass

from xaicore.render import Look

VIEWS = {
    "overlays": "Overlays",
    "maps": "Maps alone",
    "difference": "Difference",
    "consensus": "Where all agree",
    "areas": "Top areas",
    "blink": "Blink",
    "slide": "Slider",
}
SEPARATE = ("overlays", "maps")
# Where colours stand for maps, not for evidence.
OWN_COLOURS = ("difference", "areas")
PAIRED = ("difference", "blink", "slide")


@dataclass(frozen=True)
class View:
    """What the visitor chose: a view by name, the top area (a share 0…1), and a pair of letters."""

    name: str
    share: float
    pair: tuple[str, str]
    look: Look
