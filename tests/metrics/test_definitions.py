"""Every score equals its definition, restated slowly, on whatever a map may be."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.metrics import restated
from tests.metrics.conftest import make_batch, make_classifier, make_maps
from xaicore import METRICS, PROTOCOLS, Classifier, MetricError, Protocol, score_maps
from xaicore.metrics import needs_remaking
from xaicore.metrics.perturbation import blur_photos, fit_maps, trace_maps

EVERY = [name for name, metric in METRICS.items() if not needs_remaking(metric)]


def agree(
    classifier: Classifier,
    batch: torch.Tensor,
    maps: np.ndarray,
    protocol: Protocol,
    targets: list[int] | None = None,
) -> None:
    found = score_maps(classifier, batch, maps, targets, EVERY, protocol)
    trace = trace_maps(classifier, batch, maps, targets, protocol)
    chosen = targets or classifier.predict(batch).argmax(1).tolist()
    for index, target in enumerate(chosen):
        photo = batch[index].double().numpy()
        saliency = restated.fit(maps[index], *photo.shape[1:])
        curves = restated.curves(classifier, photo, saliency, target, protocol)
        traced = (trace.insertion, trace.deletion, trace.fractions[None], trace.saliency)
        for values, rows in zip(curves, traced, strict=True):
            assert rows is not None
            np.testing.assert_allclose(rows[index % len(rows)], values, atol=1e-5)
        expected = restated.scores(classifier, photo, maps[index], target, protocol)
        np.testing.assert_allclose(
            [found.loc[index, name] for name in EVERY],
            [expected[name] for name in EVERY],
            atol=1e-5,
            err_msg=str(EVERY),
        )


@pytest.mark.parametrize("seed", range(4))
def test_random_maps_on_random_networks(seed: int) -> None:
    agree(
        make_classifier(seed),
        make_batch(2, 16, 16, seed),
        make_maps(2, 16, 16, seed),
        Protocol(steps=16),
    )


@pytest.mark.parametrize(("height", "width"), [(15, 15), (13, 19), (17, 8), (33, 47)])
def test_odd_sizes(height: int, width: int) -> None:
    agree(
        make_classifier(),
        make_batch(2, height, width),
        make_maps(2, height, width),
        Protocol(steps=10),
    )


@pytest.mark.parametrize("size", [8, 14])
def test_maps_smaller_than_the_photo(size: int) -> None:
    agree(make_classifier(), make_batch(2, 28, 28), make_maps(2, size, size), Protocol(steps=14))


@pytest.mark.parametrize("size", [3, 8, 14])
@pytest.mark.parametrize(("height", "width"), [(16, 16), (33, 47)])
def test_stretched_maps_are_bilinear(size: int, height: int, width: int) -> None:
    maps = make_maps(1, size, size)
    stretched = fit_maps(maps, torch.zeros(1, dtype=torch.int64), make_batch(1, height, width))
    np.testing.assert_allclose(stretched[0], restated.resize(maps[0], height, width), atol=1e-5)


@pytest.mark.parametrize("steps", [2, 7, 100, 255, 256])
def test_steps_that_do_not_divide_the_pixels(steps: int) -> None:
    agree(make_classifier(1), make_batch(1, 16, 16), make_maps(1, 16, 16), Protocol(steps=steps))


def test_ties_follow_the_seed() -> None:
    maps = np.kron(make_maps(2, 4, 4).round(), np.ones((4, 4))).astype(np.float32)
    assert len(np.unique(maps[0])) < 8
    for seed in (0, 5):
        agree(make_classifier(2), make_batch(2, 16, 16), maps, Protocol(steps=16, seed=seed))


@pytest.mark.parametrize("value", [-0.3, 0.0, 0.1])
def test_constant_maps(value: float) -> None:
    maps = np.full((2, 16, 16), value, dtype=np.float32)
    rows = score_maps(make_classifier(), make_batch(2, 16, 16), maps, None, EVERY)
    assert rows[["ic", "dc"]].isna().all(axis=None)
    assert rows[["iauc", "dauc"]].notna().all(axis=None)
    assert rows["ad"].isna().all() == (value <= 0)
    agree(make_classifier(), make_batch(2, 16, 16), maps, Protocol(steps=16))


def test_all_negative_maps_have_no_mask_but_an_order() -> None:
    maps = -np.abs(make_maps(2, 16, 16)) - 0.1
    rows = score_maps(make_classifier(), make_batch(2, 16, 16), maps, None, EVERY)
    assert rows[["ad", "iic", "ad_signed", "iic_mean", "add"]].isna().all(axis=None)
    assert rows[["iauc", "dauc", "ic", "dc"]].notna().all(axis=None)
    agree(make_classifier(), make_batch(2, 16, 16), maps, Protocol(steps=16))


@pytest.mark.parametrize("fill", ["zero", "black", "grey", "white", "blurred"])
def test_every_fill(fill: str) -> None:
    agree(
        make_classifier(3),
        make_batch(2, 16, 16),
        make_maps(2, 16, 16),
        Protocol(steps=8, fill=fill),
    )


@pytest.mark.parametrize("name", list(PROTOCOLS))
def test_presets(name: str) -> None:
    agree(make_classifier(), make_batch(1, 16, 16), make_maps(1, 16, 16), PROTOCOLS[name])


def test_the_box_blur_of_the_default_is_25_pixels_at_128() -> None:
    batch = make_batch(1, 128, 128)
    blurred = blur_photos(batch, Protocol())[0].numpy()
    patch = batch[0, :, 40 - 12 : 40 + 13, 60 - 12 : 60 + 13].numpy().mean((1, 2))
    np.testing.assert_allclose(blurred[:, 40, 60], patch, atol=1e-5)
    corner = batch[0, :, :13, :13].numpy().sum((1, 2)) / 25**2
    np.testing.assert_allclose(blurred[:, 0, 0], corner, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(60, 20), (20, 60)])
def test_the_blur_goes_by_the_height(height: int, width: int) -> None:
    """60 rows are blurred by 13 pixels, 20 rows by 9, however wide they are."""
    batch = make_batch(1, height, width)
    expected = restated.blur(batch[0].double().numpy(), Protocol())
    np.testing.assert_allclose(blur_photos(batch, Protocol())[0], expected, atol=1e-5)


def test_petnet_on_a_picture_that_is_not_square(classifier: Classifier) -> None:
    # Of a smooth photo a blur changes so little that steps correlate with float32's rounding.
    rough = torch.randn(2, 3, 40, 56, generator=torch.Generator().manual_seed(0))
    agree(classifier, rough, make_maps(2, 14, 14), Protocol(steps=12))


def test_the_other_class() -> None:
    agree(
        make_classifier(),
        make_batch(2, 16, 16),
        make_maps(2, 16, 16),
        Protocol(steps=8),
        targets=[0, 1],
    )


def test_a_probability_of_exactly_one() -> None:
    """In float32 and float64 alike p reads 1; the increase is still seen in the log-odds."""
    classifier = make_classifier(gain=1e4)
    batch = make_batch(3, 16, 16)
    assert (classifier.predict(batch).max(1) == 1.0).all()
    found = score_maps(classifier, batch, make_maps(3, 16, 16), None, EVERY)
    assert np.isfinite(found["ad"]).all()
    # Dimming a linear network's photo towards its answer makes it surer.
    first = torch.nn.Conv2d(3, 2, 4)
    with torch.no_grad():
        first.weight.zero_()
        first.weight[0] = -1.0
        first.bias = torch.nn.Parameter(torch.tensor([100.0, 0.0]))
    net = torch.nn.Sequential(first, torch.nn.Flatten())
    certain = Classifier(net, ("cat", "dog"), 4, target_layer="0", device="cpu")
    photo = torch.ones(1, 3, 4, 4)
    assert certain.predict(photo)[0, 0] == 1.0
    ramp = np.linspace(0, 1, 16, dtype=np.float32).reshape(1, 4, 4)
    rows = score_maps(certain, photo, ramp, None, EVERY, Protocol(steps=4))
    assert rows.loc[0, "iic"] == 1
    assert rows.loc[0, "iic_mean"] == 0
    assert np.isnan(rows.loc[0, "ic"])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_a_number_is_refused(bad: float) -> None:
    maps = make_maps(1, 16, 16)
    maps[0, 3, 3] = bad
    with pytest.raises(MetricError, match="not numbers"):
        score_maps(make_classifier(), make_batch(1, 16, 16), maps)


@pytest.mark.parametrize("shape", [(16, 16), (2, 16, 16), (1, 3, 16, 16)])
def test_maps_of_another_number_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(MetricError, match="one map"):
        score_maps(make_classifier(), make_batch(1, 16, 16), np.zeros(shape))


def test_more_steps_than_pixels_are_refused() -> None:
    with pytest.raises(MetricError, match="too few for 300 steps"):
        score_maps(
            make_classifier(),
            make_batch(1, 16, 16),
            make_maps(1, 16, 16),
            protocol=Protocol(steps=300),
        )
