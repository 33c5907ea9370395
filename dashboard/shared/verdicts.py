"""The verdict on a method: how far to trust it, and what for and against it was found."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from xaicore import EXPLAINERS
from xaicore.evaluation.results import Results, load_results
from xaicore.truth.cards import Card, make_cards
from xaicore.truth.draws import read_draws
from xaicore.truth.verdict import LABELS, MARKS

KEY = "; ".join(f"{mark} {status}" for status, mark in MARKS.items())


@st.cache_data(max_entries=32, show_spinner=False)
def get_cards(network: str) -> dict[str, Card]:
    """The cards of all methods on a network, from what came with Petlens."""
    return make_cards(network, load_results(), read_draws())


def cards_of(results: Results) -> dict[str, Card]:
    """The cards of the methods of a run, on the network that was evaluated."""
    cards = make_cards(results.about["weights"], results, read_draws())
    return {name: card for name, card in cards.items() if (results.rows["method"] == name).any()}


def show_card(card: Card) -> None:
    """The sentence, then a line a kind of evidence."""
    st.markdown(f"**{card.verdict.sentence}**")
    st.markdown("\n".join(f"- {line}" for line in lines_of(card)))


def lines_of(card: Card) -> list[str]:
    """A line a kind of evidence: its mark, its status, its figure and where that was measured."""
    return [
        f"{MARKS[line.status]} {LABELS[kind]}: {line.status}. {line.words}"
        + (f" On {card.places[kind]}." if kind in card.places else "")
        for kind, line in card.verdict.lines.items()
    ]


def show_table(cards: dict[str, Card]) -> None:
    """Methods down, kinds of evidence across, a mark a cell."""
    table = {
        EXPLAINERS[name].label: {"Verdict": card.verdict.overall.capitalize()}
        | {LABELS[kind]: MARKS[line.status] for kind, line in card.verdict.lines.items()}
        for name, card in cards.items()
    }
    st.table(pd.DataFrame(table).T)
    st.caption(
        f"{KEY}. Planted reasons are judged on small networks whose reasons are known, the rest on "
        "the network at hand."
    )
