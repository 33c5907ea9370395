"""DeepLIFT: what differs from a reference photo, and how much it adds; through captum."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import torch
from captum.attr import DeepLift
from torch import nn

from xaicore.explainers.base import Attribution, AttributionTask, Explainer, Proof, WeightedScore
from xaicore.explainers.baselines import BASELINE, make_baseline, prove_sum, to_attribution
from xaicore.networks.operations import Activation, Gate, Maximum, Softmax

# captum announces its hooks at every call; that they are gone afterwards is tested.
warnings.filterwarnings("ignore", message="Setting forward, backward hooks and attributes")

DELTA_TOLERANCE = 0.01
# A change in input below which an activation counts as unchanged, as in captum.
STILL = 1e-10

Compute = Callable[..., torch.Tensor]


class Rescale(torch.autograd.Function):
    """An activation whose multiplier is its change in value over its change in input.

    Where the input does not change, it is the derivative. captum stacks photos and baselines along
    the batch. (captum's own hooks misread the multipliers of one activation behind another.)
    """

    @staticmethod
    def forward(ctx: Any, compute: Compute, values: torch.Tensor) -> torch.Tensor:
        ctx.compute = compute
        results = compute(values)
        ctx.save_for_backward(values, results)
        return results

    @staticmethod
    def backward(ctx: Any, multiplier: torch.Tensor) -> tuple[None, torch.Tensor]:
        values, results = ctx.saved_tensors
        change = _change(values)
        still = change.abs() < STILL
        rescaled = multiplier * _change(results) / change.masked_fill(still, 1)
        if still.any():
            rescaled = torch.where(still, _gradient(ctx.compute, values, multiplier), rescaled)
        return None, rescaled


class RescaledMaximum(torch.autograd.Function):
    """A maximum whose change goes to where it stood: in the photo, in the baseline, or in both.

    What it rises is owed to the photo's largest value, what it falls to the baseline's.
    """

    @staticmethod
    def forward(ctx: Any, compute: Compute, values: torch.Tensor) -> torch.Tensor:
        ctx.compute = compute
        results = compute(values)
        ctx.save_for_backward(values, results)
        return results

    @staticmethod
    def backward(ctx: Any, multiplier: torch.Tensor) -> tuple[None, torch.Tensor]:
        values, results = ctx.saved_tensors
        photo, baseline = results.chunk(2)
        top = torch.maximum(photo, baseline)
        rise_and_fall = torch.cat([top - baseline, photo - top])
        shares = _gradient(ctx.compute, values, multiplier * rise_and_fall)
        change = _change(values)
        still = change.abs() < STILL
        rescaled = _twice(sum(shares.chunk(2))) / change.masked_fill(still, 1)
        return None, torch.where(still, _gradient(ctx.compute, values, multiplier), rescaled)


class RescaledSoftmax(torch.autograd.Function):
    """A softmax derived at the logarithmic means of the photo's and the baseline's shares.

    Δp = L·(Δx − Δ log Σ exp x), L = Δp / Δ log p. Shares always add up to one, so
    Δ log Σ exp x = Σ L·Δx / Σ L, and the contributions add up.
    """

    @staticmethod
    def forward(ctx: Any, axis: int, compute: Compute, values: torch.Tensor) -> torch.Tensor:
        ctx.axis = axis
        ctx.save_for_backward(values)
        return compute(values)

    @staticmethod
    def backward(ctx: Any, multiplier: torch.Tensor) -> tuple[None, None, torch.Tensor]:
        (values,) = ctx.saved_tensors
        logarithms = values.log_softmax(ctx.axis)
        shares, change = logarithms.exp(), _change(logarithms)
        still = change.abs() < STILL
        means = torch.where(still, shares, _change(shares) / change.masked_fill(still, 1))
        common = (multiplier * means).sum(ctx.axis, keepdim=True)
        common = common / means.sum(ctx.axis, keepdim=True)
        return None, None, means * (multiplier - common)


class MidpointProduct(torch.autograd.Function):
    """A product whose multipliers make its change add up: each factor takes the other's midpoint.

    Δ(ab) = Δa·(b + b₀)/2 + Δb·(a + a₀)/2.
    """

    @staticmethod
    def forward(
        ctx: Any, compute: Compute, signal: torch.Tensor, gate: torch.Tensor
    ) -> torch.Tensor:
        ctx.save_for_backward(signal, gate)
        return compute(signal, gate)

    @staticmethod
    def backward(ctx: Any, multiplier: torch.Tensor) -> tuple[None, torch.Tensor, torch.Tensor]:
        signal, gate = ctx.saved_tensors
        to_signal, to_gate = multiplier * _midpoint(gate), multiplier * _midpoint(signal)
        return None, to_signal.sum_to_size(signal.shape), to_gate.sum_to_size(gate.shape)


def _change(values: torch.Tensor) -> torch.Tensor:
    photo, baseline = values.chunk(2)
    return _twice(photo - baseline)


def _midpoint(values: torch.Tensor) -> torch.Tensor:
    photo, baseline = values.chunk(2)
    return _twice((photo + baseline) / 2)


def _twice(values: Any) -> torch.Tensor:
    """The same for photos and for baselines."""
    return torch.cat([values, values])


def _gradient(compute: Compute, values: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    with torch.enable_grad():
        values = values.detach().requires_grad_()
        return torch.autograd.grad(compute(values), values, weights)[0]


def set_rules(net: nn.Module) -> None:
    """Give every operation of a canonical network its rule; what is affine needs none."""
    for layer in net.modules():
        if isinstance(layer, Activation):
            layer.rule = Rescale.apply
        elif isinstance(layer, Maximum):
            layer.rule = RescaledMaximum.apply
        elif isinstance(layer, Softmax):
            layer.rule = functools.partial(RescaledSoftmax.apply, layer.settings["dim"])
        elif isinstance(layer, Gate):
            layer.rule = MidpointProduct.apply


def compute(task: AttributionTask, baseline: str) -> Attribution:
    private = task.private_net()
    set_rules(private)
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
