"""What the study that this project grew from reports, beside what is measured here.

Its table is not at hand in full. What is known of it stands here; nothing else does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xaicore.leaderboard.board import Board, Cell, difference
from xaicore.leaderboard.tables import in_words, label_of

HOLDS, DOES_NOT, CANNOT_TELL = "holds here", "does not hold here", "cannot be told"

METHODS = ("lrp", "gradcam", "deeplift", "lime")
METRICS = ("iauc", "dauc", "ic", "dc", "ad", "iic")
# What is known of a column, in words; the other figures are not at hand.
KNOWN = {
    "ic": "Grad-CAM's figure is the lowest of the four, and is called the best.",
    "ad": "One figure is −0.093. The highest figure is called the best.",
    "iic": "One figure is 0.014.",
}
NOTES = (
    "Its AD and IIC cannot be the published ones. A drop that is cut off at zero is never "
    "negative, so −0.093 must be an uncut drop; a share of 200 photos is a multiple of 0.005, so "
    "0.014 must be a mean increase. Its AD stands beside our signed AD, its IIC beside our mean "
    "increase.",
    "Its text calls the wrong end best for two metrics: the highest AD, though a drop is a loss, "
    "and for IC the lowest figure of the four, though a correlation should be high.",
)
# The columns of ours that its columns stand beside.
BESIDE = {"ad": "ad_signed", "iic": "iic_mean"}


@dataclass(frozen=True)
class Verdict:
    """Whether a sentence holds here, and the figures that say so."""

    verdict: str
    because: str


@dataclass(frozen=True)
class Claim:
    """A sentence of the study, as we understand it, and how it is checked."""

    sentence: str
    check: Callable[[Board], Verdict]


def is_first(board: Board, method: str, metric: str, sign: int = 1) -> Verdict:
    """Whether a method has the highest figure of the four, or with -1 the lowest.

    It has if it is told apart from all others, photo by photo; it has not if any other is told to
    be beyond it.
    """
    cells = _cells(board, metric)
    if method not in cells or len(cells) < 2:
        return Verdict(CANNOT_TELL, "There are no two figures of this run to compare.")
    gaps = {name: difference(board, method, name, metric) for name in cells if name != method}
    beyond = [name for name, gap in gaps.items() if sign * gap.mean < 0 and _is_told(gap)]
    if beyond:
        return Verdict(DOES_NOT, _figures(cells))
    close = [name for name, gap in gaps.items() if not _is_told(gap)]
    if close:
        names = ", ".join(label_of(name) for name in close)
        return Verdict(CANNOT_TELL, f"{_figures(cells)} The difference to {names} could be zero.")
    return _if_complete(cells, HOLDS, _figures(cells))


def has_negative_drop(board: Board) -> Verdict:
    """Whether some method's signed average drop lies below zero, interval and all."""
    cells = _cells(board, "ad_signed")
    if not cells:
        return Verdict(CANNOT_TELL, "The signed drop has no figure in this run.")
    if any(cell.high < 0 for cell in cells.values()):
        return Verdict(HOLDS, _figures(cells))
    if all(cell.low > 0 for cell in cells.values()):
        return _if_complete(cells, DOES_NOT, _figures(cells))
    return Verdict(CANNOT_TELL, f"{_figures(cells)} An interval holds zero or is not known.")


def highest_drop_is_best(board: Board) -> Verdict:
    """AD is a loss, so the highest is the worst by definition, if the four differ at all."""
    cells = _cells(board, "ad")
    if len(cells) < 2:
        return Verdict(CANNOT_TELL, "There are no two figures of this run to compare.")
    highest = max(cells, key=lambda name: cells[name].mean)
    lowest = min(cells, key=lambda name: cells[name].mean)
    if not _is_told(difference(board, highest, lowest, "ad")):
        return Verdict(CANNOT_TELL, f"{_figures(cells)} Highest and lowest could be the same.")
    return Verdict(
        DOES_NOT,
        f"{_figures(cells)} AD is what is lost, so lower is better, and {label_of(highest)} "
        "loses most.",
    )


def _cells(board: Board, metric: str) -> dict[str, Cell]:
    """The four methods' cells on a metric, as far as there is a figure."""
    cells = {name: board.cells.get((name, metric)) for name in METHODS}
    return {name: cell for name, cell in cells.items() if cell and cell.valid}


def _is_told(gap: Cell) -> bool:
    """Whether a difference is told from zero; one without an interval is not."""
    return bool(np.sign(gap.low) == np.sign(gap.high) != 0)


def _if_complete(cells: dict[str, Cell], verdict: str, because: str) -> Verdict:
    """A verdict on all four, which needs all four."""
    missing = [label_of(name) for name in METHODS if name not in cells]
    if missing:
        return Verdict(CANNOT_TELL, f"{because} There is no figure for {', '.join(missing)}.")
    return Verdict(verdict, because)


def _figures(cells: dict[str, Cell]) -> str:
    return ", ".join(f"{label_of(name)} {in_words(cell)}" for name, cell in cells.items()) + "."


CLAIMS = (
    Claim("Grad-CAM is the best on IC.", lambda board: is_first(board, "gradcam", "ic")),
    Claim(
        "Grad-CAM has the lowest IC of the four.",
        lambda board: is_first(board, "gradcam", "ic", sign=-1),
    ),
    Claim("The method with the highest AD is the best.", highest_drop_is_best),
    Claim("There is a method with an AD below zero.", has_negative_drop),
)
