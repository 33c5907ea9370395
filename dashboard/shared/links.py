"""Choices in a page's address: by their ids, whatever they are called on the page.

Streamlit's own binding writes the words that a widget shows, which change with the wording. Older
links, which have these, are still understood.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

import streamlit as st

Choice = TypeVar("Choice", bound=Hashable)


def choose_in_link(
    key: str,
    options: Sequence[Choice],
    words: Callable[[Choice], str],
    usual: Choice,
    make: Callable[[Choice | None], Choice | None],
) -> Choice:
    """One of the options, which the address names unless it is the usual one.

    ``make(default)`` makes the widget of this key; its default is none where its value is set.
    """
    _take(key, options, words)
    chosen = make(None if key in st.session_state else usual)
    if chosen is None:
        chosen = usual
    _put(key, [] if chosen == usual else [str(chosen)])
    return chosen


def choose_several_in_link(
    key: str,
    options: Sequence[Choice],
    words: Callable[[Choice], str],
    make: Callable[[], Iterable[Choice]],
) -> list[Choice]:
    """Some of the options, which the address names."""
    if key not in st.session_state and key in st.query_params:
        found = [_find(word, options, words) for word in st.query_params.get_all(key)]
        st.session_state[key] = [one for one in found if one is not None]
    chosen = list(make())
    _put(key, [str(one) for one in chosen])
    return chosen


def _take(key: str, options: Sequence[Choice], words: Callable[[Choice], str]) -> None:
    """Set a widget, before it is first made, by what the address says."""
    if key not in st.session_state and key in st.query_params:
        found = _find(st.query_params[key], options, words)
        if found is not None:
            st.session_state[key] = found


def _find(word: str, options: Sequence[Choice], words: Callable[[Choice], str]) -> Choice | None:
    return next((one for one in options if word in (str(one), words(one))), None)


def _put(key: str, ids: list[str]) -> None:
    """Have the address name these, and nothing else, by this key."""
    if st.query_params.get_all(key) != ids:
        if ids:
            st.query_params[key] = ids
        else:
            del st.query_params[key]
