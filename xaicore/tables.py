"""A leaderboard as a table of words, and that table as CSV, Parquet, Markdown or LaTeX."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping

import pandas as pd

from xaicore.controls import CONTROLS
from xaicore.explainers import EXPLAINERS
from xaicore.leaderboard import Board, Cell
from xaicore.metrics import METRICS

BEST, TIED = "best", "tied"
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "−": r"$-$",
    "–": "--",
    "±": r"$\pm$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
}


def label_of(name: str) -> str:
    """What a method or control is called."""
    return EXPLAINERS[name].label if name in EXPLAINERS else CONTROLS[name].label


def to_long(board: Board, focus: Mapping[str, Cell] | None = None) -> pd.DataFrame:
    """One row a method or control and metric: mean, interval, valid photos, mark, rank."""
    rows = []
    for name in (*board.methods, *board.controls):
        for metric in board.metrics:
            cell = board.cells[name, metric]
            ranked = name in board.ranks.index
            rows.append(
                {
                    "method": name,
                    "metric": metric,
                    "mean": cell.mean,
                    "low": cell.low,
                    "high": cell.high,
                    "valid": cell.valid,
                    "mark": BEST if cell.best else TIED if cell.tied else "",
                    "rank": board.ranks.loc[name, metric] if ranked else math.nan,
                }
            )
        if focus and name in focus:
            cell = focus[name]
            rows.append(
                {
                    "method": name,
                    "metric": "focus",
                    "mean": cell.mean,
                    "low": cell.low,
                    "high": cell.high,
                    "valid": cell.valid,
                    "mark": "",
                    "rank": math.nan,
                }
            )
    return pd.DataFrame(rows)


def header_of(metric: str) -> str:
    """A metric's label with the direction that is better."""
    if metric == "focus":
        return "Focus ↑"
    entry = METRICS[metric]
    return f"{entry.label} {'↑' if entry.higher_is_better else '↓'}"


def in_words(cell: Cell) -> str:
    """A figure with half its interval's width; a dash where it is undefined."""
    if math.isnan(cell.mean):
        return "–"
    return f"{cell.mean:.3f} ± {(cell.high - cell.low) / 2:.3f}".replace("-", "−")


def to_csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False).encode()


def to_parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def to_markdown(board: Board, focus: Mapping[str, Cell] | None = None) -> str:
    """Methods down, metrics across; the best of a column is bold, those tied with it starred."""
    columns = _columns(board, focus)
    lines = [
        "| | " + " | ".join(header_of(metric) for metric in columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for name in (*board.methods, *board.controls):
        cells = [_markdown(_find(board, focus, name, metric)) for metric in columns]
        lines.append(f"| {label_of(name)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def to_latex(board: Board, focus: Mapping[str, Cell] | None = None) -> str:
    """The same as a tabular for the booktabs package, controls below a rule."""
    columns = _columns(board, focus)
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{tabular}{l" + "r" * len(columns) + "}",
        r"\toprule",
        " & ".join(["Method", *(escape(header_of(metric)) for metric in columns)]) + r" \\",
        r"\midrule",
    ]
    for name in (*board.methods, *board.controls):
        if board.controls and name == board.controls[0]:
            lines.append(r"\midrule")
        cells = [_latex(_find(board, focus, name, metric)) for metric in columns]
        lines.append(" & ".join([escape(label_of(name)), *cells]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def escape(text: str) -> str:
    """Text that LaTeX prints as it stands."""
    return "".join(_SPECIAL.get(character, character) for character in text)


def _columns(board: Board, focus: Mapping[str, Cell] | None) -> list[str]:
    return [*board.metrics, *(["focus"] if focus else [])]


def _find(board: Board, focus: Mapping[str, Cell] | None, name: str, metric: str) -> Cell:
    if metric == "focus":
        return (focus or {}).get(name, Cell(math.nan, math.nan, math.nan, 0))
    return board.cells[name, metric]


def _markdown(cell: Cell) -> str:
    words = in_words(cell)
    return f"**{words}**" if cell.best else f"{words} \\*" if cell.tied else words


def _latex(cell: Cell) -> str:
    words = escape(in_words(cell))
    return rf"\textbf{{{words}}}" if cell.best else f"{words}$^*$" if cell.tied else words
