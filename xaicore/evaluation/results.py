"""A finished run as files: its rows, its Focus and what made them; no photo, no map."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xaicore.evaluation.chunk import SECONDS, chunk_keys, cut
from xaicore.evaluation.mosaics import FOCUS, plan_mosaics
from xaicore.evaluation.plan import spec_problem
from xaicore.evaluation.runs import DONE
from xaicore.evaluation.store import PhotoRecord, Run, Store, StoreError
from xaicore.files import replace_files
from xaicore.formatting import printable
from xaicore.metrics.controls import CONTROLS

BUNDLED_RESULTS = Path(__file__).parents[2] / "assets" / "results"
DECIMALS = 6
ROWS = ("position", "photo", "label", "predicted", "probability", "method", "control", SECONDS)


def unread_table(rows: Iterable[tuple[int, str, str, str]] = ()) -> pd.DataFrame:
    """Photos that could not be read by position, hash, name and reason."""
    return pd.DataFrame(list(rows), columns=["position", "photo", "name", "reason"])


@dataclass(frozen=True)
class Results:
    """``rows`` a photo and method, ``focus`` a mosaic, class and method, and ``about`` the run.

    ``unread`` has a row a photo that could not be read: position, photo, name, reason. ``lost``
    counts the scores of a finished run that the store no longer has, or has damaged.
    """

    rows: pd.DataFrame
    focus: pd.DataFrame
    about: dict[str, Any]
    unread: pd.DataFrame = field(default_factory=unread_table)
    lost: int = 0


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
    rows, missing = _look_up(store, run)
    lost = missing if run.status == DONE else 0
    return Results(rows, to_focus_rows(store, run), about, to_unread(records), lost)


def save_results(results: Results, folder: Path) -> None:
    """Write ``rows.csv``, ``focus.csv``, ``unread.csv`` and ``run.json``, numbers to six decimals.

    Together, or none of them: see :func:`~xaicore.files.replace_files`.
    """
    # Names of people's files are theirs; hashes name the photos well enough, but for those that
    # somebody has to look for.
    files = {
        "rows.csv": results.rows.round(DECIMALS).to_csv(index=False),
        "focus.csv": results.focus.round(DECIMALS).to_csv(index=False),
        "unread.csv": results.unread.to_csv(index=False),
        "run.json": json.dumps(results.about, indent=2) + "\n",
    }
    replace_files(folder, files)


def load_results(folder: Path = BUNDLED_RESULTS) -> Results:
    """Read what :func:`save_results` wrote."""
    about = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    unread = folder / "unread.csv"
    return Results(
        pd.read_csv(folder / "rows.csv"),
        pd.read_csv(folder / "focus.csv"),
        about,
        # Older results have no such list.
        pd.read_csv(unread) if unread.exists() else unread_table(),
    )


def _in_utc(moment: datetime.datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def to_rows(store: Store, run: Run) -> pd.DataFrame:
    """A run's scores, one row a photo and method: what the leaderboard is made of.

    Columns: position, photo, label, predicted, probability, method, control, seconds, metrics.
    Photos that could not be read are left out.
    """
    return _look_up(store, run)[0]


def _look_up(store: Store, run: Run) -> tuple[pd.DataFrame, int]:
    """The rows, and how many scores they lack."""
    records = {r.position: r for r in store.records(run.id) if not r.error}
    rows, missing = [], 0
    for part in cut(run.spec["photos"]):
        chunk = [records[position] for position in part if position in records]
        cells = chunk_keys(run.spec, [record.photo for record in chunk])
        known = store.scores(key for keys in cells.values() for key in keys.values())
        for (place, name), keys in cells.items():
            record = chunk[place]
            missing += sum(key not in known for key in keys.values())
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
    # With its columns even if there is no row.
    return pd.DataFrame(rows, columns=[*ROWS, *run.spec["metrics"]]), missing


def to_unread(records: Iterable[PhotoRecord]) -> pd.DataFrame:
    """The photos of a run that could not be read, and why: position, photo, name, reason."""
    return unread_table((r.position, r.photo, r.name, r.error) for r in records if r.error)


def list_unread(unread: pd.DataFrame, names: Sequence[str] = ()) -> list[str]:
    """A line a photo that could not be read: its name and why; its number if it has no name.

    ``names`` are those of all photos, where they are known beside the run.
    """
    known = dict(enumerate(names))
    return [
        f"{name or printable(known.get(position, f'photo {position}'))}: {reason}"
        for position, name, reason in zip(
            unread["position"], unread["name"].fillna(""), unread["reason"], strict=True
        )
    ]


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
