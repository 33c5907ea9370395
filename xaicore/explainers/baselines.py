"""Reference pictures, and what the methods that compare a photo with one have in common."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torchvision.transforms.functional import gaussian_blur

from xaicore.explainers.base import Attribution, Parameter, Proof
from xaicore.networks.classifier import Classifier

BASELINES = ("zero", "black", "white", "blurred", "dataset-mean")

BASELINE = Parameter(
    "baseline",
    "Baseline",
    "zero",
    "The picture the photo is compared with; zero is the mean colour of the normalisation.",
    choices=BASELINES,
)


def make_baseline(classifier: Classifier, batch: torch.Tensor, kind: str) -> torch.Tensor:
    """Reference photos on the network's input scale, shaped like ``batch`` [B, 3, H, W]."""
    if kind == "zero":
        return torch.zeros_like(batch)
    if kind == "blurred":
        size = batch.shape[-1] // 8 * 2 + 1
        return gaussian_blur(batch, [size, size])
    colours = {"black": (0.0,), "white": (1.0,), "dataset-mean": classifier.dataset_mean}
    shade = torch.tensor(colours[kind], device=batch.device).view(1, -1, 1, 1)
    colour = shade.expand(1, batch.shape[1], 1, 1)
    return classifier.normalise(colour).expand_as(batch).contiguous()


def to_attribution(attributions: torch.Tensor, delta: torch.Tensor) -> Attribution:
    """Contributions [B, 3, H, W] and captum's convergence delta [B] → map and proofs.

    The delta is what the contributions add up to, less the change in score that they should.
    """
    attributions = attributions.detach()
    change = attributions.sum((1, 2, 3)) - delta
    return Attribution(
        attributions.sum(1), checks={"convergence_delta": delta, "score_change": change}
    )


def prove_sum(checks: Mapping[str, float], tolerance: float, reason: str) -> Proof:
    """Whether the contributions add up to the change in score, to a share of it."""
    change = checks["score_change"]
    share = abs(checks["convergence_delta"]) / max(abs(change), 1e-6)
    good = bool(share <= tolerance)
    text = f"adds up to the change of {change:.2f} within {share:.2%}"
    return Proof(text, good, "" if good else reason)
