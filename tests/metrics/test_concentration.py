"""How much of a map lies on few pixels, by hand and beside the definition restated."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.metrics import restated
from tests.metrics.conftest import make_batch, make_classifier, make_maps
from xaicore import METRICS, score_maps
from xaicore.metrics.perturbation import trace_maps

BOTH = ["sparseness", "entropy"]


def measure(saliency: np.ndarray) -> tuple[float, float]:
    height, width = saliency.shape
    batch = make_batch(1, height, width)
    row = score_maps(make_classifier(), batch, saliency[None].astype(np.float32), None, BOTH)
    return float(row.loc[0, "sparseness"]), float(row.loc[0, "entropy"])


@pytest.mark.parametrize("value", [0.3, -2.0])
def test_a_map_that_is_the_same_everywhere(value: float) -> None:
    sparseness, entropy = measure(np.full((8, 16), value))
    assert sparseness == pytest.approx(0, abs=1e-12)
    assert entropy == pytest.approx(math.log2(128), abs=1e-12)


def test_a_map_of_one_pixel() -> None:
    saliency = np.zeros((8, 16))
    saliency[3, 5] = -7
    sparseness, entropy = measure(saliency)
    assert sparseness == pytest.approx(1 - 1 / 128, abs=1e-12)
    assert entropy == 0


def test_by_hand() -> None:
    """Shares 1/8, 1/8, 1/4, 1/2: 1 − 2 (3.5/8 + 2.5/8 + 1.5/4 + 0.5/2)/4 = 5/16; 1¾ bits."""
    saliency = np.repeat(np.repeat([[1.0, -1.0], [2.0, 4.0]], 8, axis=0), 8, axis=1)
    sparseness, entropy = measure(saliency)
    assert sparseness == pytest.approx(5 / 16, abs=1e-12)
    # 64 pixels share what one had.
    assert entropy == pytest.approx(1.75 + 6, abs=1e-12)


def test_a_map_that_is_0_everywhere_has_neither() -> None:
    assert np.isnan(measure(np.zeros((16, 16)))).all()
    trace = trace_maps(
        make_classifier(), make_batch(1, 16, 16), np.zeros((1, 16, 16)), needs=["maps"]
    )
    assert all("0 everywhere" in METRICS[name].caveat(trace) for name in BOTH)


@pytest.mark.parametrize("seed", range(3))
def test_random_maps_beside_the_definition(seed: int) -> None:
    saliency = make_maps(1, 12, 11, seed)[0]
    found = measure(saliency)
    assert found == pytest.approx((restated.gini(saliency), restated.bits(saliency)), abs=1e-9)


def test_maps_alone_cost_no_pass_but_the_clean_one() -> None:
    trace = trace_maps(
        make_classifier(), make_batch(2, 16, 16), make_maps(2, 16, 16), needs=["maps"]
    )
    assert trace.insertion is trace.deletion is trace.kept is trace.removed is None
    np.testing.assert_allclose(trace.read("maps"), make_maps(2, 16, 16))
