"""DeepLIFT: what differs from a reference photo, and how much it adds; through captum."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import torch
from captum.attr import DeepLift
from torch import nn
from torchvision.transforms.functional import gaussian_blur

from xaicore.classifier import Classifier
from xaicore.explainers.base import Explainer, Finding, Parameter, Proof, Task

# captum announces its hooks at every call; that they are gone afterwards is tested.
warnings.filterwarnings("ignore", message="Setting forward, backward hooks and attributes")

BASELINES = ("zero", "black", "white", "blurred", "dataset-mean")
DELTA_TOLERANCE = 0.01


class WeightedScore(nn.Module):
    """Logits [B, C] → the explained score [B], for as many copies of the photos as come in."""

    def __init__(self, net: nn.Module, weights: torch.Tensor) -> None:
        super().__init__()
        self.net = net
        self.weights = weights

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        logits = self.net(batch)
        copies = len(logits) // len(self.weights)
        return (logits * self.weights.repeat(copies, 1)).sum(1)


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


def compute(task: Task, baseline: str) -> Finding:
    net = WeightedScore(task.classifier.private_net(), task.weights())
    reference = make_baseline(task.classifier, task.batch, baseline)
    attributions, delta = DeepLift(net).attribute(
        task.batch.clone().requires_grad_(), reference, return_convergence_delta=True
    )
    with torch.inference_mode():
        change = net(task.batch) - net(reference)
    return Finding(
        maps=attributions.detach().sum(1),
        checks={"convergence_delta": delta, "score_change": change},
    )


def prove(checks: Mapping[str, float]) -> Proof:
    change = checks["score_change"]
    share = abs(checks["convergence_delta"]) / max(abs(change), 1e-6)
    text = f"adds up to the change of {change:.2f} within {share:.2%}"
    if share <= DELTA_TOLERANCE:
        return Proof(text, good=True)
    return Proof(
        text,
        good=False,
        reason="The contributions miss part of the change in score, so read the map with care.",
    )


DEEPLIFT = Explainer(
    name="deeplift",
    label="DeepLIFT",
    compute=compute,
    prove=prove,
    parameters=(
        Parameter(
            "baseline",
            "Baseline",
            "zero",
            "The picture the photo is compared with; zero is the mean colour of the normalisation.",
            choices=BASELINES,
        ),
    ),
    summary="Compares each neuron with what it says for a reference picture, and adds up.",
    citation="Shrikumar et al. 2017",
    colour="#009E73",
)
