"""Each fault of a store in the middle of a command: it waits, and ends with equal figures."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from tests.evaluation.conftest import new_database
from tests.evaluation.test_evaluate import make_folder
from tests.postgres import Server
from tools.browser import ROOT
from xaicore.evaluation.store import Store, StoreError

pytestmark = pytest.mark.soak

PHOTOS = 24
GONE_SECONDS = 20
DISK = "8m"


def command(folder: Path, url: str, out: Path, patience: float = 60) -> list[str]:
    options = ["--photos", str(folder), "--methods", "gradcam", "lrp", "--patience", str(patience)]
    return [
        sys.executable,
        "-m",
        "xaicore",
        "evaluate",
        *options,
        "--store",
        url,
        "--out",
        str(out),
    ]


def rows_of(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "rows.csv").drop(columns="seconds")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("photos"), PHOTOS)


@pytest.fixture(scope="module")
def undisturbed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    out = tmp_path_factory.mktemp("undisturbed")
    url = f"sqlite:///{out / 'store.db'}"
    subprocess.run(command(folder, url, out), cwd=ROOT, check=True, capture_output=True)
    return rows_of(out)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system that is soon full."""
    if os.geteuid():
        pytest.skip("Only root may mount a small disk.")
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as opened:
        try:
            while True:
                opened.write(bytes(4096))
        except OSError:
            pass
    try:
        yield
    finally:
        filler.unlink()


@contextmanager
def taken_away(file: Path) -> Iterator[None]:
    aside = file.rename(file.with_name("aside"))
    try:
        yield
    finally:
        aside.rename(file)


@contextmanager
def locked(url: str) -> Iterator[None]:
    """A table that another program holds, or a whole file."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("LOCK TABLE scores IN ACCESS EXCLUSIVE MODE")
        else:
            connection.exec_driver_sql("BEGIN EXCLUSIVE")
        yield
        connection.exec_driver_sql("ROLLBACK")


@contextmanager
def stopped(server: Server) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def revoked(server: Server, url: str) -> Iterator[None]:
    name = url.rpartition("/")[2]
    server.run(f"REVOKE ALL ON scores FROM user_{name}", name)
    yield
    server.run(f"GRANT ALL ON scores TO user_{name}", name)


@dataclass(frozen=True)
class Fault:
    """What goes wrong with a store, as a context in which it is so."""

    name: str
    url: str
    make: Callable[[], AbstractContextManager[None]]


FILE_FAULTS = ["file full", "file gone", "file locked"]
SERVER_FAULTS = [
    "server restarts",
    "server gone",
    "server hangs",
    "server locked",
    "server revokes",
]


@pytest.fixture(params=[*FILE_FAULTS, *SERVER_FAULTS])
def fault(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fault]:
    if request.param in FILE_FAULTS:
        with small_disk(tmp_path / "disk") as place:
            yield of_file(request.param, place)
    else:
        yield of_server(request.param, request.getfixturevalue("postgres"))


def of_file(name: str, place: Path) -> Fault:
    url = f"sqlite:///{place / 'store.db'}"
    makers: dict[str, Callable[[], AbstractContextManager[None]]] = {
        "file full": lambda: full(place),
        "file gone": lambda: taken_away(place / "store.db"),
        "file locked": lambda: locked(url),
    }
    return Fault(name, url, makers[name])


def of_server(name: str, server: Server) -> Fault:
    url = new_database(server)
    database = url.rpartition("/")[2]
    server.run(f"CREATE ROLE user_{database} LOGIN")
    server.run(f"ALTER DATABASE {database} OWNER TO user_{database}")
    makers: dict[str, Callable[[], AbstractContextManager[None]]] = {
        "server restarts": lambda: stopped(server),
        "server gone": lambda: stopped(server),
        "server hangs": server.hanging,
        "server locked": lambda: locked(url),
        "server revokes": lambda: revoked(server, url),
    }
    return Fault(name, url.replace("petlens@", f"user_{database}@"), makers[name])


def start(arguments: list[str], url: str) -> subprocess.Popen[str]:
    """The command, as far as its first photos are kept."""
    process = subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while process.poll() is None:
        try:
            if any(run.photos for run in Store(url).runs()):
                return process
        except StoreError:
            pass  # not made yet
        time.sleep(0.1)
    pytest.fail(process.communicate()[1])


def test_a_command_waits_and_ends_with_equal_figures(
    fault: Fault, folder: Path, undisturbed: pd.DataFrame, tmp_path: Path
) -> None:
    process = start(command(folder, fault.url, tmp_path / "out"), fault.url)
    with fault.make():
        time.sleep(0.5 if fault.name == "server restarts" else GONE_SECONDS)
    said = process.communicate()[1]
    assert process.returncode == 0, said
    waits = said.count("Waiting for it")
    # So short a restart may fall between two chunks.
    assert waits or fault.name == "server restarts"
    assert said.count("The store is back") == waits
    assert_done(fault, tmp_path / "out", undisturbed)


def test_out_of_patience_a_command_says_so_and_goes_on_later(
    fault: Fault, folder: Path, undisturbed: pd.DataFrame, tmp_path: Path
) -> None:
    process = start(command(folder, fault.url, tmp_path / "out", patience=2), fault.url)
    with fault.make():
        said = process.communicate()[1]
    assert process.returncode == 2, said
    assert "cannot be used" in said
    assert "the same command goes on from there" in said
    assert "Traceback" not in said
    assert [run.status for run in Store(fault.url).runs()] == ["stopped"]
    subprocess.run(command(folder, fault.url, tmp_path / "out"), cwd=ROOT, check=True)
    assert_done(fault, tmp_path / "out", undisturbed)


def assert_done(fault: Fault, out: Path, undisturbed: pd.DataFrame) -> None:
    assert [(run.status, run.photos) for run in Store(fault.url).runs()] == [("done", PHOTOS)]
    pd.testing.assert_frame_equal(rows_of(out), undisturbed)
