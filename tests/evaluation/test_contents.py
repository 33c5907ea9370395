"""An evaluation is of what photos hold, not of what they are called."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from tests.evaluation.test_evaluate import QUICK, make_folder, make_photo, small_classifier
from xaicore import Classifier
from xaicore.evaluation.evaluate import evaluate
from xaicore.evaluation.plan import EvaluationError, PhotoFile, choose_files, hash_list, make_spec
from xaicore.evaluation.results import results_of
from xaicore.evaluation.store import OtherPhotosError, PhotoRecord, Run, Store
from xaicore.identity import hash_bytes
from xaicore.metrics.controls import CONTROLS
from xaicore.progress import Progress
from xaicore.training.dataset import ListedFile, PhotoBytes

PLAN = replace(QUICK, methods=("gradcam",), metrics=("ad",), controls=False, mosaics=0)


class SameSize(PhotoBytes):
    """A photo of which no more is known unread than of any other here."""

    read_so_far: ClassVar[Counter[str]] = Counter()

    @property
    def clue(self) -> bytes:
        return b"same"

    def read(self) -> bytes:
        self.read_so_far[self.name] += 1
        return self.data


def alike(seeds: Sequence[int]) -> list[SameSize]:
    SameSize.read_so_far.clear()
    return [SameSize(make_photo(seed), f"{place}.png") for place, seed in enumerate(seeds)]


@pytest.fixture(scope="module")
def small() -> Classifier:
    return small_classifier()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"sqlite:///{tmp_path / 'store.db'}")


def stop_at(most: int) -> Progress:
    def progress(done: int, total: int, partial: object = None) -> None:
        if done >= most:
            raise KeyboardInterrupt

    return progress


def hashes(store: Store, run: Run) -> list[str]:
    return [record.photo for record in store.records(run.id)]


def test_photos_of_the_same_names_are_another_run(small: Classifier, store: Store) -> None:
    first, second = alike([0, 1]), alike([2, 3])
    assert make_spec(small, first, PLAN) == make_spec(small, second, PLAN)
    a = evaluate(small, first, PLAN, store)
    b = evaluate(small, second, PLAN, store)
    assert a.id != b.id
    assert hashes(store, a) == [hash_bytes(file.data) for file in first]
    assert hashes(store, b) == [hash_bytes(file.data) for file in second]
    # Each is found again, whichever is the newer.
    assert evaluate(small, first, PLAN, store).id == a.id
    assert evaluate(small, second, PLAN, store).id == b.id
    assert len(store.runs()) == 2


def test_photos_that_were_replaced_after_a_stop_are_evaluated(
    small: Classifier, store: Store
) -> None:
    with pytest.raises(KeyboardInterrupt):
        evaluate(small, alike(range(8)), PLAN, store, stop_at(4))
    replaced = alike([0, 9, 2, 3, 4, 5, 6, 7])
    run = evaluate(small, replaced, PLAN, store)
    assert hashes(store, run) == [hash_bytes(file.data) for file in replaced]
    assert results_of(store, run).rows["photo"].tolist() == hashes(store, run)
    assert sorted(one.status for one in store.runs()) == ["done", "stopped"]


def test_each_file_is_read_once(small: Classifier, store: Store) -> None:
    files = alike(range(8))
    with pytest.raises(KeyboardInterrupt):
        evaluate(small, files, PLAN, store, stop_at(4))
    assert set(SameSize.read_so_far.values()) == {1}
    SameSize.read_so_far.clear()
    evaluate(small, files, PLAN, store)
    assert SameSize.read_so_far == {file.name: 1 for file in files}
    SameSize.read_so_far.clear()
    evaluate(small, files, PLAN, store)
    assert SameSize.read_so_far == {file.name: 1 for file in files}


def test_a_photo_that_can_be_read_by_now_is_read(small: Classifier, store: Store) -> None:
    before = [*alike([0]), SameSize(b"not yet", "1.png")]
    after = alike([0, 1])
    assert results_of(store, evaluate(small, before, PLAN, store)).about["errors"] == 1
    assert results_of(store, evaluate(small, after, PLAN, store)).about["errors"] == 0


def test_a_folder_and_its_zip_are_one_list_and_one_of_other_sizes_is_not(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "a", 4)
    same = hash_list(choose_files(folder))
    zipped = Path(shutil.make_archive(str(tmp_path / "a"), "zip", folder))
    assert hash_list(choose_files(zipped)) == same
    other = make_folder(tmp_path / "b", 4)
    assert hash_list(choose_files(other)) == same
    (other / "Cat/1.png").write_bytes(make_photo(1) + b"more")
    assert hash_list(choose_files(other)) != same


def test_who_finds_other_photos_in_a_run_writes_nothing_into_it(url: str) -> None:
    store = Store(url)
    run = store.start_run({"photos": 2}, "")
    mine = [PhotoRecord(0, "a", None, "", "cat", 0.5), PhotoRecord(1, "b", None, "", "cat", 0.5)]
    store.record(run.id, mine, {})
    store.record(run.id, mine[:1], {})
    with pytest.raises(OtherPhotosError, match="other photos"):
        store.record(run.id, [mine[0], replace(mine[1], photo="c")], {})
    assert store.records(run.id) == mine


def test_two_at_once_with_the_same_names_end_in_two_runs(small: Classifier, store: Store) -> None:
    theirs = alike(range(8))
    ours = alike([0, 1, 2, 3, 9, 9, 9, 9])
    begun: list[bool] = []

    def let_the_other_in(done: int, total: int, partial: object = None) -> None:
        if not begun:
            begun.append(True)
            evaluate(small, theirs, PLAN, store)

    run = evaluate(small, ours, PLAN, store, let_the_other_in)
    other = next(one for one in store.runs() if one.id != run.id)
    assert (run.status, other.status) == ("done", "done")
    assert hashes(store, run) == [hash_bytes(file.data) for file in ours]
    assert hashes(store, other) == [hash_bytes(file.data) for file in theirs]


def test_names_that_are_no_utf_8_are_kept_as_text(
    small: Classifier, store: Store, tmp_path: Path
) -> None:
    folder = make_folder(tmp_path / "pets", 2)
    Path(os.fsdecode(os.fsencode(folder) + b"/Cat/ni\xf1o\n.png")).write_bytes(make_photo(2))
    files: list[ListedFile] = choose_files(folder)
    run = evaluate(small, files, replace(PLAN, title="a\udcf1\nb"), store)
    assert run.title == "a\\udcf1\\nb"
    assert [record.name for record in store.records(run.id)] == [
        "Dog/0.png",
        "Cat/1.png",
        "Cat/ni\\udcf1o\\n.png",
    ]
    assert evaluate(small, files, PLAN, store).id == run.id


def test_a_limit_counts_photos_that_can_be_read(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "pets", 6)
    for name in ("Cat/1.png", "Dog/2.png"):
        (folder / name).write_bytes(b"no picture")
    (folder / "Cat/00.txt").write_bytes(b"a note")
    names = ["Dog/0.png", "Cat/1.png", "Dog/2.png", "Cat/3.png"]
    assert [file.name for file in choose_files(folder, limit=2)] == names
    assert len(choose_files(folder, limit=9)) == 6


def test_the_same_photo_twice_has_all_its_rows_and_is_not_its_own_control(
    small: Classifier, store: Store
) -> None:
    seeds = [0, 1, 0, 2]
    files = [PhotoBytes(make_photo(seed), str(place)) for place, seed in enumerate(seeds)]
    plan = replace(QUICK, mosaics=0, metrics=("ad", "iauc"))
    rows = results_of(store, evaluate(small, files, plan, store)).rows
    assert len(rows) == len(files) * (len(plan.methods) + len(CONTROLS))
    assert rows.loc[rows["method"] != "other", "ad"].notna().all()
    by_photo = rows.pivot(index="position", columns="method", values="iauc")
    pd.testing.assert_series_equal(by_photo.loc[0], by_photo.loc[2], check_names=False, atol=1e-5)
    without = results_of(store, evaluate(small, [files[i] for i in (0, 1, 3)], plan, store)).rows
    # As if it were there once.
    np.testing.assert_allclose(
        by_photo.loc[[0, 1, 3], "other"],
        without.loc[without["method"] == "other", "iauc"],
        atol=1e-5,
    )


def test_a_photo_that_changes_before_its_mosaic_is_told(small: Classifier, store: Store) -> None:
    class Changing(PhotoBytes):
        def read(self) -> bytes:
            reads[self.name] += 1
            return self.data if reads[self.name] == 1 else make_photo(99)

    reads: Counter[str] = Counter()
    files: list[PhotoFile] = [
        Changing(make_photo(seed), str(seed), ("cat", "dog")[seed % 2]) for seed in range(4)
    ]
    with pytest.raises(EvaluationError, match="has changed since it was evaluated"):
        evaluate(small, files, replace(PLAN, mosaics=1), store)
    assert store.runs()[0].status == "stopped"
