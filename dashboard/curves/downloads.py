"""The curves as numbers and as a page; how the camera above a chart saves it."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboard.curves.keys import FORMAT
from dashboard.curves.results import CurveResults
from dashboard.shared import curve_charts
from dashboard.shared.curve_charts import KINDS
from dashboard.shared.state import Choices
from dashboard.shared.widgets import choose
from xaicore import EXPLAINERS
from xaicore.metrics.base import PerturbationProtocol


def show_downloads(choices: Choices, protocol: PerturbationProtocol, results: CurveResults) -> None:
    settings = {
        "photo": choices.photo.hash,
        "network": choices.network.classifier.fingerprint,
        "class": choices.label,
        **protocol.settings,
    }
    with st.popover("Download", icon=":material/download:", disabled=not results.traces):
        st.download_button(
            "Curves as numbers (CSV)",
            partial(_csv_file, results, settings),
            f"petlens-{choices.label}-curves.csv",
            "text/csv",
            on_click="ignore",
            icon=":material/table:",
            width="stretch",
        )
        st.download_button(
            "Charts as a page (HTML)",
            partial(_html_file, results, choices.label),
            f"petlens-{choices.label}-curves.html",
            "text/html",
            on_click="ignore",
            icon=":material/html:",
            width="stretch",
        )
        choose(
            "The camera above a chart saves it as",
            {kind: kind.upper() for kind in ("png", "svg")},
            FORMAT,
        )


def _csv_file(results: CurveResults, settings: dict[str, object]) -> str:
    methods = {EXPLAINERS[name].label: trace for name, trace in results.traces.items()}
    traces = methods | results.controls
    return curve_charts.tabulate_curves(traces, settings).to_csv(index=False)


def _html_file(results: CurveResults, label: str) -> str:
    controls = list(results.controls.values())
    figures = [
        curve_charts.draw_curves(kind, results.traces, controls, label) for kind in KINDS.values()
    ]
    return curve_charts.to_html(figures, f"Curves for {label}")
