"""Calibration error and temperature, against figures worked by hand or known beforehand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.conftest import SMALL_STAGES
from xaicore.networks.petnet import PetNet
from xaicore.training.calibration import (
    MOST_EXTREME_TEMPERATURE,
    divide_logits,
    expected_calibration_error,
    fit_temperature,
)


def two_classes(cat: list[float]) -> np.ndarray:
    return np.array([[p, 1 - p] for p in cat])


def test_calibration_error_worked_by_hand() -> None:
    probabilities = two_classes([0.9, 0.8, 0.8, 0.6])
    labels = np.array([0, 1, 0, 1])
    # (0.8, 1]: one photo, sure 0.9, right 1.   gap 0.1, a quarter of the photos
    # (0.6, 0.8]: two photos, sure 0.8, right ½. gap 0.3, half
    # (0.4, 0.6]: one photo, sure 0.6, right 0.  gap 0.6, a quarter
    error = expected_calibration_error(probabilities, labels, bins=5)
    assert error == pytest.approx(0.25 * 0.1 + 0.5 * 0.3 + 0.25 * 0.6)


def test_gaps_cancel_within_a_bin_only() -> None:
    probabilities = two_classes([0.75, 0.75, 0.75, 0.75])
    assert expected_calibration_error(probabilities, np.array([0, 0, 0, 1])) == pytest.approx(0)
    apart = two_classes([0.95, 0.55])
    assert expected_calibration_error(apart, np.array([1, 0])) == pytest.approx((0.95 + 0.45) / 2)


def test_certainty_counts_in_the_last_bin() -> None:
    probabilities = two_classes([1.0, 1.0, 0.0, 0.0])
    assert expected_calibration_error(probabilities, np.array([0, 0, 1, 1])) == 0
    assert expected_calibration_error(probabilities, np.array([0, 0, 1, 0])) == pytest.approx(0.25)


@pytest.mark.parametrize("known", [0.5, 1.0, 3.0])
def test_a_known_temperature_is_found(known: float) -> None:
    generator = torch.Generator().manual_seed(0)
    honest = 2 * torch.randn(20_000, 2, generator=generator)
    labels = torch.multinomial(honest.softmax(1), 1, generator=generator).squeeze(1)
    logits = honest * known
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(known, rel=0.03)
    least = F.cross_entropy(logits / found, labels)
    assert least <= F.cross_entropy(logits / (found * 1.02), labels)
    assert least <= F.cross_entropy(logits / (found / 1.02), labels)


def test_a_set_without_a_mistake_gives_a_finite_temperature() -> None:
    logits = torch.tensor([[3.0, -1.0], [-2.0, 2.0]])
    found = fit_temperature(logits, torch.tensor([0, 1]))
    assert 1 / MOST_EXTREME_TEMPERATURE <= found < 1
    assert fit_temperature(logits, torch.tensor([1, 0])) <= MOST_EXTREME_TEMPERATURE


@torch.inference_mode()
def test_the_temperature_divides_every_logit() -> None:
    torch.manual_seed(0)
    net = PetNet(SMALL_STAGES)
    batch = torch.randn(3, 3, 128, 128)
    before = net(batch)
    divide_logits(net, 2.5)
    torch.testing.assert_close(net(batch), before / 2.5)
