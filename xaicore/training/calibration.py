"""Make probabilities honest: how far they are off, and the one number that mends most of it."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from xaicore.networks.petnet import PetNet

BINS = 15
# Where every photo is right the likelihood has no optimum, and the search stops here.
MOST_EXTREME_TEMPERATURE = 20.0


def expected_calibration_error(
    probabilities: np.ndarray, labels: np.ndarray, bins: int = BINS
) -> float:
    """Mean gap between confidence and accuracy, weighted by the photos in each bin, in 0…1.

    ``probabilities`` [N, C], ``labels`` int [N]; ``bins`` of equal width over the winning
    probability, each closed above. Guo et al. 2017, "On calibration of modern neural networks".
    """
    confidence = probabilities.max(1)
    right = probabilities.argmax(1) == labels
    places = np.clip(np.ceil(confidence * bins) - 1, 0, bins - 1).astype(int)
    gaps = np.bincount(places, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def fit_temperature(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """The divisor of ``logits`` [N, C] under which ``labels`` [N] are the most likely.

    Minimises the negative log-likelihood by L-BFGS. Guo et al. 2017.
    """
    logits = logits.double()
    free = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([free], max_iter=100, line_search_fn="strong_wolfe")

    def temperature() -> torch.Tensor:
        return MOST_EXTREME_TEMPERATURE ** torch.tanh(free)

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = F.cross_entropy(logits / temperature(), labels)
        value.backward()
        return value

    optimiser.step(loss)
    return temperature().item()


def divide_logits(net: PetNet, temperature: float) -> None:
    """Build a temperature into the last linear layer, in place."""
    last = net.model[-1]
    assert isinstance(last, nn.Linear)
    last.weight.data /= temperature
    last.bias.data /= temperature
