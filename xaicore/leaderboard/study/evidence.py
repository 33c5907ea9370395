"""What a statement is judged by: the study's printed figures, or a board of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from scipy.stats import rankdata

from xaicore.leaderboard.board import Board, interval
from xaicore.leaderboard.study.printed import METHODS, PRINTED, Figures, Reading, in_figures
from xaicore.leaderboard.tables import in_words, label_of
from xaicore.metrics.controls import CONTROLS


class Evidence(Protocol):
    """Figures of the four methods under one reading.

    ``blind`` names the maps that know nothing and were scored, too.
    """

    @property
    def reading(self) -> Reading: ...

    @property
    def blind(self) -> tuple[str, ...]: ...

    def means(self, metric: str) -> dict[str, float]:
        """The figures there are, by method."""

    def told(self, metric: str, weights: Mapping[str, float]) -> bool | None:
        """Whether a weighted sum of figures is told to be on the better side of zero.

        False if it is told to be on the worse side, None if neither is told.
        """

    def figures(self, metric: str) -> str:
        """The four figures in words."""


@dataclass(frozen=True)
class Printed:
    """The study's figures, which come without intervals: any difference is taken as it stands."""

    reading: Reading
    table: Figures = field(default_factory=lambda: PRINTED)
    blind: tuple[str, ...] = ()

    def means(self, metric: str) -> dict[str, float]:
        return dict(self.table[metric])

    def told(self, metric: str, weights: Mapping[str, float]) -> bool | None:
        figures = self.table[metric]
        # Beyond the rounding of sums of decimals, far below that of the print.
        total = round(sum(weight * figures[name] for name, weight in weights.items()), 9)
        return None if total == 0 else total * self.reading.sign(metric) > 0

    def figures(self, metric: str) -> str:
        figures = self.table[metric]
        return ", ".join(f"{label_of(name)} {in_figures(figures[name])}" for name in METHODS)


@dataclass(frozen=True)
class Measured:
    """Figures of a board; a difference is told where its paired 95 % interval leaves out zero."""

    board: Board
    reading: Reading

    @property
    def blind(self) -> tuple[str, ...]:
        return tuple(name for name in self.board.controls if CONTROLS[name].blind)

    def means(self, metric: str) -> dict[str, float]:
        cells = {
            name: self.board.cells.get((name, self.reading.column(metric))) for name in METHODS
        }
        return {name: cell.mean for name, cell in cells.items() if cell and cell.valid}

    def told(self, metric: str, weights: Mapping[str, float]) -> bool | None:
        table = self.board.scores.get(self.reading.column(metric))
        if table is None or not set(weights) <= set(table):
            return None
        total = sum(weight * table[name].to_numpy() for name, weight in weights.items())
        gap = interval(np.asarray(total))
        # Without an interval, NaN, nothing is told.
        if not np.sign(gap.low) == np.sign(gap.high) != 0:
            return None
        return bool(gap.low * self.reading.sign(metric) > 0)

    def figures(self, metric: str) -> str:
        column = self.reading.column(metric)
        return ", ".join(
            f"{label_of(name)} {in_words(self.board.cells[name, column])}"
            for name in self.means(metric)
        )


def rank(evidence: Evidence, metric: str) -> dict[str, float]:
    """Ranks 1… by method, best first, of the figures there are; equal ones share a rank."""
    means = evidence.means(metric)
    scores = [-evidence.reading.sign(metric) * mean for mean in means.values()]
    return dict(zip(means, rankdata(scores).tolist(), strict=True))


def find_leaders(evidence: Evidence, metric: str) -> list[str]:
    """The method with the best figure, then those that are not told to be worse."""
    ranks = rank(evidence, metric)
    if len(ranks) < 2:
        return []
    best = min(ranks, key=lambda name: ranks[name])
    level = [n for n in ranks if n != best and not evidence.told(metric, {best: 1, n: -1})]
    return [best, *level]
