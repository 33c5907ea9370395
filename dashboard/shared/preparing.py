"""Networks made ready for LRP and DeepLIFT beside the page, from the moment they are chosen."""

from __future__ import annotations

import threading
import weakref
from typing import Any

import streamlit as st

from dashboard.shared.jobs import Job, Worker
from xaicore import Classifier, Explainer
from xaicore.progress import Progress


class Preparing:
    """Has canonical forms be made, one after another, on a thread of its own."""

    def __init__(self) -> None:
        # A network that a visitor brought must be gone with the visitor.
        self._jobs: weakref.WeakKeyDictionary[Classifier, Job[Any]] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()
        self._worker = Worker("preparing")

    def follow(self, classifier: Classifier) -> Job[Any] | None:
        """The job that makes a network's form, or that could not; none where it is made."""
        if classifier.has_canonical:
            return None
        with self._lock:
            if classifier not in self._jobs:
                self._jobs[classifier] = self._worker.submit(
                    lambda progress: _prepare(classifier, progress), Job(watched=False)
                )
            return self._jobs[classifier]


def _prepare(classifier: Classifier, _progress: Progress) -> bool:
    return classifier.canonical is not None


@st.cache_resource(show_spinner=False)
def _get_preparing() -> Preparing:
    return Preparing()


def prepare(classifier: Classifier) -> Job[Any] | None:
    """Have a network be made ready, if it is not; the job that does, or that could not."""
    return _get_preparing().follow(classifier)


def prepare_for(explainer: Explainer, classifier: Classifier) -> Job[Any] | None:
    """The same where a method needs it; none for any other."""
    return prepare(classifier) if explainer.canonical else None
