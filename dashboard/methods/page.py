"""Methods: how each explanation and each figure is made, and when not to trust it."""

from __future__ import annotations

import streamlit as st

from dashboard.methods.chapters import CHAPTERS
from dashboard.methods.keys import CHAPTER
from dashboard.methods.text import show_citation, show_doors, show_text
from dashboard.shared import state
from dashboard.shared.verdicts import get_cards, show_card
from dashboard.shared.widgets import choose
from xaicore import EXPLAINERS

choices = state.choices()
st.title("Methods", anchor=False)
st.markdown("Choose a card, move its controls, and see on your photo what they do.")
titles = {name: chapter.title for name, chapter in CHAPTERS.items()}
chapter = CHAPTERS[choose("Chapter", titles, CHAPTER, in_link=True)]
name = next(iter(chapter.cards))
if chapter.key:
    name = choose("Card", chapter.cards, chapter.key, in_link=True)
lesson = chapter.read(name)

text, example = st.columns([3, 2], gap="large")
with text:
    st.header(chapter.cards[name], anchor=False)
    if lesson.in_full:
        st.caption(lesson.in_full)
    show_text(lesson, chapter.proof_title)
    chapter.show_more(name)
if name in EXPLAINERS:
    with st.expander("Verdict: how far to trust it", icon=":material/gavel:", expanded=True):
        show_card(get_cards(choices.network.classifier.weights_hash)[name])
# Below both columns, so that its lines fit and a phone has the example first; drawn before the
# example, so that it need not wait for the network.
show_citation(chapter.cite(name), lesson)
with example:
    st.subheader("Try it", anchor=False)
    chapter.show_example(name, choices)
show_doors()
