"""A PostgreSQL server of our own, where the machine has the programs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import sqlalchemy as sa


@dataclass(frozen=True)
class Server:
    """A running server: its address, and the call of pg_ctl that governs it."""

    address: str
    control: list[str]
    options: str
    folder: Path

    def start(self) -> None:
        log = str(self.folder / "log")
        _call([*self.control, "-o", self.options, "-l", log, "start"], self.folder)

    def stop(self) -> None:
        _call([*self.control, "-m", "immediate", "stop"], self.folder)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Connections are taken, and nothing is answered."""
        lines = (self.folder / "data" / "postmaster.pid").read_text().splitlines()
        first = psutil.Process(int(lines[0]))
        held = [first]
        # The first before it is asked for its children: it then begins no others.
        first.suspend()
        try:
            for child in first.children(recursive=True):
                held.append(child)
                # One that served a connection may end meanwhile.
                with suppress(psutil.NoSuchProcess):
                    child.suspend()
            yield
        finally:
            for process in held:
                with suppress(psutil.NoSuchProcess):
                    process.resume()

    def run(self, statement: str, database: str = "postgres") -> None:
        """Do something as the server's owner, outside any transaction."""
        engine = sa.create_engine(f"{self.address}/{database}", isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()


@contextmanager
def serve_postgres() -> Iterator[Server]:
    """A fresh server; the test that asks is skipped where there are no programs."""
    programs = _find_programs()
    if programs is None:
        reason = "No PostgreSQL server was found (on Debian: apt install postgresql)."
        if os.environ.get("PETLENS_POSTGRES") == "required":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    # Not below pytest's folders: another user than root may not enter those.
    with tempfile.TemporaryDirectory(prefix="petlens-postgres-") as name:
        folder = Path(name)
        if as_user:
            shutil.chown(folder, "postgres", "postgres")
        port, data = _free_port(), folder / "data"
        _call(
            [*as_user, str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "petlens"],
            folder,
        )
        server = Server(
            f"postgresql+psycopg://petlens@127.0.0.1:{port}",
            [*as_user, str(programs / "pg_ctl"), "-D", str(data), "-w"],
            f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}",
            folder,
        )
        server.start()
        yield server
        server.stop()


def _find_programs() -> Path | None:
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return folders[-1].parent if folders else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _call(command: list[str], folder: Path) -> None:
    # Output into a file: pg_ctl's server would hold a pipe open for as long as it lives.
    with (folder / "setup").open("ab") as output:
        done = subprocess.run(command, cwd=folder, stdout=output, stderr=output)
    assert done.returncode == 0, (folder / "setup").read_text()
