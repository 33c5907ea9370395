"""The tables of the store."""

from __future__ import annotations

import sqlalchemy as sa

TABLES = sa.MetaData()


def _checksum() -> sa.Column[str]:
    """What :func:`~xaicore.evaluation.checksums.checksum_of` says of the rest of the row."""
    return sa.Column("checksum", sa.String(32))


meta = sa.Table("meta", TABLES, sa.Column("version", sa.Integer, nullable=False))
maps = sa.Table(
    "maps",
    TABLES,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("network", sa.String(64), nullable=False),
    sa.Column("photo", sa.String(64), nullable=False),
    sa.Column("explainer", sa.Text, nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
)
scores = sa.Table(
    "scores",
    TABLES,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("map", sa.ForeignKey("maps.id"), nullable=False),
    sa.Column("metric", sa.Text, nullable=False),
    sa.Column("protocol", sa.Text, nullable=False),
    sa.Column("value", sa.Float(53)),  # null: undefined
    _checksum(),
)
arrays = sa.Table(
    "arrays",
    TABLES,
    sa.Column("map", sa.ForeignKey("maps.id"), primary_key=True),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
    _checksum(),
)
runs = sa.Table(
    "runs",
    TABLES,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("spec", sa.Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("started", sa.DateTime(timezone=True), nullable=False),
    sa.Column("finished", sa.DateTime(timezone=True)),
    sa.Column("owner", sa.Text),  # the process that works on it
    _checksum(),
)
photos = sa.Table(
    "photos",
    TABLES,
    sa.Column("run", sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("photo", sa.String(64), nullable=False),
    sa.Column("label", sa.Text),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("predicted", sa.Text, nullable=False),
    sa.Column("probability", sa.Float(53)),
    sa.Column("error", sa.Text, nullable=False),
    _checksum(),
)
