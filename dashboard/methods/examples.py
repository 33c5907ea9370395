"""A small live example of each kind: a method, a metric, Focus, a map that knows nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import streamlit as st
import torch
from PIL import Image, ImageOps

import xaicore
from dashboard.methods import keys
from dashboard.methods.pieces import EXAMPLE_PIXELS, say_score, show_colours
from dashboard.methods.trials import (
    show_concentration,
    show_randomisation,
    show_road,
    show_stability,
)
from dashboard.shared import curve_charts
from dashboard.shared.jobs import Job
from dashboard.shared.maps import MapRequest, draw, offered, place, request_map
from dashboard.shared.photos import load_samples, picture_of, to_batch
from dashboard.shared.preparing import prepare_for
from dashboard.shared.state import Choices
from dashboard.shared.traces import TraceRequest, step_of
from dashboard.shared.widgets import (
    choose,
    choose_parameter,
    follow,
    in_sentences,
    show_legend,
    show_missing,
    show_picture,
    show_proof,
)
from xaicore import (
    CONTROLS,
    EXPLAINERS,
    Classifier,
    Explainer,
    Metric,
    Parameter,
)
from xaicore.metrics.base import PerturbationProtocol
from xaicore.metrics.focus import make_mosaics, share_on_target
from xaicore.metrics.focus import to_batch as to_mosaic_batch
from xaicore.metrics.perturbation import mask_photo
from xaicore.render import Look, missing_evidence, render

# Enough to see what a parameter does, few enough to follow a slider.
FEW = {"samples": (100, 500), "steps": (16, 64)}
STEPS = 32
QUICK_METHODS = [n for n, e in EXPLAINERS.items() if not e.slow and not e.extra]
CURVES = {"iauc": "insertion", "ic": "insertion", "dauc": "deletion", "dc": "deletion"}
PETS = {"cat": "Cat", "dog": "Dog"}
MOSAIC_CATS = ("kitten-with-yarn", "chelsea")
MOSAIC_DOG = "german-shepherd"
# What the derived controls are made of.
DERIVED_FROM = "gradcam"


@st.fragment
def show_method_example(explainer: Explainer, choices: Choices) -> None:
    """The method's map of the photo, with all its parameters beside it."""
    container = st.container()
    classifier = choices.network.classifier
    own = [_quicken(offered(classifier, entry)) for entry in explainer.parameters]
    parameters = {
        entry.name: choose_parameter(keys.lesson_key(explainer.name, entry.name), entry)
        for entry in own
    }
    request = request_map(choices, explainer.name, parameters)
    with container:
        _show_when_ready(
            explainer.name, classifier, partial(_show_map, explainer, choices, request)
        )


def _show_when_ready(method: str, classifier: Classifier, show: Callable[[], None]) -> None:
    """Show what a method finds, once the network is made ready for it."""

    def show_or_wait(preparing: Job[Any] | None) -> None:
        if preparing and preparing.running:
            st.caption("The network is being made ready for this method.")
            return
        with in_sentences():
            show()

    follow(partial(prepare_for, EXPLAINERS[method], classifier), show_or_wait)


def _show_map(explainer: Explainer, choices: Choices, request: MapRequest) -> None:
    explanation = request.holder.memory.answer(request)
    look = replace(choices.look, signed=choices.look.signed and explainer.signed)
    saliency = explanation.maps[0]
    missing = missing_evidence(saliency, look)
    picture = draw(request, saliency, look)
    words = f"What speaks for {choices.label} by {explainer.label}"
    show_picture(picture, f"{words}, laid over the photo.", EXAMPLE_PIXELS)
    if missing:
        show_missing(missing)
    else:
        show_legend(look, choices.label)
    st.caption("Its proof:")
    show_proof(explainer, explanation)


def _quicken(parameter: Parameter) -> Parameter:
    if parameter.name not in FEW:
        return parameter
    default, high = FEW[parameter.name]
    return replace(parameter, default=default, high=high)


@st.fragment
def show_metric_example(metric: Metric, choices: Choices) -> None:
    """The pictures that the metric shows the network, and what the network says of them."""
    method = _choose_method()
    show = EXAMPLES.get(metric.name, _show_mask)
    _show_when_ready(method, choices.network.classifier, partial(show, metric, choices, method))


def _choose_method() -> str:
    labels = {name: EXPLAINERS[name].label for name in QUICK_METHODS}
    return choose("Whose map", labels, keys.LESSON_METHOD)


def _request_trace(choices: Choices, method: str) -> TraceRequest:
    asked = request_map(choices, method, {})
    maps = asked.holder.memory.answer(asked).maps
    protocol = PerturbationProtocol(steps=STEPS)
    classifier, photo = choices.network.classifier, choices.photo
    return TraceRequest(classifier, photo, choices.class_index, protocol, maps)


