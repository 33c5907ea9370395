"""A leaderboard as a table of words, and that table as CSV, Parquet, Markdown or LaTeX."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping

import pandas as pd

from xaicore.explainers import EXPLAINERS
from xaicore.formatting import format_number
from xaicore.leaderboard.board import Board, Cell
from xaicore.metrics import METRICS
from xaicore.metrics.controls import CONTROLS

BEST, TIED = "best", "tied"
# A figure and its uncertainty may stand on two lines, the sign stays with the uncertainty.
NARROW = "\u00a0"
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
    NARROW: "~",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
}


def label_of(name: str) -> str:
    """What a method or control is called."""
    return EXPLAINERS[name].label if name in EXPLAINERS else CONTROLS[name].label


Columns = dict[str, dict[str, Cell]]


def columns_of(board: Board, more: Mapping[str, Mapping[str, Cell]] | None = None) -> Columns:
    """Cells by header, then by method or control; ``more`` columns follow the board's own."""
    names = (*board.methods, *board.controls)
    columns = {
        header_of(metric): {name: board.cells[name, metric] for name in names}
        for metric in board.metrics
    }
    return columns | {header: dict(cells) for header, cells in (more or {}).items()}


def to_long(columns: Columns) -> pd.DataFrame:
    """One row a column and method or control: mean, 95 % interval, valid photos, mark."""
    rows = [
        {
            "method": label_of(name),
            "metric": header,
            "mean": cell.mean,
            "low": cell.low,
            "high": cell.high,
            "valid": cell.valid,
            "mark": BEST if cell.best else TIED if cell.tied else "",
        }
        for header, cells in columns.items()
        for name, cell in cells.items()
    ]
    return pd.DataFrame(rows, columns=["method", "metric", "mean", "low", "high", "valid", "mark"])


def header_of(metric: str) -> str:
    """A metric's label with the direction that is better."""
    entry = METRICS[metric]
    return f"{entry.label} {'↑' if entry.higher_is_better else '↓'}"


def in_words(cell: Cell | None) -> str:
    """A figure with half its interval's width, where it has one; a dash where there is none."""
    if cell is None:
        return format_number(math.nan)
    half = (cell.high - cell.low) / 2
    uncertainty = "" if math.isnan(half) else f" ±{NARROW}{format_number(half)}"
    return format_number(cell.mean) + uncertainty


def to_csv(table: pd.DataFrame) -> bytes:
    return table.to_csv(index=False).encode()


def to_parquet(table: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    return buffer.getvalue()


def to_markdown(columns: Columns) -> str:
    """Methods down, metrics across; the best of a column is bold, those tied with it starred."""
    lines = [
        "| | " + " | ".join(columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for name in _names(columns):
        cells = [mark_markdown(column.get(name)) for column in columns.values()]
        lines.append(f"| {label_of(name)} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def to_latex(columns: Columns) -> str:
    """The same as a tabular for the booktabs package, controls below a rule of their own."""
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{tabular}{l" + "r" * len(columns) + "}",
        r"\toprule",
        " & ".join(["Method", *(escape(header) for header in columns)]) + r" \\",
        r"\midrule",
    ]
    controls = [name for name in _names(columns) if name in CONTROLS]
    for name in _names(columns):
        if controls and name == controls[0]:
            lines.append(r"\midrule")
        cells = [_mark_latex(column.get(name)) for column in columns.values()]
        lines.append(" & ".join([escape(label_of(name)), *cells]) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def escape(text: str) -> str:
    """Text that LaTeX prints as it stands."""
    return "".join(_SPECIAL.get(character, character) for character in text)


def mark_markdown(cell: Cell | None) -> str:
    """A figure in Markdown: bold if best, starred if tied with the best."""
    words = in_words(cell)
    if cell is None or not (cell.best or cell.tied):
        return words
    return f"**{words}**" if cell.best else f"{words}\\*"


def _names(columns: Columns) -> list[str]:
    return list(dict.fromkeys(name for cells in columns.values() for name in cells))


def _mark_latex(cell: Cell | None) -> str:
    words = escape(in_words(cell))
    if cell is None or not (cell.best or cell.tied):
        return words
    return rf"\textbf{{{words}}}" if cell.best else f"{words}$^*$"
