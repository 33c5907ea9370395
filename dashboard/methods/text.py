"""A lesson's text."""

from __future__ import annotations

import streamlit as st

from dashboard.methods.lessons import Lesson
from xaicore import Explainer

DOORS = """
Choose **Bring your own** under Network in the sidebar, and drop one of these:

- **Weights** of an architecture that torchvision or timm names, or of PetNet: a `.safetensors`
  file, or a state dict saved by `torch.save(net.state_dict(), "net.pth")`. Nothing in the file is
  run; whole pickled models are refused.
- **ONNX**, exported with a batch of any size. It is used only if it answers as ONNX Runtime does.
- **A zip** with either of them and a `network.toml` that says its labels, size, mean and std.
  `python -m xaicore pack` makes one.

What the file does not say is asked for, beside the photo as the network will see it. Then a
check-up says what the network is, which methods it gets and why not the others, and what it says of
the sample photos. One output counts as two classes, "no" before "yes". A softmax or sigmoid at the
end is set aside, and the scores before it are explained. The network stays in your session and is
gone with it.
"""


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


def show_doors() -> None:
    """What can be brought, and how."""
    with st.expander("Bring a network of your own", icon=":material/upload_file:"):
        st.markdown(DOORS)


def show_citation(citation: str, lesson: Lesson) -> None:
    """Who described it first, to copy."""
    if citation:
        st.markdown(f"**Source.** {citation}")
    if lesson.bibtex:
        st.code(lesson.bibtex, language="bibtex", wrap_lines=True)
