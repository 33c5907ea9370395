"""What must hold of the metrics whatever the network: closed forms, orders, sharing, bounds."""

from __future__ import annotations

import itertools
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import torch

import xaicore
from tests.metrics.conftest import make_batch, make_classifier, make_maps
from xaicore import METRICS, PROTOCOLS, Classifier, MetricError, Protocol, score_maps
from xaicore.metrics import needs_of, needs_remaking
from xaicore.metrics.base import PerturbationTrace, probability
from xaicore.metrics.perturbation import GROUP, rank_pixels, trace_maps

EVERY = [name for name, metric in METRICS.items() if not needs_remaking(metric)]
PIXELS = Protocol(steps=16)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def traced(trace: PerturbationTrace, name: str) -> np.ndarray:
    """A part of a trace that was asked for."""
    values = getattr(trace, name)
    assert values is not None
    return values


def perfect_map(linear: Classifier) -> np.ndarray:
    """What each pixel adds to the logit of cat for a photo of ones: 3 w."""
    return (3 * (np.arange(16, dtype=np.float32) / 8 - 0.5)).reshape(1, 4, 4)


def test_deletion_of_a_linear_network_in_closed_form(linear: Classifier) -> None:
    photo, weights = torch.ones(1, 3, 4, 4), 3 * (np.arange(16) / 8 - 0.5)
    trace = trace_maps(linear, photo, perfect_map(linear), [0], PIXELS)
    falling = np.sort(weights)[::-1]
    expected = [sigmoid(weights.sum() - falling[:k].sum()) for k in range(17)]
    np.testing.assert_allclose(traced(trace, "deletion")[0], expected, atol=1e-6)
    np.testing.assert_allclose(trace.saliency[0], falling, atol=1e-6)
    rows = score_maps(linear, photo, perfect_map(linear), [0], protocol=PIXELS)
    area = sum((a + b) / 2 for a, b in itertools.pairwise(expected)) / 16
    assert rows.loc[0, "dauc"] == pytest.approx(area, abs=1e-6)
    losses = -np.diff(expected)
    assert rows.loc[0, "dc"] == pytest.approx(np.corrcoef(losses, falling)[0, 1], abs=1e-5)


def test_masks_of_a_linear_network_in_closed_form(linear: Classifier) -> None:
    photo, weights = torch.ones(1, 3, 4, 4), 3 * (np.arange(16) / 8 - 0.5)
    rows = score_maps(linear, photo, perfect_map(linear), [0], EVERY, PIXELS)
    mask = weights.clip(min=0) / weights.max()
    clean = sigmoid(weights.sum())
    kept, removed = sigmoid((weights * mask).sum()), sigmoid((weights * (1 - mask)).sum())
    assert rows.loc[0, "ad_signed"] == pytest.approx((clean - kept) / clean, abs=1e-6)
    assert rows.loc[0, "ad"] == pytest.approx(max(0, (clean - kept) / clean), abs=1e-6)
    assert rows.loc[0, "add"] == pytest.approx((clean - removed) / clean, abs=1e-6)
    assert rows.loc[0, "iic"] == float(kept > clean)
    assert rows.loc[0, "iic_mean"] == pytest.approx(max(0, kept - clean), abs=1e-6)


def test_a_perfect_map_beats_any_other(linear: Classifier) -> None:
    photo = torch.ones(1, 3, 4, 4)
    best = score_maps(linear, photo, perfect_map(linear), [0], protocol=PIXELS)
    for seed in range(20):
        other = score_maps(linear, photo, make_maps(1, 4, 4, seed), [0], protocol=PIXELS)
        assert best.loc[0, "dauc"] < other.loc[0, "dauc"]
        assert best.loc[0, "iauc"] > other.loc[0, "iauc"]


def test_inverting_a_map_reverses_its_order() -> None:
    maps = make_maps(3, 16, 16)
    ranks = rank_pixels(torch.from_numpy(maps), 0)
    inverted = rank_pixels(torch.from_numpy(-maps), 0)
    assert (ranks + inverted == 16 * 16 - 1).all()


