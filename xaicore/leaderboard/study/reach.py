"""Which of the study's figures any protocol that we tried could give."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from xaicore.formatting import format_number
from xaicore.leaderboard.board import Board, Cell, summarise
from xaicore.leaderboard.study.printed import METHODS, METRICS, PRINTED, STUDY, Figures, in_figures
from xaicore.leaderboard.tables import label_of


@dataclass(frozen=True)
class Reach:
    """A printed figure, and the lowest and highest that any protocol gives its method here.

    The ends are those of the 95 % intervals of the means.
    """

    printed: float
    low: float
    high: float

    @property
    def inside(self) -> bool:
        return self.low <= self.printed <= self.high

    @property
    def words(self) -> str:
        """The printed figure beside the range, and whether it lies inside."""
        place = "inside" if self.inside else "outside"
        return (
            f"{in_figures(self.printed)}, {place} {format_number(self.low)} to "
            f"{format_number(self.high)}"
        )


def summarise_variants(rows: pd.DataFrame) -> dict[str, Board]:
    """A board a protocol, of rows as :func:`measure_protocols` makes them, in their order."""
    return {
        str(name): summarise(part.drop(columns="variant"))
        for name, part in rows.groupby("variant", sort=False)
    }


def find_reach(
    boards: Mapping[str, Board], printed: Figures = PRINTED
) -> dict[tuple[str, str], Reach]:
    """The reach of every printed figure, by method and metric, against what it must be of ours."""
    found = {}
    for metric in METRICS:
        for name in METHODS:
            cells = [board.cells[name, STUDY.column(metric)] for board in boards.values()]
            low, high = min(cell.low for cell in cells), max(cell.high for cell in cells)
            found[name, metric] = Reach(printed[metric][name], low, high)
    return found


def say_column(board: Board, metric: str) -> str:
    """The four methods' range on a metric, and who leads it if that is told."""
    cells = {name: board.cells[name, metric] for name in METHODS}
    known = [cell.mean for cell in cells.values() if cell.valid]
    if not known:
        return format_number(float("nan"))
    span = f"{format_number(min(known))} to {format_number(max(known))}"
    return f"{span}, {_say_leaders(cells)}"


def _say_leaders(cells: Mapping[str, Cell]) -> str:
    leaders = [label_of(name) for name, cell in cells.items() if cell.best or cell.tied]
    return " or ".join(leaders)
