"""Which score to believe: every metric beside reasons that are known."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots

from dashboard.leaderboard.charts import CONFIG, LINE_PIXELS, PANEL_PIXELS
from dashboard.shared.curve_charts import GREY
from xaicore import METRICS
from xaicore.leaderboard.tables import header_of
from xaicore.truth.believe import (
    BELIEVE,
    CHANCE,
    DO_NOT,
    LEAST_AGREEMENT,
    LEAST_CAUGHT,
    LEAST_PREFERENCE,
    LEVEL,
    PHOTOS_A_SET,
    SOUND,
    WITH_CARE,
    Belief,
    Figure,
    judge,
)
from xaicore.truth.plan import METHOD
from xaicore.truth.results import TruthResults, load_truth
from xaicore.truth.words import MARKS, say, to_mark_table, to_network_table, to_table

# A colour and a shape a verdict, so that they are told apart without colours.
LOOKS = {
    BELIEVE: ("#0072B2", "circle"),
    WITH_CARE: ("#B58900", "diamond"),
    DO_NOT: (GREY, "x"),
}


@st.cache_data(show_spinner=False)
def _get_truth() -> TruthResults:
    return load_truth()


@st.cache_data(show_spinner="Holding the scores against the truth")
def get_beliefs() -> dict[str, Belief]:
    """What every metric is worth, by the rows that came with Petlens."""
    return judge(_get_truth().rows)


def mark_headers(headers: Sequence[str]) -> list[str]:
    """Headers of a table with the sign of what their metric is worth, where that is known."""
    signs = {header_of(name): MARKS[belief.verdict] for name, belief in get_beliefs().items()}
    return [f"{header} {signs[header]}" if header in signs else header for header in headers]


def say_marks() -> str:
    """What the signs in the table's head mean."""
    words = {BELIEVE: "believe it", WITH_CARE: "read it with care", DO_NOT: "do not rely on it"}
    signs = ", ".join(f"{sign} {words[verdict]}" for verdict, sign in MARKS.items())
    return (
        f"How far a score itself can be trusted, by networks whose reasons are known: {signs}; "
        'more under "Which score to believe".'
    )


def show_believe() -> None:
    """The sentence, the table, the intervals, every network, and how it was measured."""
    beliefs = get_beliefs()
    st.subheader(say(beliefs), anchor=False)
    st.table(to_table(beliefs))
    st.caption(
        "A score can itself be wrong. Here the maps explain networks whose reasons are known, "
        "so it shows which scores put right maps above wrong ones. Agreement ρ: 1 where a score "
        "orders the maps of a photo as the truth does, 0 where it guesses, −1 where it turns them "
        "round. In brackets the 95 % interval."
    )
    st.plotly_chart(_draw(beliefs), config=CONFIG)
    st.caption("Of both, more is better; the dashed lines are what guessing gives.")
    st.subheader("Network by network", anchor=False)
    networks = to_network_table(beliefs)
    known = _get_truth().about["networks"]
    st.table(networks.rename(columns={name: known[name]["label"] for name in networks}))
    st.caption("Agreement ρ, and how often the right map is preferred; 50% is chance.")
    st.subheader("Where the mark says nothing", anchor=False)
    st.table(to_mark_table(_get_truth().rows))
    st.caption(
        "How much of a map's positive relevance lies on the mark, at the default settings, for "
        "PetNets whose answer it decides, that saw it but need not care, or never saw it. Only the "
        "first look at it, and a map that follows its network shows it only there; edges show it "
        "wherever it can be seen."
    )
    with st.expander("How this was measured"):
        st.markdown(_explain(_get_truth(), beliefs))


def _draw(beliefs: dict[str, Belief]) -> go.Figure:
    """Two panels, agreement and preference: every metric's figure with its 95 % interval."""
    titles = ["Agreement ρ", "Prefers the right map"]
    figure = make_subplots(1, 2, subplot_titles=titles, shared_yaxes=True)
    for verdict, (colour, symbol) in LOOKS.items():
        own = [belief for belief in beliefs.values() if belief.verdict == verdict]
        labels = [METRICS[belief.metric].label for belief in own]
        panels = [[b.agreement for b in own], [b.preference for b in own]]
        for column, figures in enumerate(panels, 1):
            figure.add_scatter(
                **_intervals(figures),
                y=labels,
                name=f"{MARKS[verdict]} {verdict}",
                legendgroup=verdict,
                showlegend=column == 1,
                mode="markers",
                marker={"color": colour, "symbol": symbol, "size": 10},
                row=1,
                col=column,
            )
    for column, chance in enumerate((0.0, CHANCE), 1):
        figure.add_vline(
            x=chance, line={"width": 1.5, "color": GREY, "dash": "dash"}, row=1, col=column
        )
    figure.update_layout(
        height=2 * PANEL_PIXELS + LINE_PIXELS * len(beliefs),
        margin={"l": 8, "r": 8, "t": 70, "b": 8},
        dragmode=False,
        legend={"orientation": "h", "y": 1.15, "yanchor": "bottom", "x": 0},
    )
    figure.update_xaxes(fixedrange=True, zeroline=False)
    order = [METRICS[name].label for name in beliefs]
    figure.update_yaxes(fixedrange=True, categoryorder="array", categoryarray=order[::-1])
    return figure