def test_inverting_a_map_swaps_insertion_and_deletion(linear: Classifier) -> None:
    """From a zero picture, inserting by the inverse shows what deleting by the map leaves."""
    photo = torch.ones(1, 3, 4, 4)
    protocol = Protocol(steps=16, fill="blurred")
    maps = make_maps(1, 4, 4)
    forward = trace_maps(linear, photo, maps, [0], protocol)
    backward = trace_maps(linear, photo, -maps, [0], protocol)
    np.testing.assert_allclose(
        traced(forward, "deletion")[0], traced(backward, "insertion")[0, ::-1], atol=1e-7
    )


def test_scores_do_not_depend_on_the_batch() -> None:
    classifier, batch = make_classifier(), make_batch(5, 16, 16)
    maps = make_maps(5, 16, 16).round(1)
    together = score_maps(classifier, batch, maps, None, EVERY, PIXELS)
    for index in range(5):
        alone = score_maps(classifier, batch[[index]], maps[[index]], None, EVERY, PIXELS)
        np.testing.assert_allclose(alone.loc[0], together.loc[index], atol=1e-6)


def test_ties_fall_the_same_wherever_a_photo_stands() -> None:
    classifier, batch = make_classifier(), make_batch(5, 16, 16)
    maps = make_maps(5, 16, 16).round()
    places = [3, 0, 4, 1, 2]
    first = trace_maps(classifier, batch, maps, None, PIXELS)
    moved = trace_maps(classifier, batch[places], maps[places], None, PIXELS)
    np.testing.assert_array_equal(moved.saliency, first.saliency[places])
    for name in ("deletion", "insertion"):
        np.testing.assert_allclose(traced(moved, name), traced(first, name)[places], atol=1e-6)


def test_scores_do_not_depend_on_the_scale_of_a_map() -> None:
    classifier, batch, maps = make_classifier(), make_batch(2, 16, 16), make_maps(2, 16, 16)
    pd.testing.assert_frame_equal(
        score_maps(classifier, batch, maps, None, EVERY, PIXELS),
        score_maps(classifier, batch, 1024 * maps, None, EVERY, PIXELS),
        atol=1e-6,
    )


def test_several_maps_of_one_photo_share_its_pictures() -> None:
    classifier, batch, maps = make_classifier(), make_batch(2, 16, 16), make_maps(5, 16, 16)
    owners = [0, 0, 1, 0, 1]
    trace = trace_maps(classifier, batch, maps, None, PIXELS, photos=owners)
    for index, owner in enumerate(owners):
        alone = trace_maps(classifier, batch[[owner]], maps[[index]], None, PIXELS)
        np.testing.assert_allclose(
            traced(trace.one(index), "deletion"), traced(alone, "deletion"), atol=1e-6
        )
        np.testing.assert_allclose(
            traced(trace.one(index), "insertion"), traced(alone, "insertion"), atol=1e-6
        )
        np.testing.assert_allclose(
            traced(trace.one(index), "kept"), traced(alone, "kept"), atol=1e-5
        )


def test_every_picture_is_scored_once_in_batches_of_bounded_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    classifier = make_classifier()
    batch, maps = make_batch(7, 16, 16), make_maps(7, 16, 16)
    classifier.batch_size  # noqa: B018 (measured before the pictures are counted)
    sizes: list[int] = []
    logits = Classifier.logits

    def count(self: Classifier, pictures: torch.Tensor) -> torch.Tensor:
        sizes.append(len(pictures))
        return logits(self, pictures)

    monkeypatch.setattr(Classifier, "logits", count)
    trace_maps(classifier, batch, maps, [0] * 7, Protocol(steps=10))
    # Two curves of nine inner pictures and two masks a map; two ends a photo, one empty picture.
    assert sum(sizes) == 7 * (2 * 9 + 2) + 2 * 7 + 1
    assert max(sizes) <= classifier.batch_size
    sizes.clear()
    trace_maps(classifier, batch, maps, [0] * 7, Protocol(steps=10), needs={"kept"})
    assert sum(sizes) == 14


def test_predicting_the_classes_takes_batches_of_bounded_size_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    classifier = make_classifier()
    size = classifier.batch_size
    count = 2 * size + 3
    batch, maps = make_batch(count, 16, 16), make_maps(count, 16, 16)
    sizes: list[int] = []
    logits = Classifier.logits

    def note(self: Classifier, pictures: torch.Tensor) -> torch.Tensor:
        sizes.append(len(pictures))
        return logits(self, pictures)

    monkeypatch.setattr(Classifier, "logits", note)
    score_maps(classifier, batch, maps, metrics=["ad"])
    # Every photo once for its class, once for its score, and once masked.
    assert sum(sizes) == 3 * count
    assert max(sizes) <= size
    sizes.clear()
    trace_maps(classifier, batch, maps, needs={"kept"})
    assert sum(sizes) == 3 * count
    assert max(sizes) <= size


