"""Runs as the store holds them: how they are found, changed, and told when they are damaged."""

from __future__ import annotations

import datetime
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from xaicore.evaluation import owner
from xaicore.evaluation import tables as db
from xaicore.evaluation.checksums import is_whole, signed
from xaicore.evaluation.encoding import plain_row, select_plain

RUNNING, DONE, STOPPED = "running", "done", "stopped"


@dataclass(frozen=True)
class Run:
    """One evaluation: what it was asked (``spec``), how it ended, how many photos it has.

    ``problem`` is a sentence where it cannot be read; its ``spec`` is empty then.
    """

    id: str
    title: str
    note: str
    spec: dict[str, Any]
    status: str
    started: datetime.datetime | None
    finished: datetime.datetime | None
    photos: int
    problem: str = ""


def find_runs(connection: sa.Connection, *which: sa.ColumnElement[bool]) -> list[Run]:
    """Runs, newest first."""
    count = sa.select(sa.func.count()).where(db.photos.c.run == db.runs.c.id).scalar_subquery()
    statement = select_plain(db.runs).add_columns(count.label("photos")).where(*which)
    rows = connection.execute(statement.order_by(db.runs.c.started.desc())).mappings()
    return [_to_run(plain_row(db.runs, dict(row))) for row in rows]


def newest_of(connection: sa.Connection, spec: str, but: Collection[str]) -> Run | None:
    """The run of a spec; one that cannot be read cannot be gone on with, one in ``but`` is not."""
    found = find_runs(connection, db.runs.c.spec == spec)
    return next((run for run in found if not run.problem and run.id not in but), None)


def change_run(connection: sa.Connection, id: str, values: Mapping[str, Any]) -> None:
    """Write over a part of a run; one that is gone, or damaged, stays so."""
    held = select_plain(db.runs).where(db.runs.c.id == id).with_for_update()
    row = connection.execute(held).mappings().one_or_none()
    old = plain_row(db.runs, dict(row)) if row else None
    if old and is_whole(db.runs, old):
        new = signed(db.runs, {**old, **values})
        connection.execute(db.runs.update().where(db.runs.c.id == id).values(new))


def _to_run(row: Mapping[str, Any]) -> Run:
    values = {name: row[name] for name in ("id", "title", "note", "status", "started", "finished")}
    problem = _problem_of(row)
    if problem:
        values |= {"title": str(row["title"]), "note": "", "status": "", "started": None}
        return Run(**values | {"finished": None}, spec={}, photos=row["photos"], problem=problem)
    if row["status"] == RUNNING and owner.is_gone(row["owner"], row["id"]):
        values["status"] = STOPPED
    return Run(**values, spec=json.loads(row["spec"]), photos=row["photos"])


def _problem_of(row: Mapping[str, Any]) -> str:
    """Why a run cannot be read; empty if it can."""
    if any(isinstance(row[name], str) for name in ("started", "finished")):
        return "It holds a date that is none."
    try:
        if not isinstance(json.loads(row["spec"]), dict):
            return "Its settings are damaged."
    except (ValueError, TypeError, RecursionError):
        return "Its settings are damaged."
    return "" if is_whole(db.runs, row) else "It is damaged, or was changed from outside."
