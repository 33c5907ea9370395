"""What maps are worth beside the truth, as files: a row a map, and what made the rows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from xaicore.evaluation.results import BUNDLED_RESULTS, DECIMALS


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
    folder.mkdir(parents=True, exist_ok=True)
    results.rows.round(DECIMALS).to_csv(folder / "truth.csv", index=False)
    about = json.dumps(results.about, indent=2, ensure_ascii=False) + "\n"
    (folder / "truth.json").write_text(about, encoding="utf-8")


def load_truth(folder: Path = BUNDLED_RESULTS) -> TruthResults:
    """Read what :func:`save_truth` wrote."""
    about = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    return TruthResults(pd.read_csv(folder / "truth.csv", dtype={"setting": str}), about)