def _show_curve(metric: Metric, choices: Choices, method: str) -> None:
    request = _request_trace(choices, method)
    trace = request.holder.memory.answer(request)
    kind = curve_charts.KINDS[CURVES[metric.name]]
    step = st.slider("Step", 0, STEPS, STEPS // 8, key=keys.LESSON_STEP)
    colours = getattr(step_of(request, step), kind.name)[0]
    words = f"{choices.said} {curve_charts.curve(trace, kind)[0, step]:.3f}"
    show_colours(colours, words, f"The photo at step {step}: {words}.")
    st.plotly_chart(
        curve_charts.draw_curves(kind, {method: trace}, [], choices.label, step),
        config={"displayModeBar": False},
        key=f"lesson-{metric.name}",
    )
    say_score(metric, float(metric.compute(trace)[0]), metric.caveat(trace))


def _show_mask(metric: Metric, choices: Choices, method: str) -> None:
    request = _request_trace(choices, method)
    trace = request.holder.memory.answer(request)
    classifier = request.classifier
    photo = to_batch(classifier, request.photo)
    masked = mask_photo(photo, request.maps, kept="removed" not in metric.needs)
    before, after = classifier.predict(torch.cat([photo, masked]))[:, request.class_index]
    colours = classifier.denormalise(masked).clamp(0, 1)[0].permute(1, 2, 0).cpu().numpy()
    words = f"{choices.said} {before:.3f} before, {after:.3f} after"
    show_colours(colours, words, f"The photo dimmed by the map: {words}.")
    say_score(metric, float(metric.compute(trace)[0]), metric.caveat(trace))


EXAMPLES: dict[str, Callable[[Metric, Choices, str], None]] = {
    **dict.fromkeys(CURVES, _show_curve),
    "sparseness": show_concentration,
    "entropy": show_concentration,
    "road": show_road,
    "randomisation": show_randomisation,
    "stability": show_stability,
}


@st.fragment
def show_focus_example(choices: Choices) -> None:
    """A mosaic of the samples, a method's map over it, and the share on the right tiles."""
    classifier = choices.network.classifier
    if not set(PETS) <= set(classifier.labels):
        st.caption("This example needs a network that knows cats and dogs: choose PetNet.")
        return
    method = _choose_method()
    label = choose("Asked for", PETS, keys.LESSON_CLASS)
    _show_when_ready(method, classifier, partial(_show_focus, classifier, method, label))
    st.caption("The dog is the same one twice, once mirrored.")


def _show_focus(classifier: Classifier, method: str, label: str) -> None:
    mosaic, saliency, share = focus_on(classifier, method, label)
    picture = render(mosaic, saliency, Look(signed=False))
    words = f"{share:.0%} of the positive relevance lies on the tiles with a {label}"
    show_picture(
        picture.resize((EXAMPLE_PIXELS, EXAMPLE_PIXELS)),
        f"A mosaic of cats and dogs with {EXPLAINERS[method].label}'s map. {words}.",
        EXAMPLE_PIXELS,
    )
    st.markdown(f"**Focus {share:.2f}**: {words}; 0.5 is chance.")


def focus_on(
    classifier: Classifier, method: str, label: str
) -> tuple[Image.Image, np.ndarray, float]:
    """A mosaic of the samples, a method's map of it [H, W], and its Focus for a class."""
    return _focus(classifier.fingerprint, method, label, classifier)


@st.cache_data(max_entries=64, show_spinner=False)
def _focus(
    fingerprint: str, method: str, label: str, _classifier: Classifier
) -> tuple[Image.Image, np.ndarray, float]:
    samples = load_samples()
    cats = [picture_of(samples[name]) for name in MOSAIC_CATS]
    dog = picture_of(samples[MOSAIC_DOG])
    tiles = [*cats, dog, ImageOps.mirror(dog)]
    cat, dog_class = (_classifier.labels.index(pet) for pet in PETS)
    tile_classes = [cat, cat, dog_class, dog_class]
    (mosaic,) = make_mosaics(tiles, tile_classes, 1, 2 * _classifier.size, seed=1)
    asked = [_classifier.labels.index(label)]
    maps = xaicore.explain(_classifier, to_mosaic_batch(_classifier, [mosaic]), method, asked).maps
    return mosaic.picture, maps[0], float(share_on_target(maps, [mosaic.labels], asked)[0])


@st.fragment
def show_control_example(choices: Choices) -> None:
    """A map that knows nothing, laid over the photo."""
    labels = {name: control.label for name, control in CONTROLS.items()}
    control = CONTROLS[choose("Which", labels, keys.LESSON_CONTROL, "random")]
    with in_sentences():
        saliency = place(
            request_map(choices, DERIVED_FROM, {}), _draw_control(choices, control.name)
        )
        picture = render(picture_of(choices.photo), saliency, Look(signed=False))
        show_picture(picture, f"{control.summary} Laid over the photo.", EXAMPLE_PIXELS)
    st.caption(control.summary)
    if control.derived:
        st.caption(f"Made of {EXPLAINERS[DERIVED_FROM].label}'s maps.")


def _draw_control(choices: Choices, name: str) -> np.ndarray:
    """A control's map of the photo, float32 [h, w]; the derived ones are made of other maps."""
    # By their pixels: a sample that was saved anew is no other photo.
    mine = picture_of(choices.photo)
    other = next(one for one in load_samples().values() if picture_of(one) != mine)
    photos = [choices.photo, other]
    asked = [request_map(replace(choices, photo=photo), DERIVED_FROM, {}) for photo in photos]
    maps = [one.holder.memory.answer(one).maps for one in asked]
    batch = to_batch(choices.network.classifier, *photos)
    return CONTROLS[name].make(batch, np.concatenate(maps), 0)[0]
