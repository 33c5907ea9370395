"""Serve the dashboard and look at it in a headless browser; shared by the tests and screenshots."""

from __future__ import annotations

import base64
import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright

ROOT = Path(__file__).parents[1]
DASHBOARD = ROOT / "dashboard" / "app.py"
ROUTER = ROOT / "dashboard" / "router.py"
BROWSER_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER_FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
START_SECONDS = 120
SETTLE_SECONDS = 180

_HAS_RUN = """() => {
    const app = document.querySelector('[data-testid="stApp"]');
    return app?.dataset.testScriptState === 'notRunning'
        && document.querySelector('[data-testid="stMain"] [data-testid="stElementContainer"]');
}"""

# Streamlit marks the app while a script runs; a page with a live fragment pauses between two runs,
# so it must have been quiet for a while, with all pictures there.
_IS_SETTLED = """(quiet) => {
    const app = document.querySelector('[data-testid="stApp"]');
    const resting = app?.dataset.testScriptState === 'notRunning'
        && app.dataset.testConnectionState === 'CONNECTED'
        && document.querySelector('[data-testid="stMain"] [data-testid="stElementContainer"]')
        && !document.querySelector('[data-testid="stSpinner"], [data-testid="stSkeleton"]')
        && [...document.images].every((image) => image.complete && image.naturalWidth > 0);
    if (!resting) {
        window.restingSince = undefined;
        return false;
    }
    window.restingSince ??= performance.now();
    return performance.now() - window.restingSince > quiet;
}"""


class ServerError(RuntimeError):
    """The dashboard did not start; the message holds what it printed."""


@dataclass(frozen=True)
class View:
    """How a page is looked at: the system's theme, the window's size in pixels, and the link."""

    theme: Literal["light", "dark"] = "light"
    width: int = 1440
    height: int = 900
    path: str = "/"

    def __str__(self) -> str:
        return f"{self.theme}-{self.width}"


def find_browser() -> str | None:
    """Path of a Chromium or Chrome: ``PETLENS_CHROMIUM``, or the first one on the path."""
    chosen = os.environ.get("PETLENS_CHROMIUM")
    return chosen or next(filter(None, map(shutil.which, BROWSER_NAMES)), None)


@dataclass(frozen=True)
class Server:
    """A dashboard that is served: where, by which process, and the file of what that prints."""

    address: str
    process: subprocess.Popen[bytes]
    log: int

    def printed(self) -> str:
        """What the process has printed so far."""
        # Seeking would move the place where the process goes on to write.
        return os.pread(self.log, os.fstat(self.log).st_size, 0).decode(errors="replace")


@contextmanager
def serve(app: Path = DASHBOARD) -> Iterator[str]:
    """Run a Streamlit app on a free port of this machine; yield its address.

    Raises :class:`ServerError` when it ends early or is not up within ``START_SECONDS``.
    """
    with run_server(app) as server:
        yield server.address


@contextmanager
def run_server(app: Path = DASHBOARD, **environment: str) -> Iterator[Server]:
    """The same, with more in its environment; yield the server."""
    port = free_port()
    command = ["-m", "streamlit", "run", str(app), f"--server.port={port}"]
    command += ["--server.headless=true", "--server.fileWatcherType=none"]
    with _running(command, port, environment) as server:
        yield server


@contextmanager
def serve_script(script: Path) -> Iterator[str]:
    """Run a Python script that serves the dashboard on the port it is given; yield its address."""
    port = free_port()
    with _running([str(script), str(port)], port, {}) as server:
        yield server.address


@contextmanager
def _running(arguments: list[str], port: int, more: dict[str, str]) -> Iterator[Server]:
    address = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        server = Server(address, process, log.fileno())
        try:
            if not _is_up(process, f"{address}/_stcore/health"):
                raise ServerError(f"The dashboard did not start. It printed:\n{server.printed()}")
            yield server
        finally:
            _stop(process)


def launch(playwright: Playwright, executable: str) -> Browser:
    """Start a headless browser with a fresh profile."""
    return playwright.chromium.launch(
        executable_path=executable, args=list(BROWSER_FLAGS), chromium_sandbox=not _is_root()
    )


def open_context(browser: Browser, address: str, view: View) -> BrowserContext:
    """Open a browser window whose relative links start at ``address``."""
    return browser.new_context(
        base_url=address,
        color_scheme=view.theme,
        viewport={"width": view.width, "height": view.height},
        reduced_motion="reduce",
    )


def wait_until_run(page: Page) -> None:
    """Wait until the page's script has run once; what it left to the background may go on."""
    page.wait_for_function(_HAS_RUN, polling=50, timeout=SETTLE_SECONDS * 1000)


def wait_until_settled(page: Page, quiet_seconds: float = 1.5) -> None:
    """Wait until the app has run, nothing has moved for a while and every picture is there."""
    page.wait_for_function(
        _IS_SETTLED, arg=quiet_seconds * 1000, polling=100, timeout=SETTLE_SECONDS * 1000
    )


def pixels_of(image: Locator) -> np.ndarray:
    """A picture of a page as the browser holds it, uint8 [H, W, 3]."""
    source = image.evaluate("image => image.currentSrc")
    file = io.BytesIO(base64.b64decode(source.partition("base64,")[2]))
    with Image.open(file) as picture:
        return np.asarray(picture.convert("RGB"))


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _is_up(server: subprocess.Popen[bytes], health: str) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(health, timeout=5):
                return True
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.2)
    return False


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0
