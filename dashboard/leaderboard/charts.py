"""The leaderboard's rows and cells → Plotly figures."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.shared.curve_charts import GREY
from xaicore import CONTROLS, EXPLAINERS, METRICS
from xaicore.leaderboard.board import Cell
from xaicore.leaderboard.tables import Columns, label_of

PANELS_A_ROW = 3
PANEL_PIXELS = 60
LINE_PIXELS = 22
SCATTER_PIXELS = 480
SLOPE_PIXELS = 230
# Beside their colours, so that lines are told apart without any.
SYMBOLS = ("circle", "square", "diamond", "triangle-up")
SECONDS = "seconds"
# How Plotly shows them.
CONFIG = {"displayModeBar": False}


def colour_of(name: str) -> str:
    """A method's own colour; controls are grey."""
    return EXPLAINERS[name].colour if name in EXPLAINERS else GREY


def axis_of(column: str) -> str:
    """A column of the rows in words: what it is called, its unit and which end is better."""
    if column == SECONDS:
        return "seconds a photo (lower is better)"
    return f"{METRICS[column].label} ({METRICS[column].direction})"


def draw_intervals(columns: Columns) -> go.Figure:
    """One panel a column: every mean with its 95 % interval."""
    rows = -(-len(columns) // PANELS_A_ROW)
    names = list(next(iter(columns.values())))[::-1]
    figure = make_subplots(
        rows, PANELS_A_ROW, subplot_titles=list(columns), shared_yaxes=True, vertical_spacing=0.08
    )
    for index, cells in enumerate(columns.values()):
        _add_intervals(figure, index, names, cells)
    figure.update_layout(
        height=rows * (PANEL_PIXELS + LINE_PIXELS * len(names)),
        margin={"l": 8, "r": 8, "t": 40, "b": 8},
        showlegend=False,
        dragmode=False,
    )
    figure.update_xaxes(fixedrange=True, nticks=5, zeroline=False)
    figure.update_yaxes(fixedrange=True)
    return figure


def _add_intervals(
    figure: go.Figure, index: int, names: list[str], cells: Mapping[str, Cell]
) -> None:
    known = [name for name in names if name in cells]
    figure.add_scatter(
        x=[cells[name].mean for name in known],
        y=[label_of(name) for name in known],
        mode="markers",
        marker={"color": [colour_of(name) for name in known], "size": 9},
        error_x={
            "array": [cells[name].high - cells[name].mean for name in known],
            "arrayminus": [cells[name].mean - cells[name].low for name in known],
            "color": GREY,
            "thickness": 1.5,
            "width": 4,
        },
        hovertemplate="%{y}: %{x:.3f}<extra></extra>",
        row=index // PANELS_A_ROW + 1,
        col=index % PANELS_A_ROW + 1,
    )


def draw_rank_slopes(
    ranks: Mapping[str, tuple[Mapping[str, float], Mapping[str, float]]],
) -> go.Figure:
    """One panel a metric: each method's rank in the study, and the one it has here."""
    rows = -(-len(ranks) // PANELS_A_ROW)
    titles = [METRICS[metric].label for metric in ranks]
    figure = make_subplots(
        rows, PANELS_A_ROW, subplot_titles=titles, shared_yaxes=True, vertical_spacing=0.2
    )
    for index, (theirs, ours) in enumerate(ranks.values()):
        for name, symbol in zip(theirs, SYMBOLS, strict=False):
            figure.add_scatter(
                x=["study", "here"],
                y=[theirs[name], ours.get(name)],
                name=label_of(name),
                legendgroup=name,
                showlegend=index == 0,
                line={"color": colour_of(name), "width": 2.5},
                marker={"symbol": symbol, "size": 11},
                hovertemplate="%{fullData.name}, %{x}: rank %{y}<extra></extra>",
                row=index // PANELS_A_ROW + 1,
                col=index % PANELS_A_ROW + 1,
            )
    figure.update_layout(
        height=rows * SLOPE_PIXELS,
        margin={"l": 8, "r": 8, "t": 70, "b": 8},
        dragmode=False,
        legend={"orientation": "h", "y": 1.12, "yanchor": "bottom", "x": 0},
    )
    figure.update_xaxes(fixedrange=True, range=[-0.25, 1.25])
    figure.update_yaxes(fixedrange=True, range=[4.4, 0.6], tickvals=[1, 2, 3, 4], zeroline=False)
    return figure


def draw_scatter(rows: pd.DataFrame, across: str, up: str) -> go.Figure:
    """One point a photo and method: two scores, or a score and the seconds it took."""
    figure = go.Figure()
    for name, part in rows.groupby("method", sort=False):
        if name in CONTROLS:
            continue
        figure.add_scatter(
            x=part[across],
            y=part[up],
            name=label_of(str(name)),
            mode="markers",
            marker={"color": colour_of(str(name)), "size": 7, "opacity": 0.6},
            customdata=part[["position", "predicted"]],
            hovertemplate="photo %{customdata[0]}, a %{customdata[1]}: "
            "%{x:.3f}, %{y:.3f}<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(
        height=SCATTER_PIXELS,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        dragmode=False,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    scale = {"type": "log"}
    figure.update_xaxes(
        title=axis_of(across), fixedrange=True, **(scale if across == SECONDS else {})
    )
    figure.update_yaxes(title=axis_of(up), fixedrange=True, **(scale if up == SECONDS else {}))
    return figure


def draw_distribution(rows: pd.DataFrame, metric: str) -> go.Figure:
    """How a metric spreads over the photos, one box a method or control with all its points."""
    figure = go.Figure()
    names = list(dict.fromkeys(rows["method"]))
    for name in names[::-1]:
        figure.add_box(
            x=rows.loc[rows["method"] == name, metric],
            name=label_of(name),
            marker={"color": colour_of(name), "size": 4, "opacity": 0.5},
            line={"width": 1.5},
            boxpoints="all",
            jitter=0.6,
            pointpos=0,
            hoverinfo="x+name",
        )
    figure.update_layout(
        height=PANEL_PIXELS + 3 * LINE_PIXELS * len(names),
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        showlegend=False,
        dragmode=False,
    )
    figure.update_xaxes(title=axis_of(metric), fixedrange=True, zeroline=False)
    figure.update_yaxes(fixedrange=True)
    return figure