def test_ranks_are_held_for_a_bounded_number_of_maps(monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    original = rank_pixels

    def watch(saliency: torch.Tensor, seed: int) -> torch.Tensor:
        held.append(len(saliency))
        return original(saliency, seed)

    monkeypatch.setattr("xaicore.metrics.perturbation.rank_pixels", watch)
    count = 2 * GROUP + 3
    trace_maps(
        make_classifier(), make_batch(count, 8, 8), make_maps(count, 8, 8), None, Protocol(steps=2)
    )
    assert sum(held) == count
    assert max(held) == GROUP


def test_maps_of_every_group_are_tested_on_their_own_photo() -> None:
    classifier, count = make_classifier(), GROUP + 3
    batch, maps = make_batch(count, 8, 8), make_maps(count, 8, 8)
    together = trace_maps(classifier, batch, maps, None, Protocol(steps=4))
    for index in (0, GROUP - 1, GROUP, GROUP + 2):
        alone = trace_maps(classifier, batch[[index]], maps[[index]], None, Protocol(steps=4))
        for name in ("clean", "saliency", "insertion", "deletion", "kept", "removed"):
            here, there = getattr(together.one(index), name), getattr(alone, name)
            np.testing.assert_allclose(here, there, atol=1e-5, err_msg=name)


def test_many_threads_find_what_one_finds() -> None:
    classifier, batch, maps = make_classifier(), make_batch(3, 16, 16), make_maps(3, 16, 16)
    expected = score_maps(classifier, batch, maps, None, EVERY, PIXELS)
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(score_maps, classifier, batch, maps, None, EVERY, PIXELS) for _ in range(12)
        ]
        for job in jobs:
            pd.testing.assert_frame_equal(job.result(), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", EVERY)
def test_scores_lie_within_their_bounds(name: str) -> None:
    metric = METRICS[name]
    low, high = metric.bounds
    rows = score_maps(make_classifier(), make_batch(6, 16, 16), make_maps(6, 16, 16), None, [name])
    assert rows[name].between(low - 1e-9, high + 1e-9).all()
    assert metric.label
    assert metric.summary.endswith(".")
    assert metric.citation
    assert metric.direction in ("higher is better", "lower is better")
    assert needs_of([metric]) <= {"insertion", "deletion", "kept", "removed", "maps", "imputed"}


def test_higher_is_better_says_which_way(linear: Classifier) -> None:
    """Weights that sum to 0 leave p at a half, so that a mask can raise and lower it."""
    weights = linear.net.get_parameter("2.weight")
    with torch.no_grad():
        weights[0] -= weights[0].mean()
    photo, best = torch.ones(1, 3, 4, 4), 3 * weights[0, :16].detach().numpy().reshape(1, 4, 4)
    good = score_maps(linear, photo, best, [0], EVERY, PIXELS)
    bad = score_maps(linear, photo, -best, [0], EVERY, PIXELS)
    # How a map is spread does not change with its sign.
    for name in set(EVERY) - {"sparseness", "entropy"}:
        metric = METRICS[name]
        sign = 1 if metric.higher_is_better else -1
        assert sign * good.loc[0, name] > sign * bad.loc[0, name], name


def masked(clean: float, kept: float) -> PerturbationTrace:
    """The trace of one map whose mask moves the log-odds from clean to kept."""
    return PerturbationTrace(
        np.array([0.0, 1.0]), np.zeros((1, 1)), np.array([clean]), kept=np.array([kept])
    )


@pytest.mark.parametrize(("kept", "expected"), [(2 + 1e-6, 0), (2 + 1e-4, 1), (2, 0), (1.9, 0)])
def test_rounding_is_no_increase(kept: float, expected: int) -> None:
    assert METRICS["iic"].compute(masked(2, kept)) == [expected]


def test_a_probability_of_0_cannot_drop() -> None:
    assert np.isnan(METRICS["ad"].compute(masked(-2000, 1)))
    assert np.isnan(METRICS["ad_signed"].compute(masked(-2000, 1)))


def test_what_is_measured_by_default_is_the_study_s_six() -> None:
    rows = score_maps(make_classifier(), make_batch(1, 16, 16), make_maps(1, 16, 16))
    assert list(rows) == ["iauc", "dauc", "ic", "dc", "ad", "iic"]
    assert rows.attrs["settings"]["protocol"] == PROTOCOLS["gomez"].settings


def test_targets_are_those_of_the_clean_photo() -> None:
    classifier, batch, maps = make_classifier(), make_batch(4, 16, 16), make_maps(4, 16, 16)
    predicted = classifier.predict(batch).argmax(1)
    pd.testing.assert_frame_equal(
        score_maps(classifier, batch, maps), score_maps(classifier, batch, maps, predicted)
    )
    swapped = score_maps(classifier, batch, maps, 1 - predicted)
    assert not np.allclose(swapped["iauc"], score_maps(classifier, batch, maps)["iauc"])


def test_presets_are_as_published() -> None:
    assert PROTOCOLS["gomez"] == Protocol(128, "zero", "box", 0, seed=0)
    assert PROTOCOLS["rise"] == Protocol(128, "zero", "gaussian", 11, 5.0, 0)


def test_protocols_are_keys() -> None:
    assert Protocol() == PROTOCOLS["gomez"]
    assert len({Protocol(), PROTOCOLS["gomez"], PROTOCOLS["rise"]}) == 2
    with pytest.raises(AttributeError):
        Protocol().steps = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    "wrong",
    [{"steps": 1}, {"fill": "pink"}, {"blur": "fog"}, {"kernel": 4}, {"sigma": 0}],
)
def test_protocols_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(MetricError):
        Protocol(**wrong)  # type: ignore[arg-type]


