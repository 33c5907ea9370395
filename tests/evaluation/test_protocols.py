"""One thing is changed at a time: what it reaches moves, all else stays, all of it once."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from dashboard.shared.photos import Photo, load_samples
from tests.cli.networks import status
from xaicore import Classifier, explain, load_photo, score_maps
from xaicore.evaluation import protocols as module
from xaicore.evaluation.protocols import (
    SCORES,
    USUAL,
    Protocols,
    load_protocols,
    measure_protocols,
    save_protocols,
)
from xaicore.evaluation.results import load_results
from xaicore.evaluation.store import Store
from xaicore.evaluation.variants import MASKS, OURS, VARIANTS, Variant
from xaicore.metrics.base import PerturbationProtocol
from xaicore.training.dataset import PhotoBytes

FAST = ("gradcam", "deeplift")
REACHED = {
    "fill": {"dauc", "dc"},
    "blur": {"iauc", "ic"},
    "steps": {"iauc", "dauc", "ic", "dc"},
    "mask": {"ad", "iic", "ad_signed", "iic_mean"},
    "score": set(SCORES),
}


def two_photos() -> list[Photo]:
    return list(load_samples().values())[:2]


def few_steps(variant: Variant) -> Variant:
    steps = 4 if variant.name.startswith("steps") else 8
    return dataclasses.replace(variant, protocol=dataclasses.replace(variant.protocol, steps=steps))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same work on fewer steps and on the methods that take no samples."""
    monkeypatch.setattr(module, "USUAL", FAST)
    monkeypatch.setattr(module, "VARIANTS", tuple(few_steps(variant) for variant in VARIANTS))


@pytest.fixture
def files() -> list[PhotoBytes]:
    first, second = two_photos()
    return [PhotoBytes(first.data), PhotoBytes(b"no photo"), PhotoBytes(second.data)]


@pytest.fixture
def measured(
    quick: None, classifier: Classifier, files: list[PhotoBytes], store: Store
) -> Protocols:
    return measure_protocols(classifier, files, store)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"sqlite:///{tmp_path / 'store.db'}")


def test_every_variant_scores_as_its_protocol_does_alone(
    measured: Protocols, classifier: Classifier
) -> None:
    batch = classifier.preprocess([load_photo(photo.data) for photo in two_photos()])
    for variant in (few_steps(v) for v in VARIANTS if v.mask == "positive"):
        for name in FAST:
            maps = explain(classifier, batch, name, target=variant.score or "logit").maps
            expected = score_maps(classifier, batch, maps, None, SCORES, variant.protocol)
            rows = measured.rows.query("variant == @variant.name and method == @name")
            assert list(rows["position"]) == [0, 2]
            np.testing.assert_allclose(rows[list(SCORES)], expected, atol=2e-4)


def test_a_variant_moves_what_it_reaches_and_nothing_else(measured: Protocols) -> None:
    tables = dict(list(measured.rows.groupby("variant", sort=False)))
    ours = tables.pop(OURS)
    assert len(tables) == len(VARIANTS) - 1
    for name, part in tables.items():
        moved = {
            metric
            for metric in SCORES
            if not np.array_equal(part[metric].to_numpy(), ours[metric].to_numpy(), equal_nan=True)
        }
        assert moved <= REACHED[name.partition("-")[0]], name
        assert moved, name


def test_what_the_store_knows_is_not_measured_again(
    measured: Protocols,
    classifier: Classifier,
    files: list[PhotoBytes],
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("measured twice")

    monkeypatch.setattr(module, "score_variants", refuse)
    again = measure_protocols(classifier, files, store)
    assert again.rows.equals(measured.rows)
    with pytest.raises(AssertionError, match="measured twice"):
        measure_protocols(classifier, files[:1], store)


def test_rows_are_read_as_they_were_written(measured: Protocols, tmp_path: Path) -> None:
    save_protocols(measured, tmp_path)
    read = load_protocols(tmp_path)
    assert read.about == measured.about
    assert read.about["photos"] == 2
    np.testing.assert_allclose(read.rows[list(SCORES)], measured.rows[list(SCORES)], atol=1e-6)


def test_masks_are_scaled_as_they_say() -> None:
    maps = torch.tensor([[[-2.0, 0.0, 2.0]], [[0.0, 1.0, 4.0]]])
    expected = {
        "positive": [[[0, 0, 1]], [[0, 0.25, 1]]],
        "absolute": [[[1, 0, 1]], [[0, 0.25, 1]]],
        "min-max": [[[0, 0.5, 1]], [[0, 0.25, 1]]],
        "batch": [[[0, 2 / 6, 4 / 6]], [[2 / 6, 3 / 6, 1]]],
    }
    for name, make in MASKS.items():
        torch.testing.assert_close(make(maps), torch.tensor(expected[name], dtype=torch.float32))
        assert make(torch.zeros(1, 2, 2)).isnan().all(), name


def test_variants_differ_from_ours_in_one_thing() -> None:
    assert VARIANTS[0].name == OURS
    assert VARIANTS[0].protocol == PerturbationProtocol()
    assert len({str(variant.settings) for variant in VARIANTS}) == len(VARIANTS)
    for variant in VARIANTS[1:]:
        changed = {n for n, v in variant.settings.items() if v != VARIANTS[0].settings[n]}
        # RISE's blur is a kind and a width.
        assert changed in ({"fill"}, {"kernel"}, {"blur", "kernel"}, {"steps"}, {"mask"}, {"score"})


def test_the_rows_that_ship_are_of_fifty_photos_and_agree_with_the_evaluation() -> None:
    shipped, evaluated = load_protocols(), load_results()
    assert shipped.about["photos"] >= 50
    assert shipped.about["variants"] == {variant.name: variant.settings for variant in VARIANTS}
    ours = shipped.rows[shipped.rows["variant"] == OURS]
    both = ours.merge(evaluated.rows, on=["photo", "method"], suffixes=("", "_evaluated"))
    assert len(both) == len(USUAL) * shipped.about["photos"]
    for metric in SCORES:
        # Measured on two devices: where two pixels are nearly equal, they may change places.
        apart = (both[metric] - both[f"{metric}_evaluated"]).abs()
        assert apart.max() < 1e-2
        assert (apart < 2e-3).mean() > 0.98


def test_the_command_writes_rows(quick: None, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "one.jpg").write_bytes(next(iter(load_samples().values())).data)
    place = f"sqlite:///{tmp_path / 'store.db'}"
    out = tmp_path / "out"
    assert status("protocols", "--photos", folder, "--store", place, "--out", out) == 0
    assert len(load_protocols(out).rows) == len(VARIANTS) * len(FAST)
