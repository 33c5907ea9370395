"""Where it is kept what was computed: for all visitors, or with what one of them brought.

A visitor's photos and networks, and all that was made of them, are gone with the session.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import streamlit as st

from dashboard.shared.bounds import bounds
from dashboard.shared.memory import Memory
from xaicore import Classifier

MEGABYTE = 2**20
MOST_ENTRIES, MOST_OWN_ENTRIES = 256, 32

Answer = TypeVar("Answer")


class Holder:
    """Answers to requests, and a few smaller things by key, those used last."""

    def __init__(self, most_bytes: int | None = None, most: int = MOST_OWN_ENTRIES) -> None:
        self.memory = Memory(most_bytes or bounds().own_megabytes * MEGABYTE)
        self._most = most
        self._kept: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, key: Hashable, make: Callable[[], Answer]) -> Answer:
        """What is kept by this key, made where it is not."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return made


# Networks that visitors brought, and with what theirs are kept.
_brought: weakref.WeakKeyDictionary[Classifier, Holder] = weakref.WeakKeyDictionary()


def keep_with(classifier: Classifier, holder: Holder) -> None:
    """Have what is computed by a network be kept with a visitor alone."""
    _brought[classifier] = holder


def holder_of(own: Holder | None, classifier: Classifier | None = None) -> Holder:
    """Where that is kept which was made of a photo, with what ``own`` is kept, by a network."""
    brought = None if classifier is None else _brought.get(classifier)
    return own or brought or get_shared()


@st.cache_resource(show_spinner=False)
def get_shared() -> Holder:
    """What all visitors of this server share."""
    return Holder(bounds().shared_megabytes * MEGABYTE, MOST_ENTRIES)
