"""The Methods page's pieces: a lesson's text, and a small live example of each kind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import streamlit as st
from PIL import Image

from dashboard import charts, components, services, state
from dashboard.lessons import Lesson
from dashboard.services import Question, Trial
from dashboard.state import Choices
from xaicore import CONTROLS, EXPLAINERS, METRICS, Explainer, ExplainerError, Metric, Parameter
from xaicore.metrics.base import Protocol
from xaicore.metrics.focus import CITATION
from xaicore.render import Look, missing_evidence, render

EXAMPLE_PIXELS = 400
# Enough to see what a parameter does, few enough to follow a slider.
FEW = {"samples": (100, 500), "steps": (16, 64)}
STEPS = 32
QUICK_METHODS = ("lrp", "gradcam", "deeplift")
CURVES = {"iauc": "insertion", "ic": "insertion", "dauc": "deletion", "dc": "deletion"}
FOCUS = "focus"
CONTROL = "controls"
METRIC_LABELS = {name: metric.label for name, metric in METRICS.items()} | {FOCUS: "Focus"}


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


@st.fragment
def method_example(explainer: Explainer, choices: Choices) -> None:
    """The method's map of the photo, with all its parameters beside it."""
    place = st.container()
    classifier = choices.network.classifier
    offered = [_quick(services.offered(classifier, entry)) for entry in explainer.parameters]
    parameters = {
        entry.name: components.control(state.lesson_key(explainer.name, entry.name), entry)
        for entry in offered
    }
    question = Question(
        classifier, choices.photo, explainer.name, parameters, choices.target, choices.score
    )
    with place:
        try:
            explanation = services.explain(question)
        except ExplainerError as error:
            st.error(str(error))
            return
        look = replace(choices.look, signed=choices.look.signed and explainer.signed)
        saliency = explanation.maps[0]
        picture = render(services.picture(choices.photo), saliency, look)
        words = f"What speaks for {choices.label} by {explainer.label}"
        st.image(picture, width=EXAMPLE_PIXELS, alt=f"{words}, laid over the photo.")
        missing = missing_evidence(saliency, look)
        if missing:
            st.caption(missing)
        else:
            components.show_legend(look, choices.label)
        st.caption("Its proof:")
        components.show_proof(explainer, explanation)


def _quick(parameter: Parameter) -> Parameter:
    if parameter.name not in FEW:
        return parameter
    default, high = FEW[parameter.name]
    return replace(parameter, default=default, high=high)


@st.fragment
def metric_example(metric: Metric, choices: Choices) -> None:
    """The pictures that the metric shows the network, and what the network says of them."""
    name = st.segmented_control(
        "Whose map",
        QUICK_METHODS,
        format_func=lambda name: EXPLAINERS[name].label,
        default=QUICK_METHODS[0],
        required=True,
        key=state.LESSON_METHOD,
    )
    if metric.name in CURVES:
        _curve_example(metric, choices, name)
    else:
        _mask_example(metric, choices, name)


def _trial(choices: Choices, name: str) -> Trial:
    classifier = choices.network.classifier
    explanation = services.explain(
        Question(classifier, choices.photo, name, {}, choices.target, choices.score)
    )
    return Trial(
        classifier,
        choices.photo,
        choices.target,
        Protocol(steps=STEPS),
        f"lesson-{name}-{choices.score}",
        explanation.maps,
    )


