"""A database of each kind that a store may lie in."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.postgres import Server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    return new_database(request.getfixturevalue("postgres"))


def new_database(server: Server) -> str:
    """The address of an empty database."""
    name = f"test_{time.monotonic_ns()}"
    server.run(f"CREATE DATABASE {name}")
    return f"{server.address}/{name}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "store.db"
