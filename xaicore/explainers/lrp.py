"""Layer-wise relevance propagation, through zennit."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import zennit.layer
from torch import nn
from zennit.composites import NameLayerMapComposite
from zennit.core import BasicHook, Composite, Hook, Stabilizer
from zennit.rules import AlphaBeta, Epsilon, Flat, Gamma, NoMod, Norm, Pass, ZBox, ZPlus
from zennit.types import Convolution

from xaicore.explainers.base import Attribution, AttributionTask, Explainer, Parameter, Proof
from xaicore.networks.canonical import Canonical
from xaicore.networks.operations import Activation, Affine, Gate, Scale

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
    def forward(
        ctx: Any,
        compute: Callable[..., torch.Tensor],
        signal: torch.Tensor,
        gate: torch.Tensor,
    ) -> torch.Tensor:
        ctx.shapes = signal.shape, gate.shape
        return compute(signal, gate)

    @staticmethod
    def backward(ctx: Any, relevance: torch.Tensor) -> tuple[None, torch.Tensor, torch.Tensor]:
        signal, gate = ctx.shapes
        return None, relevance.sum_to_size(signal), relevance.new_zeros(gate)


class Spread(BasicHook):
    """What is affine and runs before the first layer: shares by its factors, not by its inputs.

    The special rules of the first layer hand out relevance whatever the inputs are; divided by
    inputs near zero it would grow without bound.
    """

    def __init__(self, stabilizer: Stabilizer) -> None:
        super().__init__(
            input_modifiers=[torch.ones_like, torch.zeros_like],
            param_modifiers=[NoMod(param_keys=[])] * 2,
            gradient_mapper=lambda relevance, outputs: [
                relevance / stabilizer(outputs[0] - outputs[1]),
                torch.zeros_like(relevance),
            ],
            reducer=lambda inputs, gradients: gradients[0],
        )


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


class RelativeStabilizer(Stabilizer):
    """ε in units of the root mean square of each layer's denominators, per photo."""

    def __init__(self, epsilon: float) -> None:
        super().__init__(epsilon=epsilon, norm_scale=True)

    def __call__(self, denominators: torch.Tensor) -> torch.Tensor:
        stable = super().__call__(denominators)
        return stable.masked_fill(stable == 0, 1)  # a layer that is silent throughout


def build_composite(
    name: str,
    alpha: float,
    stabilizer: Stabilizer,
    canonical: Canonical,
    bounds: Mapping[str, tuple[torch.Tensor, torch.Tensor]],
) -> Composite:
    """Assign a rule to every layer: one to the first, one to convolutions, ε to linear layers.

    ``bounds`` are the lowest and highest inputs of each first layer, for the box rule.
    """
    rules: dict[str, Hook] = {
        "alpha-beta": AnyAlphaBeta(alpha, stabilizer),
        "plus": ZPlus(stabilizer=stabilizer),
        "gamma": Gamma(gamma=GAMMA, stabilizer=stabilizer),
        "epsilon": Epsilon(epsilon=stabilizer),
    }
    first, hidden = COMPOSITES[name]
    layers = [
        (Activation | Scale, Pass()),
        (Affine | zennit.layer.Sum, Norm(stabilizer=stabilizer)),
        (Convolution, rules[hidden]),
        (nn.Linear, rules["epsilon"]),
    ]
    special: dict[str, Hook] = dict.fromkeys(canonical.before, Spread(stabilizer)) if first else {}
    for layer in canonical.first if first else ():
        flat = first == "flat"
        special[layer] = Flat(stabilizer) if flat else ZBox(*bounds[layer], stabilizer=stabilizer)
    names = [((layer,), rule) for layer, rule in special.items()]
    return NameLayerMapComposite(name_map=names, layer_map=layers)


def first_bounds(
    net: nn.Module, first: Sequence[str], black: torch.Tensor, white: torch.Tensor
) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Lowest and highest inputs of the first layers, by a black and a white photo [1, C, H, W]."""
    seen: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    def note(name: str, inputs: tuple[torch.Tensor, ...]) -> None:
        ends = inputs[0].detach()
        seen[name] = ends.amin(0, keepdim=True), ends.amax(0, keepdim=True)

    handles = [
        net.get_submodule(name).register_forward_pre_hook(
            lambda _layer, inputs, name=name: note(name, inputs)
        )
        for name in first
    ]
    try:
        with torch.no_grad():
            net(torch.cat([black, white]))
    finally:
        for handle in handles:
            handle.remove()
    return seen


def compute(task: AttributionTask, composite: str, alpha: float, epsilon: float) -> Attribution:
    classifier = task.classifier
    weights = task.weights()
    net = task.private_net()
    for layer in net.modules():
        if isinstance(layer, Gate):
            layer.rule = SignalTakesAll.apply
    canonical = classifier.canonical
    bounds = {}
    if COMPOSITES[composite][0] == "box":
        empty = torch.zeros_like(task.batch[:1])
        ends = classifier.normalise(empty), classifier.normalise(empty + 1)
        bounds = first_bounds(net, canonical.first, *ends)
    rules = build_composite(composite, alpha, RelativeStabilizer(epsilon), canonical, bounds)
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
        notes=canonical.notes,
    )


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
