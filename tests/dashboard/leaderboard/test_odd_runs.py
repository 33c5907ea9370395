"""Runs of few, strange or unreadable photos open, say what they are, and can be taken along."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import streamlit as st

from dashboard.leaderboard import keys, runs
from tests.dashboard.walk import visit, words
from tests.evaluation.test_evaluate import make_photo
from xaicore import Classifier, Protocol
from xaicore.evaluation.evaluate import evaluate
from xaicore.evaluation.plan import Plan
from xaicore.evaluation.results import load_results, results_of, save_results
from xaicore.evaluation.store import Store
from xaicore.leaderboard.tables import to_csv, to_latex, to_long, to_markdown, to_parquet
from xaicore.training.dataset import PhotoBytes

PLAN = Plan(("gradcam",), ("iauc", "ad"), Protocol(steps=4), controls=True)
VIEWS = (
    "intervals",
    "ranks",
    "believe",
    "study",
    "scatter",
    "spread",
    "disagreements",
    "history",
    "evaluate",
)


def photo(seed: int, label: str | None = None) -> PhotoBytes:
    return PhotoBytes(make_photo(seed), f"{seed}.png", label)


NO_PHOTO = PhotoBytes(b"no photo", "![x](http:x).png")
ODD = {
    "unreadable": ([NO_PHOTO] * 3, ["There is no photo to judge by.", "No photo could be read."]),
    "one photo": ([photo(0, "cat")], ["On 1 photo,", "Means over 1 photo ±"]),
    "one class": ([photo(0, "cat"), photo(1, "cat")], ["All photos are of one class, cat."]),
    "no class": ([photo(0), photo(1)], ["No photo's true class is known"]),
    "twins": (
        [photo(0, "cat"), photo(1, "dog"), photo(0, "cat"), NO_PHOTO],
        ["On 3 photos,", "1 of 4 photos could not be read.", "1 photo is there more than once"],
    ),
}


@pytest.fixture(autouse=True)
def own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XAICORE_STORE", f"sqlite:///{tmp_path / 'store.db'}")
    st.cache_resource.clear()
    yield
    st.cache_resource.clear()


@pytest.mark.parametrize("name", ODD)
def test_an_odd_run_opens_says_what_it_is_and_can_be_taken_along(
    name: str, classifier: Classifier, tmp_path: Path
) -> None:
    files, sentences = ODD[name]
    run = evaluate(classifier, files, replace(PLAN, title=name), Store())
    app = visit("leaderboard")
    for view in VIEWS:
        app.session_state[keys.RUN] = run.id
        app.session_state[keys.VIEW] = view
        app.run()
        assert not app.exception, view
        assert not app.error, view
    for sentence in sentences:
        assert sentence in words(app)
    # As text, not as Markdown.
    unread = [box.value for box in app.text if "not a picture" in box.value]
    assert len(unread) == (NO_PHOTO in files)
    assert all(line.startswith("![x](http:x).png: ") for box in unread for line in box.split("\n"))
    results = results_of(Store(), run)
    columns = runs.get_columns(results, runs.EVERYTHING)
    long = to_long(columns)
    pd.testing.assert_frame_equal(
        pd.read_parquet(io.BytesIO(to_parquet(long))), long, check_dtype=False
    )
    assert to_csv(long).startswith(b"method,metric,mean,low,high,valid,mark\n")
    assert "IAUC" in to_markdown(columns)
    assert "IAUC" in to_latex(columns)
    save_results(results, tmp_path / "out")
    back = load_results(tmp_path / "out")
    assert back.unread["reason"].tolist() == results.unread["reason"].tolist()
    assert list(back.rows) == list(results.rows)
    assert len(back.rows) == len(results.rows)
