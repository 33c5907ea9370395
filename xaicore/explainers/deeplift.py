"""DeepLIFT: what differs from a reference photo, and how much it adds; through captum."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from captum.attr import DeepLift

from xaicore.explainers.base import Attribution, AttributionTask, Explainer, Proof, WeightedScore
from xaicore.explainers.baselines import BASELINE, make_baseline, prove_sum, to_attribution
from xaicore.networks.canonical import Gate

# captum announces its hooks at every call; that they are gone afterwards is tested.
warnings.filterwarnings("ignore", message="Setting forward, backward hooks and attributes")

DELTA_TOLERANCE = 0.01


class MidpointProduct(torch.autograd.Function):
    """A product whose multipliers make its change add up: each factor takes the other's midpoint.

    Δ(ab) = Δa·(b + b₀)/2 + Δb·(a + a₀)/2. captum stacks photos and baselines along the batch.
    """

    @staticmethod
    def forward(ctx: Any, signal: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(signal, gate)
        return signal * gate

    @staticmethod
    def backward(ctx: Any, multiplier: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        signal, gate = ctx.saved_tensors
        to_gate = multiplier * _midpoint(signal)
        shared = [axis for axis, length in enumerate(gate.shape) if length < to_gate.shape[axis]]
        return multiplier * _midpoint(gate), to_gate.sum(shared, keepdim=True)


def _midpoint(values: torch.Tensor) -> torch.Tensor:
    photo, baseline = values.chunk(2)
    return ((photo + baseline) / 2).repeat(2, *[1] * (values.ndim - 1))


def compute(task: AttributionTask, baseline: str) -> Attribution:
    private = task.private_net()
    for layer in private.modules():
        if isinstance(layer, Gate):
            layer.product = MidpointProduct.apply
    net = WeightedScore(private, task.weights())
    reference = make_baseline(task.classifier, task.batch, baseline)
    attributions, delta = DeepLift(net).attribute(
        task.batch.clone().requires_grad_(), reference, return_convergence_delta=True
    )
    return to_attribution(attributions, delta)


def prove(checks: Mapping[str, float]) -> Proof:
    return prove_sum(
        checks,
        DELTA_TOLERANCE,
        "The contributions miss part of the change in score, so read the map with care.",
    )


DEEPLIFT = Explainer(
    name="deeplift",
    label="DeepLIFT",
    compute=compute,
    prove=prove,
    parameters=(BASELINE,),
    summary="Compares each neuron with what it says for a reference picture, and adds up.",
    citation="Shrikumar et al. 2017",
    colour="#009E73",
    canonical=True,
)
