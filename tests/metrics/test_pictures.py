"""The pictures of a step are those that the curves were scored on."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xaicore import Classifier, MetricError, Protocol
from xaicore.metrics.perturbation import blur_photos, perturb_at, trace_maps

PROTOCOLS = [Protocol(steps=16), Protocol(steps=7, fill="grey", blur="gaussian", kernel=11)]


@pytest.fixture
def maps() -> np.ndarray:
    """A map of noise, and one of two halves, which is mostly ties."""
    noise = np.random.default_rng(0).normal(size=(128, 128))
    halves = np.zeros((128, 128))
    halves[:64] = 1
    return np.stack([noise, halves]).astype(np.float32)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=["zero", "grey"])
def test_the_network_says_of_the_pictures_what_the_curves_say(
    classifier: Classifier, batch: torch.Tensor, maps: np.ndarray, protocol: Protocol
) -> None:
    photo = batch[:1]
    trace = trace_maps(classifier, photo, maps, [1], protocol, photos=[0, 0])
    for step in range(protocol.steps + 1):
        frame = perturb_at(classifier, photo, maps, protocol, step)
        for name in ("insertion", "deletion"):
            colours = torch.from_numpy(getattr(frame, name)).permute(0, 3, 1, 2)
            seen = classifier.predict(classifier.normalise(colours))[:, 1]
            np.testing.assert_allclose(seen, getattr(trace, name)[:, step], atol=1e-4)


def test_the_ends_are_the_photo_the_fill_and_the_blur(
    classifier: Classifier, batch: torch.Tensor, maps: np.ndarray
) -> None:
    protocol = Protocol(steps=16, fill="black")
    photo = batch[:1]
    colours = classifier.denormalise(photo).permute(0, 2, 3, 1).numpy()[0]
    blurred = classifier.denormalise(blur_photos(photo, protocol)).permute(0, 2, 3, 1).numpy()[0]
    first = perturb_at(classifier, photo, maps, protocol, 0)
    last = perturb_at(classifier, photo, maps, protocol, 16)
    for index in range(2):
        np.testing.assert_allclose(first.deletion[index], colours, atol=1e-6)
        np.testing.assert_allclose(first.insertion[index], blurred, atol=1e-6)
        np.testing.assert_allclose(last.insertion[index], colours, atol=1e-6)
        np.testing.assert_allclose(last.deletion[index], 0, atol=1e-6)
    assert not first.moved.any()


def test_every_pixel_moves_once_and_the_most_salient_first(
    classifier: Classifier, batch: torch.Tensor, maps: np.ndarray
) -> None:
    protocol = Protocol(steps=16)
    moved = np.stack(
        [perturb_at(classifier, batch[:1], maps, protocol, step).moved for step in range(17)]
    )
    assert (moved.sum(0) == 1).all()
    assert (moved.sum((2, 3))[1:] == 128 * 128 // 16).all()
    noise, halves = maps
    assert noise[moved[1, 0]].min() >= noise[moved[2, 0]].max()
    # The upper half of the photo is worth more than the lower.
    assert moved[1:9, 1, :64].sum() == 64 * 128
    assert halves[moved[9, 1]].max() == 0


def test_an_array_that_is_no_map_is_refused(classifier: Classifier, batch: torch.Tensor) -> None:
    with pytest.raises(MetricError, match="not numbers"):
        perturb_at(classifier, batch[:1], np.full((1, 4, 4), np.nan), Protocol(), 3)
