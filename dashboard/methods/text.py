"""A lesson's text."""

from __future__ import annotations

import streamlit as st

from dashboard.methods.lessons import Lesson
from xaicore import Explainer


def show_text(lesson: Lesson, reading: str) -> None:
    """All of a lesson but its example; ``reading`` says what the figure under ``proof`` is."""
    st.markdown(lesson.idea)
    if lesson.formula:
        st.latex(lesson.formula)
        st.caption(lesson.symbols)
    for title, text in (
        (reading, lesson.proof),
        ("When not to trust it", lesson.distrust),
        ("What it costs", lesson.cost),
    ):
        if text:
            st.markdown(f"**{title}.** {text}")


def show_parameters(explainer: Explainer) -> None:
    """What each parameter does, for those who cannot point at its help."""
    lines = [f"- {parameter.label}: {parameter.help}" for parameter in explainer.parameters]
    st.markdown("\n".join(["**What its parameters do.**", "", *lines]))


def show_citation(citation: str, lesson: Lesson) -> None:
    """Who described it first, to copy."""
    if citation:
        st.markdown(f"**Source.** {citation}")
    if lesson.bibtex:
        st.code(lesson.bibtex, language="bibtex", wrap_lines=True)
