"""Methods: how each explanation and each figure is made, and when not to trust it."""

from __future__ import annotations

import streamlit as st

from dashboard import state, teaching
from dashboard.lessons import read_lesson
from xaicore import EXPLAINERS, METRICS

CHAPTERS = {
    "methods": "Explanation methods",
    "metrics": "Metrics",
    "controls": "Maps that know nothing",
}

choices = state.choices()
st.title("Methods", anchor=False)
st.markdown("Choose a card, move its controls, and see on your photo what they do.")
chapter = st.segmented_control(
    "Chapter",
    list(CHAPTERS),
    format_func=CHAPTERS.__getitem__,
    default="methods",
    required=True,
    key=state.CHAPTER,
    bind="query-params",
)
if chapter == "methods":
    names = {name: explainer.label for name, explainer in EXPLAINERS.items()}
    key = state.LESSON
elif chapter == "metrics":
    names, key = teaching.METRIC_LABELS, state.METRIC_LESSON
else:
    names, key = {teaching.CONTROL: CHAPTERS["controls"]}, ""
name = next(iter(names))
if key:
    name = st.segmented_control(
        "Card",
        list(names),
        format_func=names.__getitem__,
        default=name,
        required=True,
        key=key,
        bind="query-params",
    )

text, example = st.columns([3, 2], gap="large")
with text:
    st.header(names[name], anchor=False)
    if chapter == "methods":
        lesson = read_lesson(name, EXPLAINERS[name].summary)
        teaching.show_text(lesson, "What the proof line means")
        teaching.show_citation(EXPLAINERS[name].citation, lesson)
    elif chapter == "metrics":
        lesson = read_lesson(name, METRICS[name].summary if name in METRICS else "")
        teaching.show_text(lesson, "How to read it")
        teaching.show_citation(teaching.citation_of(name), lesson)
    else:
        teaching.show_text(read_lesson(name), "How to read it")
with example:
    st.subheader("Try it", anchor=False)
    if chapter == "methods":
        teaching.method_example(EXPLAINERS[name], choices)
    elif name in METRICS:
        teaching.metric_example(METRICS[name], choices)
    elif name == teaching.FOCUS:
        teaching.focus_example(choices)
    else:
        teaching.control_example(choices)
