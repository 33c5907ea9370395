"""Tables to take away: exact text, nothing that LaTeX would stumble over."""

from __future__ import annotations

import io
import math
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from xaicore.leaderboard.board import Cell
from xaicore.leaderboard.tables import (
    Columns,
    escape,
    in_words,
    to_csv,
    to_latex,
    to_long,
    to_markdown,
    to_parquet,
)

COLUMNS: Columns = {
    "IAUC ↑": {
        "lrp": Cell(0.9, 0.88, 0.92, 10, best=True),
        "lime": Cell(0.85, 0.8, 0.9, 10, tied=True),
        "random": Cell(-0.5, -0.6, -0.4, 9),
    },
    "Focus ↑": {"lrp": Cell(math.nan, math.nan, math.nan, 0)},
}

LATEX = r"""% \usepackage{booktabs}
\begin{tabular}{lrr}
\toprule
Method & IAUC $\uparrow$ & Focus $\uparrow$ \\
\midrule
LRP & \textbf{0.900 $\pm$~0.020} & -- \\
LIME & 0.850 $\pm$~0.050$^*$ & -- \\
\midrule
Random & $-$0.500 $\pm$~0.100 & -- \\
\bottomrule
\end{tabular}
"""

MARKDOWN = """| | IAUC ↑ | Focus ↑ |
|---|---|---|
| LRP | **0.900 ±\u00a00.020** | – |
| LIME | 0.850 ±\u00a00.050\\* | – |
| Random | −0.500 ±\u00a00.100 | – |
"""


def test_latex_is_exactly_this() -> None:
    assert to_latex(COLUMNS) == LATEX


def test_markdown_is_exactly_this() -> None:
    assert to_markdown(COLUMNS) == MARKDOWN


def test_every_line_of_latex_has_all_columns() -> None:
    lines = [line for line in to_latex(COLUMNS).splitlines() if line.endswith(r"\\")]
    assert {line.count("&") for line in lines} == {2}


def test_latex_compiles(tmp_path: Path) -> None:
    engine = shutil.which("pdflatex") or shutil.which("tectonic")
    if engine is None:
        pytest.skip("needs pdflatex or tectonic")
    document = (
        r"\documentclass{article}\usepackage{booktabs}\begin{document}"
        + to_latex(COLUMNS)
        + r"\end{document}"
    )
    (tmp_path / "table.tex").write_text(document, encoding="utf-8")
    flags = ["-halt-on-error"] if "pdflatex" in engine else []
    subprocess.run([engine, *flags, "table.tex"], cwd=tmp_path, check=True, capture_output=True)


@pytest.mark.parametrize("character", list(r"\&%$#_{}~^"))
def test_special_characters_are_escaped(character: str) -> None:
    escaped = escape(f"a{character}b")
    assert escaped != f"a{character}b"
    assert re.fullmatch(r"a\\.*b", escaped)


def test_undefined_is_a_dash_and_minus_is_a_minus() -> None:
    assert in_words(None) == "–"
    assert in_words(COLUMNS["IAUC ↑"]["random"]).startswith("−0.500")


def test_csv_and_parquet_hold_the_same_figures() -> None:
    table = to_long(COLUMNS)
    assert table["mark"].tolist() == ["best", "tied", "", ""]
    back = pd.read_csv(io.BytesIO(to_csv(table)), keep_default_na=False, na_values=[""])
    assert back["mean"].tolist()[:3] == [0.9, 0.85, -0.5]
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(to_parquet(table))), table)
