"""Rules by which a layer hands relevance back to its inputs, and the account of what it keeps."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from zennit.core import Hook, ParamMod, Stabilizer

from xaicore.networks.operations import WEIGHTED

Change = Callable[[torch.Tensor], torch.Tensor]

KEEP, SPREAD, LEAVE_OUT = "keep", "spread", "leave out"
# What becomes of the relevance that a layer's biases earned.
BIASES = (KEEP, SPREAD, LEAVE_OUT)


@dataclass(frozen=True)
class Part:
    """One forward pass of a layer, its inputs and weights changed, counted with a sign."""

    inputs: Change
    weights: Change
    biased: bool = True
    sign: int = 1

    def changed(self, layer: nn.Module) -> Any:
        """A context in which the layer has the changed weights."""
        modify = ParamMod(
            lambda weight, _name: self.weights(weight),
            zero_params=None if self.biased else ["bias"],
            require_params=False,
        )
        return modify(layer)


@dataclass(frozen=True)
class Term:
    """A share of a neuron's relevance, handed out in proportion to what the parts contribute.

    ``where`` picks neurons by their own values; by default, all.
    """

    share: float
    parts: tuple[Part, ...]
    where: Change | None = None


@dataclass(frozen=True)
class Handed:
    """What becomes of relevance at a layer: on to the inputs, to the biases, to ε.

    ``inputs`` is shaped as the layer's input, the others as its output.
    """

    inputs: torch.Tensor
    biases: torch.Tensor
    epsilon: torch.Tensor

    def __add__(self, other: Handed) -> Handed:
        return Handed(
            self.inputs + other.inputs,
            self.biases + other.biases,
            self.epsilon + other.epsilon,
        )


@dataclass(frozen=True)
class Entry:
    """One layer's line of the account; float64 [B] each."""

    layer: nn.Module
    received: torch.Tensor
    handed_on: torch.Tensor
    biases: torch.Tensor
    epsilon: torch.Tensor


