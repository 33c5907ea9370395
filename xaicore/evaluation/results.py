"""A finished run as files: its rows, its Focus and what made them; no photo, no map."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xaicore.evaluation.chunk import SECONDS, chunk_keys, cut
from xaicore.evaluation.mosaics import FOCUS, plan_mosaics
from xaicore.evaluation.plan import spec_problem
from xaicore.evaluation.store import Run, Store, StoreError
from xaicore.files import replace_files
from xaicore.metrics.controls import CONTROLS

BUNDLED_RESULTS = Path(__file__).parents[2] / "assets" / "results"
DECIMALS = 6


@dataclass(frozen=True)
class Results:
    """``rows`` a photo and method, ``focus`` a mosaic, class and method, and ``about`` the run."""

    rows: pd.DataFrame
    focus: pd.DataFrame
    about: dict[str, Any]


def problem_of(run: Run) -> str:
    """Why a run's results cannot be read, as a sentence; empty if they can."""
    return run.problem or spec_problem(run.spec)


def results_of(store: Store, run: Run) -> Results:
    """A run's results as the store holds them, finished or not.

    Raises :class:`StoreError` for a run that cannot be read.
    """
    problem = problem_of(run)
    if problem:
        raise StoreError(f"This run cannot be read. {problem}")
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
    """Write ``rows.csv``, ``focus.csv`` and ``run.json``, numbers to six decimals.

    Together, or none of them: see :func:`~xaicore.files.replace_files`.
    """
    # Names of people's files are theirs; hashes name the photos well enough.
    files = {
        "rows.csv": results.rows.round(DECIMALS).to_csv(index=False),
        "focus.csv": results.focus.round(DECIMALS).to_csv(index=False),
        "run.json": json.dumps(results.about, indent=2) + "\n",
    }
    replace_files(folder, files)


def load_results(folder: Path = BUNDLED_RESULTS) -> Results:
    """Read what :func:`save_results` wrote."""
    about = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    rows = pd.read_csv(folder / "rows.csv")
    return Results(rows, pd.read_csv(folder / "focus.csv"), about)


def _in_utc(moment: datetime.datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def to_rows(store: Store, run: Run) -> pd.DataFrame:
    """A run's scores, one row a photo and method: what the leaderboard is made of.

    Columns: position, photo, label, predicted, probability, method, control, seconds, metrics.
    Photos that could not be read are left out.
    """
    records = {r.position: r for r in store.records(run.id) if not r.error}
    rows = []
    for part in cut(run.spec["photos"]):
        chunk = [records[position] for position in part if position in records]
        cells = chunk_keys(run.spec, [record.photo for record in chunk])
        known = store.scores(key for keys in cells.values() for key in keys.values())
        for (place, name), keys in cells.items():
            record = chunk[place]
            rows.append(
                {
                    "position": record.position,
                    "photo": record.photo,
                    "label": record.label,
                    "predicted": record.predicted,
                    "probability": record.probability,
                    "method": name,
                    "control": name in CONTROLS,
                    SECONDS: np.nan,
                    **{metric: known.get(key, np.nan) for metric, key in keys.items()},
                }
            )
    return pd.DataFrame(rows)


def to_focus_rows(store: Store, run: Run) -> pd.DataFrame:
    """A run's Focus, one row a mosaic, class and method: mosaic, size, target, method, focus."""
    rows = []
    for index, mosaic in enumerate(plan_mosaics(run.spec, store.records(run.id))):
        targets = [run.spec["labels"][label] for label in sorted(set(mosaic.labels))]
        for name in run.spec["methods"]:
            keys = mosaic.keys(run.spec, name)
            known = store.scores(keys)
            rows += [
                {
                    "mosaic": index,
                    "size": mosaic.size,
                    "target": target,
                    "method": name,
                    FOCUS: known.get(key, np.nan),
                }
                for target, key in zip(targets, keys, strict=True)
            ]
    return pd.DataFrame(rows, columns=["mosaic", "size", "target", "method", FOCUS])
