"""The server: what every way to start it shares, and one on a network of the caller's process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from dashboard.shared.stopping import stop_in_time
from xaicore import Classifier

PORT = 8501
OPTIONS: dict[str, Any] = {
    "script_path": Path(__file__).with_name("router.py"),
    "lifespan": stop_in_time,
}
# Networks by what they are called; offered to every visitor, before all others.
SERVED: dict[str, Classifier] = {}


def serve(classifier: Classifier, name: str = "Yours", port: int = PORT) -> None:
    """Open the dashboard on a classifier; returns when the server is stopped."""
    SERVED[name] = classifier
    st.App(**OPTIONS).run(
        config={"server.port": port, "server.address": "127.0.0.1", "server.headless": True}
    )
