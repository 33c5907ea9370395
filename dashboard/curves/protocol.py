"""How the maps are tested, as the visitor sets it."""

from __future__ import annotations

import streamlit as st

from dashboard.curves.keys import BLUR, FILL, KERNEL, SIGMA, STEPS, TIES
from dashboard.shared import state
from dashboard.shared.widgets import bind_number, choose, choose_from_list, choose_on_scale
from xaicore.metrics.base import BLURS, FILLS, PROTOCOLS, PerturbationProtocol

STEP_COUNTS = (16, 32, 64, 128, 256)
KERNELS = (0, 5, 11, 17, 25, 35, 51)
PRESETS = {"gomez": "As in Gomez 2022", "rise": "As in RISE"}
FILL_WORDS = {
    "zero": "The network's mean colour",
    "black": "Black",
    "grey": "Grey",
    "white": "White",
    "blurred": "The blurred photo",
}
BLUR_WORDS = {"box": "Box", "gaussian": "Gaussian"}
MOST_TIES = 9999


def choose_protocol() -> PerturbationProtocol:
    place = st.container()
    steps = st.select_slider(
        "Steps",
        STEP_COUNTS,
        PerturbationProtocol().steps,
        help="In how many steps the pixels of the photo move, the most salient first.",
        key=STEPS,
        bind="query-params",
    )
    fill = choose_from_list("What a removed pixel shows", FILLS, FILL_WORDS.__getitem__, FILL)
    blur, kernel, sigma = _choose_blur()
    seed = st.number_input(
        "Order of equal pixels",
        0,
        MOST_TIES,
        PerturbationProtocol().seed,
        help="Pixels of equal saliency move in a random order, drawn from this number.",
        key=TIES,
        bind=bind_number(TIES),
    )
    protocol = PerturbationProtocol(steps, fill, blur, kernel, sigma, seed)
    with place.container(horizontal=True):
        _show_presets(protocol)
    return protocol


def _choose_blur() -> tuple[str, int, float]:
    """The kind of the blur that insertion starts from, its size in pixels, its σ in pixels."""
    default = PerturbationProtocol()
    blur = choose(
        "The blur that insertion starts from",
        {name: BLUR_WORDS[name] for name in BLURS},
        BLUR,
        default.blur,
        in_link=True,
    )
    kernel = choose_on_scale("Size of the blur", KERNELS, _call_kernel, KERNEL, default.kernel)
    sigma = default.sigma
    if blur == "gaussian":
        sigma = st.slider("Its σ", 1.0, 15.0, sigma, 0.5, "%.1f px", key=SIGMA, bind="query-params")
    return blur, kernel, sigma


def _call_kernel(size: int) -> str:
    return f"{size} px" if size else "a fifth of the photo"


def _show_presets(protocol: PerturbationProtocol) -> None:
    for name, words in PRESETS.items():
        preset = PROTOCOLS[name]
        st.button(
            words,
            help=f"Sets all of these to the protocol {name!r}.",
            on_click=state.reset,
            args=(_widget_values(preset),),
            disabled=protocol == preset,
        )


def _widget_values(protocol: PerturbationProtocol) -> dict[str, object]:
    return {
        STEPS: protocol.steps,
        FILL: protocol.fill,
        BLUR: protocol.blur,
        KERNEL: protocol.kernel,
        SIGMA: protocol.sigma,
        TIES: protocol.seed,
    }
