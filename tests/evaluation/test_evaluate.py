"""Evaluations: the same table however often they are stopped, and nothing computed twice."""

from __future__ import annotations

import errno
import io
import multiprocessing
import os
import random
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import xaicore
from tests.conftest import SMALL_STAGES
from xaicore import Classifier
from xaicore.evaluation import chunk, mosaics
from xaicore.evaluation.chunk import cut
from xaicore.evaluation.evaluate import evaluate, local_engine
from xaicore.evaluation.plan import EvaluationError, Plan, choose_files, make_spec
from xaicore.evaluation.results import load_results, results_of, save_results
from xaicore.evaluation.store import Store
from xaicore.identity import hash_bytes
from xaicore.leaderboard.board import summarise
from xaicore.metrics import METRICS, USUAL
from xaicore.metrics.base import Protocol
from xaicore.metrics.controls import CONTROLS
from xaicore.metrics.remaking import by_method
from xaicore.networks.petnet import PetNet
from xaicore.progress import Progress
from xaicore.training.dataset import PhotoBytes

QUICK = Plan(methods=("gradcam", "lrp"), protocol=Protocol(steps=4), controls=True, mosaics=1)
SIZE = 64
# Spawned processes would spend all their time on importing torch.
FORK = multiprocessing.get_context("fork")


