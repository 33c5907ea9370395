"""Layer-wise relevance propagation, through zennit."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from zennit.composites import SpecialFirstLayerMapComposite, layer_map_base
from zennit.core import Composite, Hook, Stabilizer
from zennit.rules import AlphaBeta, Epsilon, Flat, Gamma, ZBox, ZPlus
from zennit.types import Convolution, Linear

from xaicore.explainers.base import Attribution, AttributionTask, Explainer, Parameter, Proof
from xaicore.networks.canonical import Gate

STUDY_COMPOSITE = "epsilon-alpha2-beta1-flat"
# Name → rule of the first layer (none: as the others) and of all other convolutions.
COMPOSITES = {
    STUDY_COMPOSITE: ("flat", "alpha-beta"),
    "epsilon-alpha2-beta1": ("", "alpha-beta"),
    "epsilon-plus-flat": ("flat", "plus"),
    "epsilon-plus": ("", "plus"),
    "epsilon-gamma-box": ("box", "gamma"),
    "epsilon": ("", "epsilon"),
}
EPSILONS = (1e-6, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
GAMMA = 0.25


class SignalTakesAll(torch.autograd.Function):
    """A product whose relevance goes to the signal, none to the gate (Arras et al. 2017)."""

    @staticmethod
    def forward(ctx: Any, signal: torch.Tensor, gate: torch.Tensor) -> torch.Tensor:
        ctx.gate_shape = gate.shape
        return signal * gate

    @staticmethod
    def backward(ctx: Any, relevance: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return relevance, relevance.new_zeros(ctx.gate_shape)


class AnyAlphaBeta(AlphaBeta):
    """zennit's α-β rule for any α, with β = α − 1 by construction (zennit asks for it exactly).

    Contributions come in two halves, positive and negative, each made by positive and by negative
    inputs. After a ReLU there are no negative inputs, and half of the work is left out.
    """

    input_modifiers: Sequence[Any]
    param_modifiers: Sequence[Any]
    output_modifiers: Sequence[Any]

    def __init__(self, alpha: float, stabilizer: Stabilizer) -> None:
        super().__init__(alpha=2.0, beta=1.0, stabilizer=stabilizer)
        beta = alpha - 1

        def share(relevance: torch.Tensor, outputs: list[torch.Tensor]) -> list[torch.Tensor]:
            half = len(outputs) // 2
            positive, negative = add_up(outputs[:half]), add_up(outputs[half:])
            return [relevance / stabilizer(positive)] * half + [
                relevance / stabilizer(negative)
            ] * half

        def gather(inputs: list[torch.Tensor], gradients: list[torch.Tensor]) -> torch.Tensor:
            parts = [value * gradient for value, gradient in zip(inputs, gradients, strict=True)]
            half = len(parts) // 2
            return alpha * add_up(parts[:half]) - beta * add_up(parts[half:])

        self.gradient_mapper = share
        self.reducer = gather

    def backward(self, module: nn.Module, grad_input: Any, grad_output: Any) -> Any:
        if (self.stored_tensors["input"][0] >= 0).all():
            self.input_modifiers = self.input_modifiers[::2]
            self.param_modifiers = self.param_modifiers[::2]
            self.output_modifiers = self.output_modifiers[::2]
        return super().backward(module, grad_input, grad_output)


def add_up(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    return functools.reduce(torch.add, parts)


def relative_stabilizer(epsilon: float) -> Stabilizer:
    """ε in units of the root mean square of each layer's denominators, per photo."""
    return Stabilizer(epsilon=epsilon, norm_scale=True)


def build_composite(
    name: str, alpha: float, stabilizer: Stabilizer, bounds: tuple[torch.Tensor, torch.Tensor]
) -> Composite:
    """Assign a rule to every layer: one to the first, one to convolutions, ε to linear layers.

    ``bounds`` are the lowest and highest inputs a photo can have, float32 [1, channels, 1, 1]
    each, for the box rule.
    """
    rules: dict[str, Hook] = {
        "alpha-beta": AnyAlphaBeta(alpha, stabilizer),
        "plus": ZPlus(stabilizer=stabilizer),
        "gamma": Gamma(gamma=GAMMA, stabilizer=stabilizer),
        "epsilon": Epsilon(epsilon=stabilizer),
        "flat": Flat(stabilizer=stabilizer),
        "box": ZBox(*bounds, stabilizer=stabilizer),
    }
    first, hidden = COMPOSITES[name]
    layers = [
        *layer_map_base(stabilizer),
        (Convolution, rules[hidden]),
        (nn.Linear, rules["epsilon"]),
    ]
    first_map = [(Linear, rules[first])] if first else []
    return SpecialFirstLayerMapComposite(layer_map=layers, first_map=first_map)


def compute(task: AttributionTask, composite: str, alpha: float, epsilon: float) -> Attribution:
    classifier = task.classifier
    weights = task.weights()
    net = task.private_net()
    for layer in net.modules():
        if isinstance(layer, Gate):
            layer.product = SignalTakesAll.apply
    black, white = (classifier.normalise(shade) for shade in _extremes(task.batch))
    rules = build_composite(composite, alpha, relative_stabilizer(epsilon), (black, white))
    photos = task.batch.clone().requires_grad_()
    with rules.context(net) as hooked:
        logits = hooked(photos)
        (relevance,) = torch.autograd.grad(logits, photos, logits.detach() * weights)
    return Attribution(
        maps=relevance.sum(1),
        checks={
            "relevance_sum": relevance.sum((1, 2, 3)),
            "score": (logits.detach() * weights).sum(1),
        },
    )


def _extremes(batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Black and white in as many channels as photos have, float32 [1, channels, 1, 1]."""
    black = torch.zeros_like(batch[:1, :, :1, :1])
    return black, torch.ones_like(black)


def prove(checks: Mapping[str, float]) -> Proof:
    total, score = checks["relevance_sum"], checks["score"]
    text = f"relevance sums to {total:.2f} of a score of {score:.2f}"
    if abs(total - score) <= 0.2 * abs(score):
        return Proof(text, good=True)
    return Proof(
        text,
        good=False,
        reason="Biases and ε keep the rest, so read the map for where, not for how much.",
    )


LRP = Explainer(
    name="lrp",
    label="LRP",
    compute=compute,
    prove=prove,
    parameters=(
        Parameter(
            "composite",
            "Rules",
            STUDY_COMPOSITE,
            "Which rule each kind of layer follows when it hands relevance back.",
            choices=tuple(COMPOSITES),
        ),
        Parameter(
            "alpha",
            "α",
            2.0,
            "Weight of evidence for; β = α − 1 weighs evidence against. Only in the α-β rules.",
            low=1.0,
            high=4.0,
            step=0.1,
            note=lambda alpha: f"β = α − 1 = {alpha - 1:.1f}",
        ),
        Parameter(
            "epsilon",
            "ε",
            1e-6,
            "Damps weak and conflicting evidence; relative to each layer's typical magnitude.",
            choices=EPSILONS,
        ),
    ),
    summary="Hands the class score back, layer by layer, to the pixels that carried it.",
    citation="Bach et al. 2015",
    colour="#0072B2",
    canonical=True,
)
