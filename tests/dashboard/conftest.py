"""The dashboard on the small network, without a browser."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import streamlit as st

from dashboard.shared import jobs
from dashboard.shared.photos import Photo, load_samples
from xaicore import Classifier
from xaicore.networks import zoo


@pytest.fixture(autouse=True)
def small_network(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the dashboard load the small network, and forget what other tests computed."""
    monkeypatch.setattr(zoo, "load_classifier", lambda *_: classifier)
    # Else pages would wait for what is made ready beside them.
    assert classifier.canonical.obstacles == ()
    # Nothing polls in these tests.
    monkeypatch.setattr(jobs, "ABANDONED_SECONDS", math.inf)
    st.cache_resource.clear()
    st.cache_data.clear()
    yield
    st.cache_resource.clear()


@pytest.fixture
def kitten() -> Photo:
    return load_samples()["kitten-with-yarn"]


@pytest.fixture
def shepherd() -> Photo:
    return load_samples()["german-shepherd"]
