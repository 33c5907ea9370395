"""Data → Plotly figures, and the tables behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from PIL import ImageColor

from xaicore import EXPLAINERS, METRICS, Metric
from xaicore.metrics.base import PerturbationTrace
from xaicore.metrics.controls import band

GREY = "#8C8C8C"
BAND_OPACITY = 0.2
AREA_OPACITY = 0.05
HEIGHT_PIXELS = 470
LEGEND_PIXELS = 172


@dataclass(frozen=True)
class CurveKind:
    """One kind of curve: the metric that is its area, its words, and where the photo is empty."""

    name: str
    metric: Metric
    title: str
    axis: str
    empty: str
    empty_step: int


KINDS = {
    "deletion": CurveKind(
        "deletion",
        METRICS["dauc"],
        "Deletion, most salient first",
        "pixels removed",
        "all removed",
        -1,
    ),
    "insertion": CurveKind(
        "insertion",
        METRICS["iauc"],
        "Insertion, most salient first",
        "pixels restored",
        "all blurred",
        0,
    ),
}


def curve(trace: PerturbationTrace, kind: CurveKind) -> np.ndarray:
    """Probabilities [M, steps + 1] of a kind of curve."""
    return getattr(trace, kind.name)


def draw_curves(
    kind: CurveKind,
    traces: Mapping[str, PerturbationTrace],
    controls: Sequence[PerturbationTrace],
    label: str,
    step: int | None = None,
) -> go.Figure:
    """Curves of one map each, by method, before the band of the controls; a line at ``step``.

    ``label`` is the class whose probability they show. Point n of every curve is step n.
    """
    figure = go.Figure()
    fractions = 100 * next(iter(traces.values())).fractions
    if controls:
        _add_band(figure, fractions, np.concatenate([curve(t, kind) for t in controls]))
    for name, trace in traces.items():
        _add_curve(figure, kind, name, trace)
    empty = float(curve(next(iter(traces.values())), kind)[0, kind.empty_step])
    _mark_empty(figure, kind, fractions, empty, label)
    if step is not None:
        for name, trace in traces.items():
            _add_point(figure, kind, name, trace, step)
        figure.add_vline(x=float(fractions[step]), line={"width": 1.5, "color": GREY})
    _lay_out(figure, kind, label)
    return figure


def _lay_out(figure: go.Figure, kind: CurveKind, label: str) -> None:
    """Title, legend below, axes that cannot be dragged."""
    figure.update_layout(
        title={"text": kind.title, "font": {"size": 16}},
        height=HEIGHT_PIXELS,
        margin={"l": 8, "r": 24, "t": 48, "b": 8},
        hovermode="closest",
        dragmode=False,
        legend={
            "orientation": "h",
            "traceorder": "normal",
            "entrywidth": LEGEND_PIXELS,
            "xref": "container",
            "x": 0,
            "yref": "container",
            "y": 0,
            "yanchor": "bottom",
        },
    )
    figure.update_xaxes(
        title=kind.axis, range=(0, 100), ticksuffix=" %", fixedrange=True, zeroline=False
    )
    figure.update_yaxes(
        title=f"probability of {escape(label)}", range=(0, 1.02), fixedrange=True, zeroline=False
    )


def _add_band(figure: go.Figure, fractions: np.ndarray, curves: np.ndarray) -> None:
    low, high = band(curves)
    edge = {"x": fractions, "mode": "lines", "hoverinfo": "skip", "line": {"width": 0}}
    figure.add_scatter(y=low, showlegend=False, **edge)
    figure.add_scatter(
        y=high,
        name=f"{len(curves)} maps that know nothing",
        fill="tonexty",
        fillcolor=_transparent(GREY, BAND_OPACITY),
        **edge,
    )


def _add_curve(figure: go.Figure, kind: CurveKind, name: str, trace: PerturbationTrace) -> None:
    explainer = EXPLAINERS[name]
    score = kind.metric.compute(trace)[0]
    figure.add_scatter(
        x=100 * trace.fractions,
        y=curve(trace, kind)[0],
        name=f"{explainer.label} {kind.metric.label} {score:.3f}",
        # A point without a marker, even one that is not seen, could not be clicked.
        mode="lines+markers",
        marker={"size": 9, "opacity": 0, "color": explainer.colour},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
        line={"color": explainer.colour, "width": 2.5},
        fill="tozeroy",
        fillcolor=_transparent(explainer.colour, AREA_OPACITY),
        hovertemplate=f"{explainer.label}, step %{{pointNumber}}: %{{y:.3f}}<extra></extra>",
    )


def _add_point(
    figure: go.Figure, kind: CurveKind, name: str, trace: PerturbationTrace, step: int
) -> None:
    figure.add_scatter(
        x=[100 * trace.fractions[step]],
        y=[curve(trace, kind)[0, step]],
        mode="markers",
        marker={"size": 9, "color": EXPLAINERS[name].colour},
        hoverinfo="skip",
        showlegend=False,
    )


def _mark_empty(
    figure: go.Figure, kind: CurveKind, fractions: np.ndarray, empty: float, label: str
) -> None:
    """What the network says of a picture without any of the photo's pixels."""
    figure.add_scatter(
        x=fractions[[0, -1]],
        y=[empty, empty],
        name=f"{kind.empty}: {escape(label)} {empty:.3f}",
        mode="lines",
        line={"width": 1.5, "color": GREY, "dash": "dash"},
        hoverinfo="skip",
    )


def _transparent(colour: str, opacity: float) -> str:
    red, green, blue = ImageColor.getrgb(colour)[:3]
    return f"rgba({red}, {green}, {blue}, {opacity})"


def describe_curves(kind: CurveKind, traces: Mapping[str, PerturbationTrace], label: str) -> str:
    """What a chart of curves shows, for those who cannot see it."""
    scores = ", ".join(
        f"{EXPLAINERS[name].label} {kind.metric.compute(trace)[0]:.3f}"
        for name, trace in traces.items()
    )
    return (
        f"{kind.title}. The probability of {label} by the share of {kind.axis}. "
        f"{kind.metric.label}, {kind.metric.direction}: {scores}."
    )


def to_html(figures: Sequence[go.Figure], title: str) -> str:
    """Figures as one page that needs no network connection."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"</head><body>{''.join(embed(figures))}</body></html>"
    )


def embed(figures: Sequence[go.Figure]) -> list[str]:
    """Figures as parts of a page; the first one brings the script that draws them all."""
    return [
        go.Figure(figure)
        # On the dashboard the theme makes room for labels.
        .update_layout(template="plotly_white", margin={"l": 64, "b": 120})
        .to_html(full_html=False, include_plotlyjs=number == 0)
        for number, figure in enumerate(figures)
    ]


def tabulate_curves(
    traces: Mapping[str, PerturbationTrace], settings: Mapping[str, object]
) -> pd.DataFrame:
    """One row a point of a curve: map, draw, curve, step, share of the pixels, probability.

    ``settings`` are repeated on every row, so that a row says what made it.
    """
    tables = [
        pd.DataFrame(
            {
                "map": name,
                "draw": draw,
                "curve": kind.name,
                "step": np.arange(len(trace.fractions)),
                "share": trace.fractions,
                "probability": values,
                **settings,
            }
        )
        for name, trace in traces.items()
        for kind in KINDS.values()
        for draw, values in enumerate(curve(trace, kind))
    ]
    return pd.concat(tables, ignore_index=True)
