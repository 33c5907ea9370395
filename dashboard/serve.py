"""The server: what every way to start it shares, and one on a network of the caller's process.

``python -m dashboard.serve`` serves the dashboard from any folder.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware

from dashboard.hosts import OwnHosts
from dashboard.shared.stopping import stop_in_time
from xaicore import Classifier

PORT = 8501
OPTIONS: dict[str, Any] = {
    "script_path": Path(__file__).with_name("router.py"),
    "lifespan": stop_in_time,
    "middleware": [Middleware(OwnHosts)],
}
# Streamlit finds it beside the script that it is given, wherever that is started.
SETTINGS = Path(__file__).parent / ".streamlit" / "config.toml"
# Networks by what they are called; offered to every visitor, before all others.
SERVED: dict[str, Classifier] = {}


def serve(classifier: Classifier, name: str = "Yours", port: int = PORT) -> None:
    """Open the dashboard on a classifier; a signal that stops the server ends the process."""
    SERVED[name] = classifier
    run(port)


def run(port: int = PORT) -> None:
    """Serve the dashboard until it is stopped."""
    settings = dict(_flat(tomllib.loads(SETTINGS.read_text(encoding="utf-8"))))
    st.App(**OPTIONS).run(config=settings | {"server.port": port, "server.headless": True})


def _flat(settings: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by their full names, such as theme.light.textColor."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield before + name, value


if __name__ == "__main__":
    run()
