"""Twins of a network that have forgotten what their last layers learnt (Adebayo et al. 2018)."""

from __future__ import annotations

import functools
import threading
import weakref
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from xaicore.networks.classifier import Classifier
from xaicore.networks.copies import share_weights

# Layers are made random in at most so many steps: every step is a network to explain.
MOST_STAGES = 5


@dataclass(frozen=True)
class Twin:
    """A classifier whose last ``layers`` of ``total`` layers are random."""

    classifier: Classifier
    layers: int
    total: int


_MAKING = threading.Lock()
# Weak, so that twins are forgotten with the classifier that they are like.
_TWINS: weakref.WeakKeyDictionary[Classifier, dict[int, tuple[Twin, ...]]]
_TWINS = weakref.WeakKeyDictionary()


def randomised_twins(classifier: Classifier, seed: int = 0) -> tuple[Twin, ...]:
    """Twins with ever more random layers, from the last to the first; made once a classifier.

    A random layer has its own weights in random order: activations keep their size, and any
    network can be made random, whatever its layers once started from. What a twin did not forget
    is the original's memory; the original is never written to.
    """
    with _MAKING:
        made = _TWINS.setdefault(classifier, {})
        if seed not in made:
            made[seed] = _make_twins(classifier, seed)
        return made[seed]


def _make_twins(classifier: Classifier, seed: int) -> tuple[Twin, ...]:
    layers = layers_in_order(classifier)[::-1]
    generator = torch.Generator().manual_seed(seed)
    weights = dict(classifier.net.named_parameters())
    forgotten: dict[str, torch.Tensor] = {}
    twins = []
    for stage in np.array_split(np.arange(len(layers)), min(MOST_STAGES, len(layers))):
        for name in (name for place in stage for name in layers[place]):
            forgotten[name] = _shuffle(weights[name], generator)
        twin = classifier.with_net(_replace(classifier.net, forgotten))
        twins.append(Twin(twin, int(stage[-1]) + 1, len(layers)))
    return tuple(twins)


def layers_in_order(classifier: Classifier) -> list[list[str]]:
    """The names of the weights of every layer that has any, in the order in which they run.

    Layers that are never called themselves, as in an attention, come with what they are part of.
    """
    turns = _turns(classifier)
    layers: dict[str, list[str]] = {}
    for name, _ in classifier.net.named_parameters():
        layers.setdefault(name.rpartition(".")[0], []).append(name)
    return [layers[name] for name in sorted(layers, key=lambda name: _turn_of(name, turns))]


def _turns(classifier: Classifier) -> dict[str, int]:
    """When each module is first called, by name."""
    net = classifier.private_net()
    turns: dict[str, int] = {}

    def note(name: str, *_: object) -> None:
        turns.setdefault(name, len(turns))

    for name, module in net.named_modules():
        module.register_forward_pre_hook(functools.partial(note, name))
    prepared = classifier.preprocessing
    blank = torch.zeros(1, prepared.channels, prepared.height, prepared.width)
    with torch.inference_mode():
        net(classifier.to_input(blank))
    return turns


def _turn_of(name: str, turns: dict[str, int]) -> int:
    while name and name not in turns:
        name = name.rpartition(".")[0]
    return turns.get(name, 0)


def _shuffle(weight: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The same values in random order, laid out in memory as they were."""
    # Drawn on the processor, so that every device has the same twins.
    order = torch.randperm(weight.numel(), generator=generator).to(weight.device)
    values = weight.detach().flatten()[order].view(weight.shape)
    return torch.empty_like(weight, requires_grad=False).copy_(values)


def _replace(net: nn.Module, weights: dict[str, torch.Tensor]) -> nn.Module:
    """A copy of a network with other weights where there are any."""
    twin = share_weights(net)
    for name, parameter in twin.named_parameters():
        if name in weights:
            # Not written into: what lies there is the original's.
            parameter.data = weights[name]
    return twin
