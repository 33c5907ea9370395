"""What maps are worth beside the truth, as files: a row a map, and what made the rows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from xaicore.evaluation.results import BUNDLED_RESULTS, DECIMALS
from xaicore.files import replace_files


@dataclass(frozen=True)
class TruthResults:
    """``rows`` a map, ``about`` what made them.

    Columns: ``network``; ``reason``, whether its masks are what it looks at; ``kind``, "method" or
    "control"; ``name``; ``setting``, which of the method's settings or which draw, as text;
    ``photo``, its number among the network's photos; ``chance``, ``share``, ``pointing`` and
    ``auprc`` as in :class:`~xaicore.truth.scores.Truth`; a column a metric.
    """

    rows: pd.DataFrame
    about: dict[str, Any]


def save_truth(results: TruthResults, folder: Path) -> None:
    """Write ``truth.csv`` and ``truth.json``, numbers to six decimals."""
    files = {
        "truth.csv": results.rows.round(DECIMALS).to_csv(index=False),
        "truth.json": json.dumps(results.about, indent=2, ensure_ascii=False) + "\n",
    }
    replace_files(folder, files)


def load_truth(folder: Path = BUNDLED_RESULTS) -> TruthResults:
    """Read what :func:`save_truth` wrote."""
    about = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    return TruthResults(pd.read_csv(folder / "truth.csv", dtype={"setting": str}), about)
