"""The report tells the truth of the very maps that the cards show."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
import streamlit as st
from streamlit.testing.v1 import AppTest

import xaicore
from dashboard.explain.report import write_report
from dashboard.shared import state
from dashboard.shared.photos import Photo
from tests.dashboard.walk import PATIENCE, jobs_of, visit
from xaicore import Classifier
from xaicore.formatting import format_number
from xaicore.metrics import USUAL, choose_metrics


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    file = tmp_path / "results.db"
    monkeypatch.setenv("XAICORE_STORE", f"sqlite:///{file}")
    st.cache_resource.clear()
    yield file
    st.cache_resource.clear()


@pytest.fixture
def app() -> AppTest:
    app = visit("explain")
    app.query_params["lime-samples"] = "50"
    app.query_params["lime-superpixels"] = "10"
    return run(app)


def run(app: AppTest) -> AppTest:
    app.run()
    assert all(job.wait(PATIENCE) for job in jobs_of(app))
    app.run()
    assert not app.exception
    return app


def report_of(app: AppTest) -> str:
    """The report, written as Streamlit has it written: on a thread without the session."""
    choices, cards = app.session_state[state._CHOICES], app.session_state[state._CARDS]
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(write_report, choices, cards).result(PATIENCE)


def scores_in(report: str, metric: str) -> list[str]:
    row = re.search(rf"<tr><td>{metric} .*?</tr>", report, re.DOTALL)
    assert row, metric
    return re.findall(r"<td>([^<]*)</td>", row[0])


def kept_traces(store: Path) -> int:
    with sa.create_engine(f"sqlite:///{store}").connect() as connection:
        found = connection.exec_driver_sql("select count(*) from maps where explainer = 'trace'")
        return found.scalar_one()


@pytest.mark.parametrize("alpha", [2.0, 3.0])
def test_its_scores_are_those_of_the_map_that_is_shown(
    app: AppTest, classifier: Classifier, kitten: Photo, store: Path, alpha: float
) -> None:
    app.slider(key="lrp-alpha").set_value(alpha)
    run(app)
    report = report_of(app)
    batch = classifier.preprocess([xaicore.load_photo(kitten.data)])
    explanation = xaicore.explain(classifier, batch, "lrp", alpha=alpha)
    scores = xaicore.score_maps(classifier, batch, explanation.maps, metrics=USUAL)
    for metric in choose_metrics(USUAL):
        assert scores_in(report, metric.label)[0] == format_number(scores[metric.name][0]), (
            metric.name
        )
    assert f'"alpha": {alpha}' in html.unescape(report)
    # One trace a card, and nothing under any other key.
    assert kept_traces(store) == 4


def test_a_report_of_one_setting_says_nothing_of_another(app: AppTest) -> None:
    first = scores_in(report_of(app), "IAUC")[0]
    app.slider(key="lrp-alpha").set_value(4.0)
    run(app)
    assert scores_in(report_of(app), "IAUC")[0] != first
    app.slider(key="lrp-alpha").set_value(2.0)
    run(app)
    assert scores_in(report_of(app), "IAUC")[0] == first
