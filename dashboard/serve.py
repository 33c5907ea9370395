"""The dashboard on a network of the process that calls it."""

from __future__ import annotations

from pathlib import Path

from streamlit.web import bootstrap

from xaicore import Classifier

APP = Path(__file__).with_name("app.py")
PORT = 8501
# Networks by what they are called; offered to every visitor, before all others.
SERVED: dict[str, Classifier] = {}


def serve(classifier: Classifier, name: str = "Yours", port: int = PORT) -> None:
    """Open the dashboard on a classifier; returns when the server is stopped."""
    SERVED[name] = classifier
    options = {"server.port": port, "server.address": "127.0.0.1", "server.headless": True}
    bootstrap.load_config_options(options)
    bootstrap.run(str(APP), False, [], options)
