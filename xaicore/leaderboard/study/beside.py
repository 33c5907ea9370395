"""The study's table and ours, line by line under each other, and the order that each one gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xaicore.leaderboard.board import Board
from xaicore.leaderboard.study.evidence import Evidence, Measured, Printed, find_leaders, rank
from xaicore.leaderboard.study.printed import (
    METHODS,
    METRICS,
    PRINTED,
    READINGS,
    Reading,
    in_figures,
)
from xaicore.leaderboard.tables import in_words, label_of
from xaicore.metrics import METRICS as ENTRIES


@dataclass(frozen=True)
class Line:
    """One metric of the study's table, or of ours: figures by method, the best by reading.

    A reading that does not judge by this metric has no best of it.
    """

    label: str
    printed: bool
    figures: Mapping[str, str]
    best: Mapping[str, str]


def list_lines(board: Board) -> list[Line]:
    """Every column of the study, each followed by what stands beside it here."""
    lines = []
    for metric in METRICS:
        lines.append(_printed_line(metric))
        columns = dict.fromkeys(reading.column(metric) for reading in reversed(READINGS))
        lines += [_measured_line(board, metric, column) for column in columns]
    return lines


def compare_ranks(
    board: Board, reading: Reading
) -> dict[str, tuple[dict[str, float], dict[str, float]]]:
    """Ranks by method, the study's and ours, of every metric under one reading."""
    return {
        metric: (rank(Printed(reading), metric), rank(Measured(board, reading), metric))
        for metric in METRICS
    }


def say_ranks(ranks: tuple[dict[str, float], dict[str, float]]) -> str:
    """Both orders in words, best first."""
    theirs, ours = (
        ", ".join(label_of(name) for name in sorted(order, key=order.__getitem__))
        for order in ranks
    )
    return f"theirs {theirs}; ours {ours or 'none'}"


def _printed_line(metric: str) -> Line:
    figures = {label_of(name): in_figures(PRINTED[metric][name]) for name in METHODS}
    best = {reading.name: _name_best(Printed(reading), metric) for reading in READINGS}
    return Line(ENTRIES[metric].label, True, figures, best)


def _measured_line(board: Board, metric: str, column: str) -> Line:
    figures = {label_of(name): in_words(board.cells.get((name, column))) for name in METHODS}
    best = {
        reading.name: _name_best(Measured(board, reading), metric)
        for reading in READINGS
        if reading.column(metric) == column
    }
    return Line(ENTRIES[column].label, False, figures, best)


def _name_best(evidence: Evidence, metric: str) -> str:
    return " or ".join(label_of(name) for name in find_leaders(evidence, metric)) or "–"
