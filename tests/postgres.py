"""A PostgreSQL server of our own, where the machine has the programs."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def serve_postgres() -> Iterator[str]:
    """A fresh server's address; the test that asks is skipped where there are no programs."""
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
        control = [*as_user, str(programs / "pg_ctl"), "-D", str(data), "-w"]
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
        _call([*control, "-o", options, "-l", str(folder / "log"), "start"], folder)
        yield f"postgresql+psycopg://petlens@127.0.0.1:{port}"
        _call([*control, "-m", "immediate", "stop"], folder)


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
