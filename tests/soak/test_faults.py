"""Each fault of a store in the middle of a command: it waits, and ends with equal figures."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
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


def meet(
    fault: str, request: pytest.FixtureRequest, stack: ExitStack, tmp_path: Path
) -> tuple[str, Callable[[], AbstractContextManager[None]]]:
    """A store's address, and what makes the fault in it."""
    if fault.startswith("file"):
        place = stack.enter_context(small_disk(tmp_path / "disk"))
        url = f"sqlite:///{place / 'store.db'}"
        return url, {
            "file full": lambda: full(place),
            "file gone": lambda: taken_away(place / "store.db"),
            "file locked": lambda: locked(url),
        }[fault]
    server: Server = request.getfixturevalue("postgres")
    url = new_database(server)
    name = url.rpartition("/")[2]
    server.run(f"CREATE ROLE user_{name} LOGIN")
    server.run(f"ALTER DATABASE {name} OWNER TO user_{name}")
    own = url.replace("petlens@", f"user_{name}@")
    return own, {
        "server restarts": lambda: stopped(server),
        "server gone": lambda: stopped(server),
        "server hangs": server.hanging,
        "server locked": lambda: locked(url),
        "server revokes": lambda: revoked(server, url),
    }[fault]


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


FAULTS = [
    "file full",
    "file gone",
    "file locked",
    "server restarts",
    "server gone",
    "server hangs",
    "server locked",
    "server revokes",
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_command_waits_and_ends_with_equal_figures(
    fault: str,
    folder: Path,
    undisturbed: pd.DataFrame,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        url, make = meet(fault, request, stack, tmp_path)
        process = start(command(folder, url, tmp_path / "out"), url)
        with make():
            time.sleep(0.5 if fault == "server restarts" else GONE_SECONDS)
        said = process.communicate()[1]
        assert process.returncode == 0, said
        waits = said.count("Waiting for it")
        # So short a restart may fall between two chunks.
        assert waits or fault == "server restarts"
        assert said.count("The store is back") == waits
        assert [(run.status, run.photos) for run in Store(url).runs()] == [("done", PHOTOS)]
        pd.testing.assert_frame_equal(rows_of(tmp_path / "out"), undisturbed)


@pytest.mark.parametrize("fault", FAULTS)
def test_out_of_patience_a_command_says_so_and_goes_on_later(
    fault: str,
    folder: Path,
    undisturbed: pd.DataFrame,
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        url, make = meet(fault, request, stack, tmp_path)
        process = start(command(folder, url, tmp_path / "out", patience=2), url)
        with make():
            said = process.communicate()[1]
        assert process.returncode == 2, said
        assert "cannot be used" in said
        assert "the same command goes on from there" in said
        assert "Traceback" not in said
        assert [run.status for run in Store(url).runs()] == ["stopped"]
        subprocess.run(command(folder, url, tmp_path / "out"), cwd=ROOT, check=True)
        assert [(run.status, run.photos) for run in Store(url).runs()] == [("done", PHOTOS)]
        pd.testing.assert_frame_equal(rows_of(tmp_path / "out"), undisturbed)
