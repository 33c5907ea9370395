"""What brings an older store to this version, step by step."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection

import sqlalchemy as sa

from xaicore.evaluation.checksums import checksum_of
from xaicore.evaluation.encoding import plain_row, select_plain
from xaicore.evaluation.faults import StoreError
from xaicore.evaluation.tables import TABLES, arrays, maps, meta, photos, runs, scores

VERSION = 3
# Rows that are read at once, of tables whose rows may be large.
ROWS = 200


def is_current(connection: sa.Connection) -> bool:
    """Whether a database is a store of this version; refuses what never was a store."""
    return _version_of(connection) == VERSION


def bring_up(connection: sa.Connection) -> None:
    """Make the tables of a new store, or bring an older one to this version."""
    version = _version_of(connection)
    if not version:
        TABLES.create_all(connection)
        connection.execute(meta.insert().values(version=VERSION))
        return
    for old in range(version, VERSION):
        MIGRATIONS[old](connection)
    connection.execute(meta.update().values(version=VERSION))


def check_tables(place: str, names: Collection[str]) -> None:
    """Refuse a database that has tables, but not those of a store; raises :class:`StoreError`."""
    if names and not set(TABLES.tables) <= set(names):
        raise StoreError(
            f"{place} is no store: it holds the tables of another program. "
            "It was left as it is. Name another database."
        )


def _version_of(connection: sa.Connection) -> int:
    """The version of a store's form, 0 for an empty database."""
    inspector = sa.inspect(connection)
    names = [*inspector.get_table_names(), *inspector.get_view_names()]
    check_tables("This database", names)
    if not names:
        return 0
    marks = list(connection.scalars(sa.select(meta.c.version)))
    if len(marks) != 1 or type(marks[0]) is not int or marks[0] < 1:
        raise StoreError(
            "This store does not say which version it is of: its mark is missing or damaged. "
            "Nothing in it was changed. Bring back a copy of it, or name another store."
        )
    if marks[0] > VERSION:
        raise StoreError(
            f"This store was written by a newer Petlens (version {marks[0]} of its form; "
            f"this one knows {VERSION}). Update Petlens, or name another store."
        )
    return marks[0]


def _to_fingerprints(connection: sa.Connection) -> None:
    """Version 1 named networks by their weights, and traces by the settings believed of a map."""
    connection.exec_driver_sql("ALTER TABLE maps RENAME COLUMN weights TO network")
    trials = sa.select(maps.c.id).where(maps.c.explainer == "trial")
    for table in (arrays, scores):
        connection.execute(table.delete().where(table.c.map.in_(trials)))
    connection.execute(maps.delete().where(maps.c.explainer == "trial"))


def _to_checksums(connection: sa.Connection) -> None:
    """Version 2 did not notice what was changed on disk, nor whether a run's process had gone."""
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN owner TEXT")
    for table in (scores, arrays, runs, photos):
        connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN checksum VARCHAR(32)")
        _fill_checksums(connection, table)


def _fill_checksums(connection: sa.Connection, table: sa.Table) -> None:
    keys = list(table.primary_key)
    every = iter(connection.execute(sa.select(*keys)).all())
    fill = table.update().values(checksum=sa.bindparam("sum"))
    for key in keys:
        fill = fill.where(key == sa.bindparam(f"own_{key.name}"))
    while part := [tuple(key) for key in itertools.islice(every, ROWS)]:
        rows = connection.execute(select_plain(table).where(sa.tuple_(*keys).in_(part))).mappings()
        sums = [
            {"sum": checksum_of(table, plain_row(table, dict(row)))}
            | {f"own_{key.name}": row[key.name] for key in keys}
            for row in rows
        ]
        if sums:
            connection.execute(fill, sums)


# What turns a store of version n (the key) into one of version n + 1.
MIGRATIONS: dict[int, Callable[[sa.Connection], None]] = {1: _to_fingerprints, 2: _to_checksums}