def _curve_example(metric: Metric, choices: Choices, name: str) -> None:
    trial = _trial(choices, name)
    trace = services.test(trial)
    kind = charts.KINDS[CURVES[metric.name]]
    step = st.slider("Step", 0, STEPS, STEPS // 8, key=state.LESSON_STEP)
    frame = services.frame(trial.classifier, trial.photo, trial.maps, trial.protocol, step)
    picture = _to_picture(getattr(frame, kind.name)[0])
    probability = charts.curve(trace, kind)[0, step]
    words = f"{choices.label} {probability:.3f}"
    # Not as the picture's caption: with one it would not shrink to its column.
    st.image(picture, width=EXAMPLE_PIXELS, alt=f"The photo at step {step}: {words}.")
    st.caption(words)
    st.plotly_chart(
        charts.draw_curves(kind, {name: trace}, [], choices.label, step),
        config={"displayModeBar": False},
        key=f"lesson-{metric.name}",
    )
    _say_score(metric, float(metric.compute(trace)[0]), metric.caveat(trace))


def _mask_example(metric: Metric, choices: Choices, name: str) -> None:
    trial = _trial(choices, name)
    trace = services.test(trial)
    kept = "removed" not in metric.needs
    colours, before, after = services.masked(trial, kept)
    words = f"{choices.label} {before:.3f} before, {after:.3f} after"
    st.image(
        _to_picture(colours),
        width=EXAMPLE_PIXELS,
        alt=f"The photo dimmed by the map: {words}.",
    )
    st.caption(words)
    _say_score(metric, float(metric.compute(trace)[0]), metric.caveat(trace))


def _say_score(metric: Metric, score: float, caveat: str) -> None:
    figure = "undefined" if np.isnan(score) else f"{score:.3f}"
    st.markdown(f"**{metric.label} {figure}**, {metric.direction}.")
    if caveat:
        st.caption(f"Means little here. {caveat}")


def _to_picture(colours: np.ndarray) -> Image.Image:
    picture = Image.fromarray(np.uint8(np.rint(255 * colours)))
    return picture.resize((EXAMPLE_PIXELS, EXAMPLE_PIXELS), Image.Resampling.NEAREST)


@st.fragment
def focus_example(choices: Choices) -> None:
    """A mosaic of the samples, a method's map over it, and the share on the right tiles."""
    if not {"cat", "dog"} <= set(choices.network.classifier.labels):
        st.caption("This example needs a network that knows cats and dogs: choose PetNet.")
        return
    name = st.segmented_control(
        "Whose map",
        QUICK_METHODS,
        format_func=lambda name: EXPLAINERS[name].label,
        default=QUICK_METHODS[0],
        required=True,
        key=state.LESSON_METHOD,
    )
    label = st.segmented_control(
        "Asked for",
        ["cat", "dog"],
        format_func=str.capitalize,
        default="cat",
        required=True,
        key=state.LESSON_CLASS,
    )
    mosaic, saliency, share = services.focus_on(choices.network.classifier, name, label)
    picture = render(mosaic, saliency, Look(signed=False))
    words = f"{share:.0%} of the positive relevance lies on the tiles with a {label}"
    st.image(
        picture.resize((EXAMPLE_PIXELS, EXAMPLE_PIXELS)),
        width=EXAMPLE_PIXELS,
        alt=f"A mosaic of cats and dogs with {EXPLAINERS[name].label}'s map. {words}.",
    )
    st.markdown(f"**Focus {share:.2f}**: {words}; 0.5 is chance.")
    st.caption("The dog is the same one twice, once mirrored.")


@st.fragment
def control_example(choices: Choices) -> None:
    """A map that knows nothing, laid over the photo."""
    name = st.segmented_control(
        "Which",
        list(CONTROLS),
        format_func=lambda name: CONTROLS[name].label,
        default="random",
        required=True,
        key=state.LESSON_CONTROL,
    )
    control = CONTROLS[name]
    classifier = choices.network.classifier
    saliency = services.control_map(classifier, choices.photo, name, choices.target)
    picture = render(services.picture(choices.photo), saliency, Look(signed=False))
    st.image(picture, width=EXAMPLE_PIXELS, alt=f"{control.summary} Laid over the photo.")
    st.caption(control.summary)
    if control.derived:
        st.caption(f"Made of {EXPLAINERS['gradcam'].label}'s maps.")


def citation_of(name: str) -> str:
    """Who described a metric."""
    return CITATION if name == FOCUS else METRICS[name].citation
