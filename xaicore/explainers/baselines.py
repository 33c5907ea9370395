"""Reference pictures that a photo is compared with."""

from __future__ import annotations

import torch
from torchvision.transforms.functional import gaussian_blur

from xaicore.classifier import Classifier
from xaicore.explainers.base import Parameter

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
    colours = {
        "black": (0.0, 0.0, 0.0),
        "white": (1.0, 1.0, 1.0),
        "dataset-mean": classifier.dataset_mean,
    }
    colour = torch.tensor(colours[kind], device=batch.device).view(1, 3, 1, 1)
    return classifier.normalise(colour).expand_as(batch).contiguous()
