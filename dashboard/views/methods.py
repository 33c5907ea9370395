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

if chapter == "methods":
    lesson, citation = read_lesson(name, EXPLAINERS[name].summary), EXPLAINERS[name].citation
elif chapter == "metrics":
    summary = METRICS[name].summary if name in METRICS else ""
    lesson, citation = read_lesson(name, summary), teaching.citation_of(name)
else:
    lesson, citation = read_lesson(name), ""

text, example = st.columns([3, 2], gap="large")
with text:
    st.header(names[name], anchor=False)
    if lesson.in_full:
        st.caption(lesson.in_full)
    if chapter == "methods":
        teaching.show_text(lesson, "What the proof line means")
        teaching.show_parameters(EXPLAINERS[name])
    else:
        teaching.show_text(lesson, "How to read it")
# Below both columns, so that its lines fit and a phone has the example first; drawn before the
# example, so that it need not wait for the network.
teaching.show_citation(citation, lesson)
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
