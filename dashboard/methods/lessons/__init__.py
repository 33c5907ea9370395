"""What the Methods page teaches: one text a method, a metric, and one on the controls."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Lesson:
    """The idea, its formula (LaTeX) and symbols, how to read the figure, when not to trust it.

    ``in_full`` is the name without abbreviations, where it has any.
    """

    idea: str
    formula: str = ""
    symbols: str = ""
    proof: str = ""
    distrust: str = ""
    cost: str = ""
    bibtex: str = ""
    in_full: str = ""


@functools.cache
def read_lesson(name: str, summary: str = "") -> Lesson:
    """The lesson of a registry entry; its summary alone where no lesson was written."""
    file = FOLDER / f"{name}.toml"
    if not file.exists():
        return Lesson(summary)
    texts = tomllib.loads(file.read_text(encoding="utf-8"))
    return Lesson(**{part: text.strip() for part, text in texts.items()})