def _intervals(figures: Sequence[Figure]) -> dict[str, object]:
    """Points across, with their intervals."""
    table = pd.DataFrame(figures, columns=["value", "low", "high"], dtype=float)
    return {
        "x": table["value"],
        "error_x": {
            "array": table["high"] - table["value"],
            "arrayminus": table["value"] - table["low"],
            "color": GREY,
            "thickness": 1.5,
            "width": 4,
        },
        "hovertemplate": "%{y}: %{x:.2f}<extra></extra>",
    }


def _explain(truth: TruthResults, beliefs: dict[str, Belief]) -> str:
    """How it was measured, in plain words, with what limits it."""
    undefined = ", ".join(
        f"{METRICS[name].label} {belief.undefined:,}"
        for name, belief in beliefs.items()
        if belief.undefined
    )
    lines = [
        *_explain_maps(truth),
        *_explain_figures(),
        f"**Maps without a score**, which were left out: {undefined or 'none'}.",
        "**What this does not tell.** The reasons of real networks are seldom so plain. A score "
        "that fails here cannot be relied on; one that holds here may still fail on a large "
        "network with real photos. Sparseness and entropy look at the map alone: they agree here "
        "because every reason is small and nearly every map that knows nothing is spread out; a "
        "few bright pixels at a wrong place would please them as much.",
    ]
    return "\n".join(f"- {line}" for line in lines)


def _explain_maps(truth: TruthResults) -> list[str]:
    makers = truth.rows[["kind", "name", "setting"]].drop_duplicates()
    methods = makers[makers["kind"] == METHOD]
    counts = [network["photos"] for network in truth.about["networks"].values()]
    networks = " ".join(
        f"*{network['label']}*: {network['summary']}"
        for network in truth.about["networks"].values()
    )
    return [
        f"**The networks.** {len(truth.about['networks'])} networks that were built so that it is "
        f"known where they look, or that a mark says nothing to them. {networks} Agreement and "
        "preference are of those whose reason is known.",
        f"**The maps.** {min(counts)} to {max(counts)} photos a network; of each {len(methods)} "
        f"maps by {methods['name'].nunique()} methods with several settings, and "
        f"{len(makers) - len(methods)} control maps: {len(truth.rows):,} maps in all. Most "
        "controls know nothing; some are the methods' maps moved or blurred.",
        "**The truth.** Of every photo the pixels that decide are marked. A map is right as far as "
        "its highest values lie on them (area under precision and recall, AUPRC). It *found the "
        "reason* where it does better than every map that was made without the network.",
    ]


def _explain_figures() -> list[str]:
    return [
        "**Agreement ρ.** Spearman's rank correlation of score and truth over the maps of a photo, "
        "+ where they agree, whichever end of the score is better; the mean over photos, then over "
        "networks. *Among the methods alone* leaves the controls out: telling two methods apart is "
        "harder than telling one from noise.",
        "**Prefers the right map.** How often the score puts a map that found the reason above one "
        "that knows nothing and did not; 50% is chance.",
        f"**Catches a broken explainer.** How often, on {PHOTOS_A_SET} photos, a t-test says that "
        "maps that know nothing score below the methods that find the reason on at least "
        f"{SOUND:.0%} of the photos. Guessing would catch about {LEVEL:.0%}.",
        "**The intervals** hold 95% of what comes out where networks and their photos are drawn "
        "anew. A score that fails on one network gets a wide one.",
        f"**The verdict.** *Believe*: agreement's interval lies above {LEAST_AGREEMENT}, among the "
        f"methods above 0, {LEAST_PREFERENCE:.0%} of the pairs or more are put right and "
        f"{LEAST_CAUGHT:.0%} of the broken explainers caught. *Do not*: agreement's interval "
        f"reaches 0, or preference's {CHANCE:.0%}. *With care*: all between.",
    ]
