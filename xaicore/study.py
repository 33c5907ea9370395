"""What the study that this project grew from reports, beside what is measured here.

Its table is not at hand in full. What is known of it stands here; nothing else does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from xaicore.explainers import EXPLAINERS
from xaicore.leaderboard import Board

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


def is_best(board: Board, method: str, metric: str) -> Verdict:
    """Whether a method is the best on a metric and told apart from all others."""
    if (method, metric) not in board.cells:
        return Verdict(CANNOT_TELL, "It was not measured in this run.")
    column = {name: board.cells[name, metric] for name in board.methods}
    best = next((name for name, cell in column.items() if cell.best), None)
    if best is None:
        return Verdict(CANNOT_TELL, "It is undefined for every photo.")
    own = column[method]
    figures = f"{_label(method)} {own.mean:.3f}, best {_label(best)} {column[best].mean:.3f}."
    if own.tied or (own.best and any(cell.tied for cell in column.values())):
        return Verdict(CANNOT_TELL, f"{figures} The difference could be zero.")
    return Verdict(HOLDS if own.best else DOES_NOT, figures)


def is_lowest(board: Board, method: str, metric: str) -> Verdict:
    """Whether a method has the lowest figure on a metric, intervals apart from all others'."""
    if (method, metric) not in board.cells:
        return Verdict(CANNOT_TELL, "It was not measured in this run.")
    own = board.cells[method, metric]
    others = {name: board.cells[name, metric] for name in board.methods if name != method}
    if not others:
        return Verdict(CANNOT_TELL, "There is nothing to compare it with.")
    lowest = min(others, key=lambda name: others[name].mean)
    figures = (
        f"{_label(method)} {own.mean:.3f}, lowest other {_label(lowest)} {others[lowest].mean:.3f}."
    )
    if own.high < others[lowest].low:
        return Verdict(HOLDS, figures)
    if own.low > others[lowest].high:
        return Verdict(DOES_NOT, figures)
    return Verdict(CANNOT_TELL, f"{figures} Their intervals overlap.")


def has_negative_drop(board: Board) -> Verdict:
    """Whether some method's signed average drop lies below zero, interval and all."""
    cells = {
        name: board.cells[name, "ad_signed"]
        for name in board.methods
        if (name, "ad_signed") in board.cells
    }
    if not cells:
        return Verdict(CANNOT_TELL, "The signed drop was not measured in this run.")
    lowest = min(cells, key=lambda name: cells[name].mean)
    cell = cells[lowest]
    figures = f"The lowest is {_label(lowest)} {cell.mean:.3f} ({cell.low:.3f} to {cell.high:.3f})."
    if cell.high < 0:
        return Verdict(HOLDS, figures)
    return Verdict(DOES_NOT if cell.low > 0 else CANNOT_TELL, figures)


def highest_drop_is_best(board: Board) -> Verdict:
    """AD is a loss: the method with the highest is the worst on it, by definition."""
    cells = {name: board.cells[name, "ad"] for name in board.methods if (name, "ad") in board.cells}
    if not cells:
        return Verdict(CANNOT_TELL, "AD was not measured in this run.")
    highest = max(cells, key=lambda name: cells[name].mean)
    return Verdict(
        DOES_NOT,
        f"AD is what is lost, so lower is better. {_label(highest)} loses most, "
        f"{cells[highest].mean:.3f}, and ranks {board.ranks.loc[highest, 'overall']:.1f} on "
        f"average of {len(board.methods)}.",
    )


def _label(method: str) -> str:
    return EXPLAINERS[method].label


CLAIMS = (
    Claim("Grad-CAM is the best on IC.", lambda board: is_best(board, "gradcam", "ic")),
    Claim(
        "Grad-CAM has the lowest IC of the four.", lambda board: is_lowest(board, "gradcam", "ic")
    ),
    Claim("The method with the highest AD is the best.", highest_drop_is_best),
    Claim("There is a method with an AD below zero.", has_negative_drop),
)
