"""The study's six metrics of this photo, every method's value with what it is worth."""

from __future__ import annotations

import math
from collections import defaultdict

import pandas as pd
import streamlit as st

from dashboard.curves.results import CONTROL_COUNT, CurveResults
from xaicore import EXPLAINERS, METRICS, Metric
from xaicore.formatting import format_number
from xaicore.metrics.controls import percentile_among_controls, share_tied

CARD_PIXELS = 280
# Percent of controls of the same value, from which on it says little to be better than the others.
MOSTLY_TIED = 50


def show_scores(results: CurveResults) -> None:
    """A card a metric."""
    st.caption(
        f"Beside each value: how many of {CONTROL_COUNT} maps that know nothing of the network it "
        "beats. They are random maps, bumps in the middle, the photo's edges, and "
        "the method's own map flipped."
    )
    cells = st.grid(3, min_column_width=CARD_PIXELS, border=True)
    for metric in METRICS.values():
        if not metric.extra:
            with cells.cell():
                _show_card(metric, results)


def _show_card(metric: Metric, results: CurveResults) -> None:
    st.subheader(metric.label, anchor=False)
    st.caption(f"**{metric.direction.capitalize()}.** {metric.summary}")
    rows, reasons = [], defaultdict(list)
    for name, trace in results.traces.items():
        label = EXPLAINERS[name].label
        score = float(metric.compute(trace)[0])
        value = "undefined" if math.isnan(score) else format_number(score)
        caveat = metric.caveat(trace)
        if caveat:
            reasons[caveat].append(label)
        worth = "means nothing here" if caveat else _worth(results, metric, name)
        rows.append((label, f"**{value}**", worth))
    st.table(
        pd.DataFrame(rows, columns=["map", "value", "worth"]),
        border="horizontal",
        hide_index=True,
        hide_header=True,
        alt=f"{metric.label} of every map, and what share of maps that know nothing it beats.",
    )
    for reason, labels in reasons.items():
        st.caption(f":material/info: {', '.join(labels)}: {reason}")


def _worth(results: CurveResults, metric: Metric, name: str) -> str:
    """Where a method's value falls among the maps that know nothing."""
    scores = results.control_scores(metric, name)
    if scores is None:
        return "not compared yet"
    score = metric.compute(results.traces[name])[0]
    if share_tied(score, scores) >= MOSTLY_TIED:
        return f"the same as {share_tied(score, scores):.0f} %"
    percent = percentile_among_controls(metric, score, scores)
    return "cannot be compared" if math.isnan(percent) else f"better than {percent:.0f} %"
