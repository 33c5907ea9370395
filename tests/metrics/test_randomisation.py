"""A map that ignores the network stays as it is when the network forgets; a sound one does not."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from tests.metrics.conftest import make_batch, make_classifier, make_maps
from xaicore import CONTROLS, METRICS, Classifier, MetricError, load_classifier, score_maps
from xaicore.metrics.randomisation import (
    COPIES,
    NOISE,
    Randomised,
    noisy_copies,
    randomise,
    similarity,
)
from xaicore.metrics.remaking import by_control, by_method
from xaicore.networks.randomising import randomised_twins

METRIC = METRICS["randomisation"]


def targets(classifier: Classifier, batch: torch.Tensor) -> torch.Tensor:
    return classifier.predicted(batch)


@pytest.mark.parametrize("control", ["random", "gaussian", "edges"])
def test_maps_that_ignore_the_network_stay_the_same(control: str) -> None:
    classifier, batch = make_classifier(), make_batch(2, 16, 16)
    remake = by_control(CONTROLS[control])
    assert remake
    found = randomise(remake, classifier, batch, targets(classifier, batch))
    np.testing.assert_allclose(found.correlations, 1, atol=1e-12)
    np.testing.assert_allclose(found.similarities, 1, atol=1e-6)
    np.testing.assert_allclose(found.scores, 1, atol=1e-12)


@pytest.mark.parametrize("method", ["gradcam", "lrp", "deeplift", "integrated-gradients"])
def test_maps_of_a_trained_network_do_not(method: str, photos: list) -> None:
    classifier = load_classifier(device="cpu")
    batch = classifier.preprocess(photos[:2])
    found = randomise(by_method(method), classifier, batch, targets(classifier, batch))
    assert (np.abs(found.scores) < 0.6).all()
    assert found.total == 10
    assert classifier.is_unchanged()


def test_it_is_the_mean_over_noisy_photos_of_maps_of_the_twins() -> None:
    classifier, batch = make_classifier(), make_batch(2, 16, 16)
    classes = targets(classifier, batch)
    remake = by_method("integrated-gradients", steps=16)
    found = randomise(remake, classifier, batch, classes, seed=2)
    networks = [classifier, *(twin.classifier for twin in randomised_twins(classifier, 2))]
    for stage, network in enumerate(networks):
        several = [remake(network, noisy, classes) for noisy in noisy_copies(classifier, batch, 2)]
        np.testing.assert_allclose(found.maps[:, stage], np.mean(several, axis=0), atol=1e-6)
    for place in range(2):
        own = found.maps[place, 0].ravel()
        expected = [spearmanr(own, other.ravel()).statistic for other in found.maps[place, 1:]]
        np.testing.assert_allclose(found.correlations[place], expected, atol=1e-12)
        assert found.scores[place] == pytest.approx(np.mean(expected))
    maps = make_maps(2, 16, 16)
    rows = score_maps(classifier, batch, maps, classes, [METRIC.name], remake=remake)
    again = randomise(remake, classifier, batch, classes)
    np.testing.assert_allclose(rows[METRIC.name], again.scores, atol=1e-12)


def test_the_noise_is_seeded_and_as_large_as_it_says() -> None:
    classifier = make_classifier(size=64)
    batch = make_batch(1, 64, 64)
    copies = noisy_copies(classifier, batch, 0)
    assert len(copies) == COPIES
    for copy, again in zip(copies, noisy_copies(classifier, batch, 0), strict=True):
        assert torch.equal(copy, again)
        moved = classifier.denormalise(copy) - classifier.denormalise(batch)
        assert moved.std().item() == pytest.approx(NOISE, rel=0.05)


def test_the_mean_leaves_out_what_is_undefined() -> None:
    correlations = np.array([[0.5, np.nan, 0.1], [np.nan, np.nan, np.nan]])
    found = Randomised(np.zeros((2, 4, 1, 1)), np.array([1, 2, 3]), 3, correlations, correlations)
    np.testing.assert_allclose(found.scores, [0.3, np.nan])
    np.testing.assert_allclose(found.likeness, [0.3, np.nan])


def test_similarity_is_of_absolute_maps_on_one_scale() -> None:
    a = make_maps(1, 16, 16)[0]
    assert similarity(a, -5 * a) == pytest.approx(1, abs=1e-6)
    assert similarity(a, make_maps(1, 16, 16, 1)[0]) < 0.5
    assert math.isnan(similarity(a, np.zeros_like(a)))
    # Smaller than the window that SSIM looks through.
    assert similarity(a[:4, :5], a[:4, :5]) == pytest.approx(1, abs=1e-6)


def test_controls_that_are_made_of_maps_cannot_be_made_once_more() -> None:
    derived = {name for name, control in CONTROLS.items() if by_control(control) is None}
    assert derived == {"other", "flipped", "blurred"}


def test_without_the_method_there_is_a_sentence() -> None:
    classifier, batch = make_classifier(), make_batch(1, 16, 16)
    for name in ("randomisation", "stability"):
        with pytest.raises(MetricError, match="asks for the method, not its maps alone"):
            score_maps(classifier, batch, make_maps(1, 16, 16), metrics=[name])


def test_progress_counts_maps_and_stops_the_work() -> None:
    classifier, batch = make_classifier(), make_batch(1, 16, 16)
    seen: list[tuple[int, int]] = []
    stages = len(randomised_twins(classifier)) + 1

    def progress(done: int, total: int, partial: object = None) -> None:
        seen.append((done, total))
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        randomise(by_method("gradcam"), classifier, batch, targets(classifier, batch), 0, progress)
    assert seen == [(1, stages * COPIES), (2, stages * COPIES)]