@dataclass
class Account:
    """What each layer received, handed on and kept, in the order in which relevance came by."""

    entries: list[Entry] = field(default_factory=list)

    def note(self, layer: nn.Module, received: torch.Tensor, handed: Handed) -> None:
        parts = (received, handed.inputs, handed.biases, handed.epsilon)
        self.entries.append(Entry(layer, *(each_photo(part) for part in parts)))

    def kept(self, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What biases and ε kept in all layers, each float64 [B]; ``like`` is such a tensor."""
        none = torch.zeros_like(like)
        biases = [entry.biases for entry in self.entries]
        epsilon = [entry.epsilon for entry in self.entries]
        return sum(biases, none), sum(epsilon, none)


def each_photo(values: torch.Tensor) -> torch.Tensor:
    """The sum of each photo's values, float64 [B]."""
    return values.detach().flatten(1).sum(1, dtype=torch.float64)


class RelativeStabilizer(Stabilizer):
    """ε in units of the root mean square of each layer's denominators, per photo."""

    def __init__(self, epsilon: float) -> None:
        super().__init__(epsilon=epsilon, norm_scale=True)

    def __call__(self, denominators: torch.Tensor) -> torch.Tensor:
        stable = super().__call__(denominators)
        return stable.masked_fill(stable == 0, 1)  # a layer that is silent throughout


class Rule(Hook):
    """Hands a layer's relevance to its inputs by terms, and notes what biases and ε keep.

    A neuron's relevance R is divided by what its parts add up to, Z, made ε larger. Of R·z/(Z + ε)
    inputs get what they contributed to Z and biases what they did; ε gets R·ε/(Z + ε). Biases pass
    theirs on by the terms ``spread``, if there are any.
    """

    def __init__(
        self,
        terms: Sequence[Term],
        stabilizer: Stabilizer,
        account: Account,
        spread: Sequence[Term] = (),
    ) -> None:
        super().__init__()
        self.terms = terms
        self.stabilizer = stabilizer
        self.account = account
        self.spread = spread

    def copy(self) -> Rule:
        return Rule(self.terms, self.stabilizer, self.account, self.spread)

    def forward(self, module: nn.Module, input: Any, output: Any) -> None:
        self.stored_tensors["input"] = input

    def backward(self, module: nn.Module, grad_input: Any, grad_output: Any) -> Any:
        inputs, relevance = self.stored_tensors["input"][0].detach(), grad_output[0]
        handed = self._hand_back(self.terms, module, inputs, relevance)
        if self.spread:
            passed_on = self._hand_back(self.spread, module, inputs, handed.biases)
            handed = Handed(handed.inputs, passed_on.biases, handed.epsilon) + passed_on
        self.account.note(module, relevance, handed)
        return tuple(handed.inputs if held is not None else None for held in grad_input)

    def _hand_back(
        self, terms: Sequence[Term], layer: nn.Module, inputs: torch.Tensor, relevance: torch.Tensor
    ) -> Handed:
        handed = []
        for term in terms:
            share = term.share * relevance
            if term.where:
                own = Part(as_it_is, unchanged, term.parts[0].biased)
                with own.changed(layer), torch.no_grad():
                    share = share * term.where(layer.forward(inputs))
            handed.append(divide(share, term.parts, layer, inputs, self.stabilizer))
        return add_up(handed)


def divide(
    relevance: torch.Tensor,
    parts: Sequence[Part],
    layer: nn.Module,
    inputs: torch.Tensor,
    stabilizer: Stabilizer,
) -> Handed:
    """Divide a layer's relevance among the inputs and biases of the parts, and ε."""
    values, outputs, constants = [], [], []
    for part in parts:
        value = part.inputs(inputs)
        # Behind a ReLU nothing is negative, and half of the work is left out.
        if not part.biased and not value.any():
            continue
        with part.changed(layer), torch.enable_grad():
            values.append(value.requires_grad_())
            outputs.append(part.sign * layer.forward(value))
            constants.append(part.sign * constant(layer, value.detach()).detach())
    denominator = add_up([output.detach() for output in outputs])
    stable = stabilizer(denominator)
    multiplier = relevance / stable
    gradients = torch.autograd.grad(outputs, values, [multiplier] * len(outputs))
    contributions = [
        value.detach() * gradient for value, gradient in zip(values, gradients, strict=True)
    ]
    return Handed(
        add_up(contributions), multiplier * add_up(constants), multiplier * (stable - denominator)
    )


def constant(layer: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """What an affine layer adds whatever comes in, in a shape that spreads to its output's."""
    if not isinstance(layer, WEIGHTED):
        return layer.forward(torch.zeros_like(inputs))
    if layer.bias is None:
        return inputs.new_zeros(())
    behind = 0 if isinstance(layer, nn.Linear) else inputs.ndim - 2
    return layer.bias.view(-1, *[1] * behind)


def add_up(parts: Sequence[Any]) -> Any:
    return functools.reduce(lambda first, second: first + second, parts)


def as_it_is(values: torch.Tensor) -> torch.Tensor:
    return values.clone()


def unchanged(weight: torch.Tensor) -> torch.Tensor:
    return weight


def positive(values: torch.Tensor) -> torch.Tensor:
    return values.clamp(min=0)


def negative(values: torch.Tensor) -> torch.Tensor:
    return values.clamp(max=0)


def by_contribution(biased: bool) -> tuple[Term, ...]:
    """LRP-ε: by what each input contributed (Bach et al. 2015, equation 58)."""
    return (Term(1, (Part(as_it_is, unchanged, biased),)),)


def by_change(biased: bool) -> tuple[Term, ...]:
    """The same for what is affine without weights, whose constant can only be taken off again."""
    constant = Part(torch.zeros_like, unchanged, sign=-1)
    return (Term(1, (Part(as_it_is, unchanged), *(() if biased else (constant,)))),)


def alpha_beta(alpha: float, biased: bool) -> tuple[Term, ...]:
    """LRP-αβ: positive and negative contributions apart (Bach et al. 2015, equation 60).

    β = α − 1; each half is made by positive and by negative inputs.
    """
    helping = Part(positive, positive, biased), Part(negative, negative, biased=False)
    hindering = Part(positive, negative, biased), Part(negative, positive, biased=False)
    return Term(alpha, helping), Term(1 - alpha, hindering)


def positive_only(biased: bool) -> tuple[Term, ...]:
    """LRP-z⁺: positive contributions alone (Montavon et al. 2017)."""
    return alpha_beta(1, biased)[:1]


def favour(gamma: float, biased: bool) -> tuple[Term, ...]:
    """LRP-γ for inputs of any sign: contributions of the neuron's own sign count γ more.

    Montavon et al. 2019, generalised by Andéol et al. 2021.
    """

    def rising(weight: torch.Tensor) -> torch.Tensor:
        return weight + gamma * weight.clamp(min=0)

    def falling(weight: torch.Tensor) -> torch.Tensor:
        return weight + gamma * weight.clamp(max=0)

    above = Part(positive, rising, biased), Part(negative, falling, biased=False)
    below = Part(positive, falling, biased), Part(negative, rising, biased=False)
    return Term(1, above, lambda values: values > 0), Term(1, below, lambda values: values < 0)


def flat() -> tuple[Term, ...]:
    """The same to every input that a neuron sees (Lapuschkin et al. 2019)."""
    return (Term(1, (Part(torch.ones_like, torch.ones_like, biased=False),)),)


def by_factor() -> tuple[Term, ...]:
    """What is affine and runs before the first layer: by its factors, not by its inputs.

    The special rules of the first layer hand out relevance whatever the inputs are; divided by
    inputs near zero it would grow without bound.
    """
    ones, zeros = Part(torch.ones_like, unchanged), Part(torch.zeros_like, unchanged, sign=-1)
    return (Term(1, (ones, zeros)),)


def box(low: torch.Tensor, high: torch.Tensor) -> tuple[Term, ...]:
    """LRP-zᴮ: by how far each input stands above its lowest or below its highest possible value.

    ``low`` and ``high`` [1, …] in the inputs' shape; biases cancel (Montavon et al. 2017).
    """
    lowest = Part(lambda values: low.expand_as(values).clone(), positive, sign=-1)
    highest = Part(lambda values: high.expand_as(values).clone(), negative, sign=-1)
    return (Term(1, (Part(as_it_is, unchanged), lowest, highest)),)
