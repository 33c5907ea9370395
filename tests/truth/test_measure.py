"""Rows hold what the scores say alone; what is measured is kept, and nothing is measured twice."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.cli.networks import status
from xaicore import CONTROLS, explain, score_maps
from xaicore.evaluation.store import Store
from xaicore.metrics.base import PerturbationProtocol
from xaicore.truth import measure as module
from xaicore.truth.believe import judge
from xaicore.truth.measure import SEED, TRUTH, USUAL, measure_truth
from xaicore.truth.plan import CONTROL, DEFAULT, METHOD, SETTINGS, list_entries
from xaicore.truth.planted import PLANTED
from xaicore.truth.results import load_truth, save_truth
from xaicore.truth.scores import score_truth
from xaicore.truth.words import to_markdown

FEW = PerturbationProtocol(steps=4)
FAST = {"gradcam": {DEFAULT: {}}, "deeplift": {DEFAULT: {}, "black": {"baseline": "black"}}}
COUNT = 6
DRAWS = sum(control.draws for control in CONTROLS.values())


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The same work on fewer steps and on the methods that take no samples."""
    monkeypatch.setattr(module, "PROTOCOL", FEW)
    monkeypatch.setattr("xaicore.truth.plan.SETTINGS", FAST)


@pytest.fixture
def store(tmp_path):
    return Store(f"sqlite:///{tmp_path / 'store.db'}")


@pytest.fixture
def planted():
    return [PLANTED["colour"], PLANTED["both"]]


@pytest.fixture
def results(planted, store):
    return measure_truth(planted, store, COUNT)


def part(rows, **chosen):
    for column, value in chosen.items():
        rows = rows[rows[column] == value]
    return rows.sort_values("photo", ignore_index=True)


def test_a_row_for_every_network_photo_and_way_to_make_a_map(results):
    assert len(results.rows) == 2 * COUNT * (3 + DRAWS)
    keys = ["network", "reason", "kind", "name", "setting", "photo"]
    assert not results.rows.duplicated(keys).any()
    assert list(results.rows) == [*keys, *TRUTH, *USUAL]


def test_methods_are_scored_as_they_are_alone(results):
    classifier, photos = PLANTED["both"].load(), PLANTED["both"].draw(SEED, COUNT)
    maps = explain(classifier, photos.batch, "deeplift", photos.targets, baseline="black").maps
    own = part(results.rows, network="both", name="deeplift", setting="black")
    truth = score_truth(maps, photos.masks)
    for column in TRUTH:
        np.testing.assert_allclose(own[column], getattr(truth, column), rtol=1e-6)
    alone = score_maps(classifier, photos.batch, maps, photos.targets, USUAL, FEW)
    pd.testing.assert_frame_equal(own[list(USUAL)], alone, rtol=1e-4, atol=1e-6)


def test_another_photos_map_finds_what_always_stands_at_one_place(results):
    other = part(results.rows, network="colour", kind=CONTROL, name="other")
    deeplift = part(results.rows, network="colour", name="deeplift", setting=DEFAULT)
    assert deeplift["auprc"].min() > 0.9
    assert other["auprc"].min() > 0.5


def test_a_photo_alone_has_no_other_photos_map(results):
    last = part(results.rows, name="other", photo=COUNT - 1)
    assert last[["auprc", "iauc"]].isna().all(axis=None)
    assert part(results.rows, name="random")["iauc"].notna().all()


def test_what_is_kept_is_not_measured_again(results, planted, store, monkeypatch):
    monkeypatch.setattr(module, "explain", None)
    again = measure_truth(planted, store, COUNT)
    pd.testing.assert_frame_equal(again.rows, results.rows)
    assert again.about == results.about


def test_what_was_finished_is_kept_where_it_is_stopped(planted, store, monkeypatch):
    def stop(done, total, partial=None):
        assert total == 2 * COUNT
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_truth(planted, store, COUNT, stop)
    # The first five photos of the first network are there.
    monkeypatch.setattr(module, "explain", None)
    told = []
    again = measure_truth(planted[:1], store, 5, lambda *counts: told.append(counts))
    assert len(again.rows) == 5 * (3 + DRAWS)
    assert told == [(5, 5)]


def test_files_give_back_what_was_written_draws_as_text(results, tmp_path):
    save_truth(results, tmp_path)
    read = load_truth(tmp_path)
    pd.testing.assert_frame_equal(read.rows, results.rows.round(6))
    assert set(part(read.rows, name="gaussian")["setting"]) == {"0", "1", "2", "3"}
    assert read.about == results.about


def test_rows_say_what_made_them(results):
    assert results.about["networks"]["both"] == {
        "label": PLANTED["both"].label,
        "summary": PLANTED["both"].summary,
        "fingerprint": PLANTED["both"].load().fingerprint,
        "photos": COUNT,
    }
    assert results.about["protocol"] == FEW.settings


def test_settings_are_real_and_no_two_are_alike():
    classifier = PLANTED["shape"].load()
    for settings in SETTINGS.values():
        assert DEFAULT in settings
        assert len({str(given) for given in settings.values()}) == len(settings)
    entries = list_entries(classifier)
    assert all(entry.settings(classifier) for entry in entries)
    assert {entry.name for entry in entries if entry.kind == METHOD} == set(FAST)


def test_the_command_writes_the_rows_and_says_what_they_say(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setattr("xaicore.truth.planted.PLANTED", {"colour": PLANTED["colour"]})
    store = f"sqlite:///{tmp_path / 'store.db'}"
    assert status("truth", "--store", store, "--most", 2, "--out", tmp_path) == 0
    assert len(load_truth(tmp_path).rows) == 2 * (3 + DRAWS)
    assert capsys.readouterr().out.strip() == to_markdown(judge(load_truth(tmp_path).rows)).strip()
