"""A finished run as files: its rows, its Focus and what made them; no photo, no map."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from xaicore.evaluation import to_focus_rows, to_rows
from xaicore.store import Run, Store

BUNDLED_RESULTS = Path(__file__).parents[1] / "assets" / "results"
DECIMALS = 6


@dataclass(frozen=True)
class Results:
    """``rows`` a photo and method, ``focus`` a mosaic, class and method, and ``about`` the run."""

    rows: pd.DataFrame
    focus: pd.DataFrame
    about: dict[str, Any]


def results_of(store: Store, run: Run) -> Results:
    """A run's results as the store holds them, finished or not."""
    records = store.records(run.id)
    about = {
        "title": run.title,
        "note": run.note,
        "status": run.status,
        "started": _in_utc(run.started),
        "finished": _in_utc(run.finished),
        "errors": sum(bool(record.error) for record in records),
        **run.spec,
    }
    return Results(to_rows(store, run), to_focus_rows(store, run), about)


def save_results(results: Results, folder: Path) -> None:
    """Write ``rows.csv``, ``focus.csv`` and ``run.json``, numbers to six decimals."""
    folder.mkdir(parents=True, exist_ok=True)
    # Names of people's files are theirs; hashes name the photos well enough.
    results.rows.round(DECIMALS).to_csv(folder / "rows.csv", index=False)
    results.focus.round(DECIMALS).to_csv(folder / "focus.csv", index=False)
    about = json.dumps(results.about, indent=2) + "\n"
    (folder / "run.json").write_text(about, encoding="utf-8")


def load_results(folder: Path = BUNDLED_RESULTS) -> Results:
    """Read what :func:`save_results` wrote."""
    about = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    rows = pd.read_csv(folder / "rows.csv")
    return Results(rows, pd.read_csv(folder / "focus.csv"), about)


def _in_utc(moment: datetime.datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