def test_an_unknown_metric_or_protocol_lists_the_names() -> None:
    batch, maps = make_batch(1, 16, 16), make_maps(1, 16, 16)
    with pytest.raises(MetricError, match="iauc, dauc"):
        score_maps(make_classifier(), batch, maps, metrics=["beauty"])
    with pytest.raises(MetricError, match="gomez, rise"):
        score_maps(make_classifier(), batch, maps, protocol="guess")


@pytest.mark.parametrize("value", [-800.0, -3.0, 0.0, 3.0, 800.0])
def test_probability_of_log_odds(value: float) -> None:
    expected = torch.tensor(value, dtype=torch.float64).sigmoid().item()
    assert probability(np.array([value]))[0] == pytest.approx(expected, abs=1e-15)


def test_caveats_say_why_a_figure_means_nothing() -> None:
    classifier, batch = make_classifier(), make_batch(1, 16, 16)
    flat = trace_maps(classifier, batch, np.full((1, 16, 16), 0.1), None, PIXELS)
    assert "the same everywhere" in METRICS["ic"].caveat(flat)
    negative = trace_maps(classifier, batch, -np.abs(make_maps(1, 16, 16)), None, PIXELS)
    assert "Nothing in this map is positive" in METRICS["ad"].caveat(negative)
    certain = trace_maps(make_classifier(gain=1e4), batch, make_maps(1, 16, 16), None, PIXELS)
    assert "all but certain" in METRICS["iic"].caveat(certain)
    sure = trace_maps(classifier, batch, make_maps(1, 16, 16), None, PIXELS)
    assert METRICS["ad"].caveat(sure) == ""


def test_published_from_the_package() -> None:
    assert set(xaicore.METRICS) == {
        "iauc", "dauc", "ic", "dc", "ad", "iic", "ad_signed", "iic_mean", "add",
        "sparseness", "entropy", "road", "randomisation", "stability",
    }  # fmt: skip


@pytest.mark.cuda
def test_the_gpu_finds_what_the_processor_finds() -> None:
    batch, maps = make_batch(4, 16, 16), make_maps(4, 16, 16)
    here = make_classifier()
    there = Classifier(make_classifier().net, here.labels, here.size, device="cuda")
    np.testing.assert_allclose(
        score_maps(here, batch, maps, None, EVERY, PIXELS),
        score_maps(there, batch, maps, None, EVERY, PIXELS),
        atol=1e-4,
    )


def test_probabilities_of_log_odds_by_hand() -> None:
    odds = np.array([0.0, np.log(3), -np.log(3), 1000.0, -1000.0, np.nan])
    np.testing.assert_allclose(probability(odds), [0.5, 0.75, 0.25, 1, 0, np.nan], rtol=1e-12)
