"""Pieces that several pages show: choices, parameters, legends, proofs, waiting."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

import streamlit as st
from PIL import Image

from dashboard.shared.jobs import Job
from dashboard.shared.links import choose_in_link
from dashboard.shared.photos import embed
from dashboard.shared.text import plain
from xaicore import Explainer, Explanation, Parameter, PetlensError
from xaicore.render import Look, legend

POLL_SECONDS = 0.4
GREEK = {"alpha": "α", "beta": "β", "gamma": "γ", "epsilon": "ε"}
# A slider of more stops than this cannot be set precisely.
MOST_STOPS = 500
# Pixels of a picture for one of its place's, for the finest screens.
SHARP = 2

Choice = TypeVar("Choice", bound=Hashable)


def choose(
    label: str,
    options: Mapping[Choice, str],
    key: str,
    default: Choice | None = None,
    in_link: bool = False,
    **more: Any,
) -> Choice:
    """One of a few options, by what each is called; the first where no default is given."""
    usual = next(iter(options)) if default is None else default

    def make(default: Choice | None) -> Choice | None:
        return st.segmented_control(
            label,
            list(options),
            format_func=options.__getitem__,
            default=default,
            required=True,
            key=key,
            **more,
        )

    if in_link:
        return choose_in_link(key, list(options), options.__getitem__, usual, make)
    chosen = make(usual)
    assert chosen is not None
    return chosen


def choose_from_list(
    label: str,
    options: Sequence[Choice],
    words: Callable[[Choice], str],
    key: str,
    usual: Choice | None = None,
    **more: Any,
) -> Choice:
    """One of many options, which the address names; the first where no other is usual."""
    first = options[0] if usual is None else usual

    def make(default: Choice | None) -> Choice:
        index = 0 if default is None else options.index(default)
        return st.selectbox(label, options, index, format_func=words, key=key, **more)

    return choose_in_link(key, options, words, first, make)


def choose_on_scale(
    label: str,
    options: Sequence[Choice],
    words: Callable[[Choice], str],
    key: str,
    usual: Choice | None = None,
    **more: Any,
) -> Choice:
    """One of many options in an order, which the address names; the first where none is usual."""
    first = options[0] if usual is None else usual

    def make(default: Choice | None) -> Choice:
        start = options[0] if default is None else default
        return st.select_slider(label, options, start, format_func=words, key=key, **more)

    return choose_in_link(key, options, words, first, make)


def bind_number(key: str) -> Literal["query-params"] | None:
    """What binds a number's widget to the link, unless that holds one that cannot be shown."""
    with contextlib.suppress(ValueError):
        if not math.isfinite(float(st.query_params.get(key, 0))):
            return None
    return "query-params"


def choose_parameter(key: str, parameter: Parameter) -> Any:
    """The widget that fits a parameter, and its value."""
    label, usual, told = parameter.label, parameter.default, {"help": parameter.help}
    value: Any
    if parameter.choices and all(isinstance(choice, int | float) for choice in parameter.choices):
        value = choose_on_scale(label, parameter.choices, "{:g}".format, key, usual, **told)
    elif parameter.choices:
        value = choose_from_list(label, parameter.choices, _in_greek, key, usual, **told)
    else:
        number = type(parameter.default)
        low, high, step = (number(n) for n in (parameter.low, parameter.high, parameter.step))
        widget: Any = st.slider if (high - low) / step <= MOST_STOPS else st.number_input
        digits = "%d" if number is int else "%.4g"
        bind = bind_number(key)
        value = widget(label, low, high, usual, step, digits, key=key, bind=bind, **told)
    if parameter.note:
        st.caption(parameter.note(value))
    return value


def _in_greek(choice: str) -> str:
    """Rules are named by the letters that stand beside their sliders."""
    for name, letter in GREEK.items():
        choice = choice.replace(name, letter)
    return choice


def show_legend(look: Look, label: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.caption(f"against {plain(label)}" if look.signed else "nothing", width="content")
        show_picture(legend(look), f"Orange speaks for {label}, purple against.", width=80)
        st.caption(f"for {plain(label)}", width="content")


def show_missing(why: str) -> None:
    """Say why there is nothing to see of a map."""
    st.caption(f":material/visibility_off: {why}")


def show_proof(explainer: Explainer, explanation: Explanation) -> None:
    """How far the map of one photo can be trusted, and why not further."""
    proof = explainer.prove({name: values[0] for name, values in explanation.checks.items()})
    mark = ":green[:material/check_circle:]" if proof.good else ":yellow[:material/warning:]"
    st.markdown(f"{mark} {proof.text}")
    for words in filter(None, (proof.reason, *explanation.notes)):
        st.caption(words)


@contextlib.contextmanager
def in_sentences() -> Iterator[None]:
    """Show a sentence in place of what could not be shown."""
    try:
        yield
    except PetlensError as error:
        st.error(plain(str(error)))


def show_picture(
    picture: Image.Image,
    alt: str,
    width: int | Literal["stretch"] = "stretch",
    caption: str | None = None,
    exact: bool = False,
) -> None:
    """A picture as wide as its place, or ``width`` pixels; ``exact`` where every pixel counts."""
    if width != "stretch" and picture.width > SHARP * width:
        picture = picture.resize(
            (SHARP * width, round(SHARP * width * picture.height / picture.width))
        )
    st.image(embed(picture, exact), caption, width, alt=alt)


def follow(look: Callable[[], Any], draw: Callable[[Any], None]) -> Any:
    """Draw what ``look`` finds, again and again while it is a job that runs; give the first find.

    A look that finds the work finished has the page run once more, without polling.
    """
    found = look()
    polling = isinstance(found, Job) and found.running
    st.fragment(_redraw, run_every=POLL_SECONDS if polling else None)(look, draw, polling)
    return found


def _redraw(look: Callable[[], Any], draw: Callable[[Any], None], polling: bool) -> None:
    found = look()
    if polling and not (isinstance(found, Job) and found.running):
        st.rerun()
    draw(found)
