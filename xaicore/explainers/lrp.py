"""Layer-wise relevance propagation: rules over zennit's hooks, and an account that must close."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import zennit.layer
from torch import nn
from zennit.composites import NameLayerMapComposite
from zennit.core import Composite, Hook
from zennit.rules import Pass
from zennit.types import Convolution

from xaicore.explainers import relevance as rules
from xaicore.explainers.base import Attribution, AttributionTask, Explainer, Parameter, Proof
from xaicore.explainers.relevance import Account, RelativeStabilizer, Rule, Term, each_photo
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
# Share of the score that may be unaccounted for; rounding alone stays far below.
LEAK_TOLERANCE = 1e-3
BIAS_NOTES = {
    rules.SPREAD: "Biases pass their share on to all inputs of their neuron, in equal parts.",
    rules.LEAVE_OUT: "Biases are left out of every sum, so they get no share.",
}


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


def build_composite(
    name: str,
    alpha: float,
    bias: str,
    make_rule: Callable[[Sequence[Term], Sequence[Term]], Hook],
    canonical: Canonical,
    bounds: Mapping[str, tuple[torch.Tensor, torch.Tensor]],
) -> Composite:
    """Assign a rule to every layer: one to the first, one to convolutions, ε to linear layers.

    ``make_rule`` makes one of its terms and of those that spread biases; ``bounds`` are the lowest
    and highest inputs of each first layer, for the box rule.
    """
    biased = bias != rules.LEAVE_OUT
    evenly, by_factor = (rules.flat(), rules.by_factor()) if bias == rules.SPREAD else ((), ())
    terms = {
        "alpha-beta": rules.alpha_beta(alpha, biased),
        "plus": rules.positive_only(biased),
        "gamma": rules.favour(GAMMA, biased),
        "epsilon": rules.by_contribution(biased),
    }
    first, hidden = COMPOSITES[name]
    layers = [
        (Activation | Scale, Pass()),
        (Affine | zennit.layer.Sum, make_rule(rules.by_change(biased), by_factor)),
        (Convolution, make_rule(terms[hidden], evenly)),
        (nn.Linear, make_rule(terms["epsilon"], evenly)),
    ]
    special: dict[str, Hook] = {}
    if first:
        special = dict.fromkeys(canonical.before, make_rule(rules.by_factor(), ()))
        for layer in canonical.first:
            own = rules.flat() if first == "flat" else rules.box(*bounds[layer])
            special[layer] = make_rule(own, ())
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


def compute(
    task: AttributionTask, composite: str, alpha: float, epsilon: float, bias: str
) -> Attribution:
    weights = task.weights()
    net = task.private_net()
    for layer in net.modules():
        if isinstance(layer, Gate):
            layer.rule = SignalTakesAll.apply
    canonical = task.classifier.canonical
    account, stabilizer = Account(), RelativeStabilizer(epsilon)
    chosen = build_composite(
        composite,
        alpha,
        bias,
        lambda terms, spread: Rule(terms, stabilizer, account, spread),
        canonical,
        _box_bounds(task, net) if COMPOSITES[composite][0] == "box" else {},
    )
    photos = task.batch.clone().requires_grad_()
    with chosen.context(net) as hooked:
        logits = hooked(photos)
        start = logits.detach() * weights
        (relevance,) = torch.autograd.grad(logits, photos, start)
    said = (BIAS_NOTES[bias],) if bias in BIAS_NOTES else ()
    return Attribution(
        maps=relevance.sum(1),
        checks=_balance(account, relevance, start),
        extras=_by_layer(account, net),
        notes=said + canonical.notes,
    )


def _box_bounds(
    task: AttributionTask, net: nn.Module
) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    classifier = task.classifier
    black = torch.zeros_like(task.batch[:1])
    ends = classifier.normalise(black), classifier.normalise(black + 1)
    return first_bounds(net, classifier.canonical.first, *ends)


def _balance(
    account: Account, relevance: torch.Tensor, start: torch.Tensor
) -> dict[str, torch.Tensor]:
    """What became of the score, float64 [B] each; ``start`` [B, C] is what was handed back.

    ``unaccounted`` is relative to all that was handed back, whatever its sign.
    """
    pixels, score = each_photo(relevance), each_photo(start)
    biases, epsilon = account.kept(pixels)
    missing = (score - pixels - biases - epsilon).abs()
    return {
        "relevance_sum": pixels,
        "kept_by_biases": biases,
        "kept_by_epsilon": epsilon,
        "score": score,
        "unaccounted": missing / each_photo(start.abs()).clamp(min=torch.finfo(start.dtype).tiny),
    }


def _by_layer(account: Account, net: nn.Module) -> dict[str, np.ndarray]:
    """The account of each layer, from first to last.

    ``account`` float64 [B, layers, 4]: received, handed on, kept by biases, kept by ε;
    ``account_layers`` [B, layers]: their names in the canonical network.
    """
    names = {layer: name for name, layer in net.named_modules()}
    entries = account.entries[::-1]
    lines = [torch.stack([e.received, e.handed_on, e.biases, e.epsilon], 1) for e in entries]
    table = torch.stack(lines, 1).cpu().numpy()
    layers = np.array([names[entry.layer] for entry in entries])
    return {"account": table, "account_layers": np.tile(layers, (len(table), 1))}


def prove(checks: Mapping[str, float]) -> Proof:
    score, leak = checks["score"], checks["unaccounted"]
    if score == 0:
        return Proof("a score of 0", good=False, reason="There is no relevance to hand back.")
    pixels, biases, epsilon = (
        f"{round(checks[name] / score, 2) + 0:,.0%}"  # + 0: no minus before a zero
        for name in ("relevance_sum", "kept_by_biases", "kept_by_epsilon")
    )
    text = f"{pixels} of the score reached the pixels; biases kept {biases}, ε {epsilon}"
    if leak <= LEAK_TOLERANCE:
        return Proof(text, good=True)
    return Proof(
        f"{text}; {leak:,.1%} is unaccounted for",
        good=False,
        reason="Relevance was lost, or grew beyond measure; try other rules or a larger ε.",
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
        Parameter(
            "bias",
            "Biases",
            rules.KEEP,
            "Whether biases keep the relevance they earned, spread it evenly over what their "
            "neuron sees, or are left out.",
            choices=rules.BIASES,
        ),
    ),
    summary="Hands the class score back, layer by layer, to the pixels that carried it.",
    citation="Bach et al. 2015",
    colour="#0072B2",
    canonical=True,
)