def small_classifier() -> Classifier:
    """The same small network in every process."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = PetNet(SMALL_STAGES)
        for weight in net.parameters():
            if weight.ndim > 1:
                torch.nn.init.kaiming_normal_(weight)
    classifier = Classifier(net, size=SIZE, device="cpu")
    # Alone, a picture's scores round the same way whatever else is asked for.
    classifier.__dict__["batch_size"] = 1
    return classifier


def make_photo(seed: int) -> bytes:
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(coarse).resize((80, 80), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


def make_folder(folder: Path, count: int) -> Path:
    for seed in range(count):
        place = folder / ("Cat" if seed % 2 else "Dog")
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{seed}.png").write_bytes(make_photo(seed))
    return folder


@pytest.fixture
def small() -> Classifier:
    return small_classifier()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"sqlite:///{tmp_path / 'store.db'}")


def test_scores_are_those_of_score_maps(small: Classifier, store: Store, tmp_path: Path) -> None:
    files = choose_files(make_folder(tmp_path / "pets", 5))
    rows = results_of(store, evaluate(small, files, QUICK, store)).rows
    photos = [xaicore.load_photo(file.read()) for file in files]
    batch = small.preprocess(photos)
    assert rows["photo"].unique().tolist() == [hash_bytes(file.read()) for file in files]
    for method in QUICK.methods:
        maps = xaicore.explain(small, batch, method).maps
        expected = xaicore.score_maps(small, batch, maps, None, list(USUAL), QUICK.protocol)
        found = rows[rows["method"] == method]
        np.testing.assert_allclose(found[list(USUAL)], expected, atol=1e-5)
        assert (found["seconds"] > 0).all()
    best = small.predict(batch).argmax(1)
    labels = rows[rows["method"] == "lrp"]
    assert labels["predicted"].tolist() == [small.labels[index] for index in best]
    assert labels["label"].tolist() == ["dog", "cat", "dog", "cat", "dog"]


def test_controls_are_scored_beside_the_methods(small: Classifier, store: Store) -> None:
    files = [PhotoBytes(make_photo(seed)) for seed in range(3)]
    rows = results_of(store, evaluate(small, files, QUICK, store)).rows
    assert list(rows["method"].unique()) == ["gradcam", "lrp", *CONTROLS]
    assert rows.loc[rows["control"], "method"].isin(list(CONTROLS)).all()
    batch = small.preprocess([xaicore.load_photo(file.data) for file in files])
    edges = CONTROLS["edges"].make(batch, np.zeros((3, SIZE, SIZE)), 0)
    expected = xaicore.score_maps(small, batch, edges, protocol=QUICK.protocol)
    found = rows[rows["method"] == "edges"]
    np.testing.assert_allclose(found[list(expected)], expected, atol=1e-5)


def test_a_photo_alone_has_no_other_photo_s_map(small: Classifier, store: Store) -> None:
    rows = results_of(store, evaluate(small, [PhotoBytes(make_photo(0))], QUICK, store)).rows
    assert rows.loc[rows["method"] == "other", list(USUAL)].isna().all(axis=None)
    assert rows.loc[rows["method"] == "flipped", "iauc"].notna().all()


@pytest.mark.parametrize("count", [1, 2, 4, 5, 6, 8, 9])
def test_chunks_hold_every_photo_once_and_no_last_one_alone(count: int) -> None:
    parts = cut(count)
    assert [position for part in parts for position in part] == list(range(count))
    assert all(len(part) > 1 for part in parts) or count == 1


def test_an_unreadable_photo_is_counted_and_the_others_go_on(
    small: Classifier, store: Store
) -> None:
    files = [PhotoBytes(make_photo(0)), PhotoBytes(b"milk, eggs"), PhotoBytes(make_photo(1))]
    seen: list[tuple[int, int, int]] = []
    run = evaluate(small, files, QUICK, store, lambda *progress: seen.append(progress))
    assert list(dict.fromkeys(seen)) == [(0, 3, 0), (3, 3, 1)]
    results = results_of(store, run)
    assert results.about["errors"] == 1
    assert sorted(results.rows["position"].unique()) == [0, 2]
    unread = store.records(run.id)[1]
    assert "not a picture" in unread.error
    assert unread.photo == hash_bytes(b"milk, eggs")


def test_what_progress_raises_stops_the_work_inside_a_chunk(
    small: Classifier, store: Store
) -> None:
    files = [PhotoBytes(make_photo(seed)) for seed in range(4)]
    calls = []

    def progress(done: int, total: int, partial: Any = None) -> None:
        calls.append(done)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(small, files, QUICK, store, progress)
    assert calls == [0, 0, 0]
    assert store.runs()[0].photos == 0


def test_a_file_that_cannot_be_read_is_told_in_plain_words(small: Classifier, store: Store) -> None:
    class Locked(PhotoBytes):
        def read(self) -> bytes:
            raise PermissionError(errno.EACCES, "Permission denied", "/secret/place")

    run = evaluate(small, [PhotoBytes(make_photo(0)), Locked(b"")], QUICK, store)
    assert store.records(run.id)[1].error == (
        "This file cannot be read: it may not be read or written."
    )


def test_another_title_is_no_other_run(small: Classifier, store: Store) -> None:
    files = [PhotoBytes(make_photo(0))]
    spec = make_spec(small, files, QUICK)
    assert make_spec(small, files, replace(QUICK, title="Mine")) == spec
    assert (spec["network"], spec["weights"]) == (small.fingerprint, small.weights_hash)
    assert evaluate(small, files, replace(QUICK, title="Mine"), store).title == "Mine"


def test_nothing_is_computed_twice(
    small: Classifier, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [PhotoBytes(make_photo(seed)) for seed in range(3)]
    run = evaluate(small, files, QUICK, store)
    first = results_of(store, run)
    # The scores outlive the list of photos.
    store.delete_run(run.id)
    monkeypatch.setattr(chunk, "explain", None)
    monkeypatch.setattr(chunk, "trace_needs", None)
    monkeypatch.setattr(mosaics, "measure_focus", None)
    again = results_of(store, evaluate(small, files, QUICK, store))
    pd.testing.assert_frame_equal(first.rows, again.rows)
    pd.testing.assert_frame_equal(first.focus, again.focus)


def test_a_stopped_evaluation_goes_on_and_ends_with_the_same_table(
    small: Classifier, store: Store, tmp_path: Path
) -> None:
    files = choose_files(make_folder(tmp_path / "pets", 11))
    other = Store(f"sqlite:///{tmp_path / 'undisturbed.db'}")
    undisturbed = results_of(other, evaluate(small, files, QUICK, other))

    def stop_at(most: int) -> Progress:
        def progress(done: int, total: int, partial: Any = None) -> None:
            if done == most:
                raise KeyboardInterrupt

        return progress

    for most in (4, 8):
        with pytest.raises(KeyboardInterrupt):
            evaluate(small, files, QUICK, store, stop_at(most))
    assert [run.status for run in store.runs()] == ["stopped"]
    assert store.runs()[0].photos == 8
    seen: list[tuple[int, int, int]] = []
    results = results_of(
        store, evaluate(small, files, QUICK, store, lambda *progress: seen.append(progress))
    )
    assert list(dict.fromkeys(seen)) == [(8, 11, 0), (11, 11, 0)]
    assert len(store.runs()) == 1
    pd.testing.assert_frame_equal(
        results.rows.drop(columns="seconds"), undisturbed.rows.drop(columns="seconds")
    )
    pd.testing.assert_frame_equal(results.focus, undisturbed.focus)


def _evaluate_in_a_process(folder: Path, url: str) -> None:
    torch.set_num_threads(1)
    evaluate(small_classifier(), choose_files(folder), QUICK, Store(url))


def _recorded(url: str) -> int:
    """Photos that all runs have so far."""
    return sum(run.photos for run in Store(url).runs())


def test_killed_twenty_times_it_ends_with_the_same_table(
    small: Classifier, store: Store, tmp_path: Path
) -> None:
    folder = make_folder(tmp_path / "pets", 80)
    undisturbed = results_of(store, evaluate(small, choose_files(folder), QUICK, store))
    url = f"sqlite:///{tmp_path / 'killed.db'}"
    chance = random.Random(0)
    for kill in range(20):
        before = _recorded(url)
        process = FORK.Process(target=_evaluate_in_a_process, args=(folder, url))
        process.start()
        # Every other one gets somewhere first, however busy the machine is.
        while kill % 2 and process.is_alive() and _recorded(url) <= before:
            time.sleep(0.01)
        process.join(chance.uniform(0, 0.1))
        if process.is_alive():
            assert process.pid
            os.kill(process.pid, signal.SIGKILL)
            process.join()
    killed = Store(url)
    assert killed.runs()[0].photos > 0
    assert killed.runs()[0].status != "running"
    results = results_of(killed, evaluate(small, choose_files(folder), QUICK, killed))
    assert {run.status for run in killed.runs()} == {"done"}
    pd.testing.assert_frame_equal(
        results.rows.drop(columns="seconds"), undisturbed.rows.drop(columns="seconds")
    )
    pd.testing.assert_frame_equal(results.focus, undisturbed.focus)


def test_several_workers_find_the_same(small: Classifier, store: Store, tmp_path: Path) -> None:
    files = [PhotoBytes(make_photo(seed)) for seed in range(12)]
    alone = results_of(store, evaluate(small, files, QUICK, store))
    other = Store(f"sqlite:///{tmp_path / 'workers.db'}")
    engine = local_engine(small, QUICK, workers=3)
    together = results_of(other, evaluate(small, files, QUICK, other, engine=engine))
    pd.testing.assert_frame_equal(
        alone.rows.drop(columns="seconds"), together.rows.drop(columns="seconds")
    )


def test_photos_are_read_while_the_device_works(small: Classifier, store: Store) -> None:
    read: list[str] = []

    class Watched(PhotoBytes):
        def read(self) -> bytes:
            read.append(self.name)
            return super().read()

    files = [Watched(make_photo(seed), str(seed)) for seed in range(16)]
    chunks_seen = []

    def engine(chunks, progress):
        inner = local_engine(small, QUICK)
        for number, one in enumerate(chunks):
            deadline = time.monotonic() + 30
            while len(read) < min(16, 4 * (number + 2)) and time.monotonic() < deadline:
                time.sleep(0.01)
            chunks_seen.append(len(read))
            yield from inner([one], progress)

    evaluate(small, files, QUICK, store, engine=engine)
    # One chunk ahead at least, two at most: memory does not grow with the list.
    assert [8 <= chunks_seen[0] <= 12, 12 <= chunks_seen[1] <= 16] == [True, True]


def test_focus_is_measured_on_both_sizes(small: Classifier, store: Store, tmp_path: Path) -> None:
    files = choose_files(make_folder(tmp_path / "pets", 6))
    focus = results_of(store, evaluate(small, files, QUICK, store)).focus
    assert sorted(focus["size"].unique()) == [SIZE, 2 * SIZE]
    assert len(focus) == 2 * QUICK.mosaics * 2 * len(QUICK.methods)
    assert focus["focus"].dropna().between(0, 1).all()


def test_unlabelled_photos_are_evaluated_without_focus(small: Classifier, store: Store) -> None:
    results = results_of(
        store, evaluate(small, [PhotoBytes(make_photo(s)) for s in range(2)], QUICK, store)
    )
    assert results.rows["label"].isna().all()
    assert results.focus.empty


def test_the_split_is_petnet_s_own(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "pets", 40)
    everything = choose_files(folder)
    test = choose_files(folder, "test")
    assert 0 < len(test) < len(everything) == 40
    assert all(file.split == "test" for file in test)  # type: ignore[attr-defined]
    assert choose_files(folder, "test", 2) == test[:2]


def test_a_split_without_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="falls in the test part"):
        choose_files(make_folder(tmp_path / "pets", 2), "test")


def test_results_as_files_read_back_the_same(
    small: Classifier, store: Store, tmp_path: Path
) -> None:
    files = choose_files(make_folder(tmp_path / "pets", 4))
    results = results_of(store, evaluate(small, files, replace(QUICK, title="Four"), store))
    save_results(results, tmp_path / "out")
    back = load_results(tmp_path / "out")
    pd.testing.assert_frame_equal(back.rows, results.rows, atol=1e-6, check_dtype=False)
    pd.testing.assert_frame_equal(back.focus, results.focus, atol=1e-6, check_dtype=False)
    assert back.about["title"] == "Four"
    assert back.about["network"] == small.fingerprint
    assert back.about["weights"] == small.weights_hash


def test_a_plan_of_nothing_is_refused() -> None:
    with pytest.raises(EvaluationError, match="at least one method"):
        Plan(methods=())
    with pytest.raises(xaicore.ExplainerError, match="no explainer named"):
        Plan(methods=("tarot",))
    with pytest.raises(xaicore.MetricError, match="no metric named"):
        Plan(metrics=("beauty",))


def test_maps_are_made_once_more_as_they_were_made(small: Classifier, store: Store) -> None:
    plan = replace(QUICK, metrics=("sparseness", "road", "randomisation", "stability"), mosaics=0)
    files = [PhotoBytes(make_photo(seed)) for seed in range(2)]
    rows = results_of(store, evaluate(small, files, plan, store)).rows
    batch = small.preprocess([xaicore.load_photo(file.data) for file in files])
    for method in plan.methods:
        maps = xaicore.explain(small, batch, method).maps
        expected = xaicore.score_maps(
            small, batch, maps, None, plan.metrics, plan.protocol, by_method(method)
        )
        found = rows[rows["method"] == method]
        np.testing.assert_allclose(found[list(expected)], expected, atol=1e-4)
    by_name = rows.groupby("method")[list(plan.metrics)].first()
    assert by_name.loc["edges", "randomisation"] == pytest.approx(1)
    assert by_name.loc["gaussian", "stability"] == 0
    derived = [name for name, control in CONTROLS.items() if control.derived]
    assert by_name.loc[derived, ["randomisation", "stability"]].isna().all(axis=None)
    assert by_name.loc[derived, ["sparseness", "road"]].notna().all(axis=None)
    assert small.is_unchanged()
    for metric in plan.metrics:
        assert summarise(rows).cells["lrp", metric].valid == 2


def test_what_takes_long_is_measured_only_when_it_is_asked_for() -> None:
    assert Plan().metrics == USUAL
    assert set(METRICS) - set(USUAL) == {"road", "randomisation", "stability"}
