"""A network from outside, through whichever door it comes, → a classifier."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from xaicore.networks.classifier import Classifier, check_labels
from xaicore.networks.errors import NetworkError
from xaicore.networks.importing.bundle import is_bundle, open_bundle
from xaicore.networks.importing.facts import Facts, NetworkFile, checked_labels
from xaicore.networks.importing.foreign import why_not
from xaicore.networks.importing.onnx_file import is_onnx, open_onnx
from xaicore.networks.importing.source import Source, open_source
from xaicore.networks.importing.weights import is_weights, open_weights
from xaicore.networks.outputs import ScoreNetwork, find_input, input_channels, score_network
from xaicore.networks.preprocessing import Preprocessing, Resize, Size


@dataclass(frozen=True)
class Door:
    """One kind of file: how it is recognised, and what reads it."""

    format: str
    recognises: Callable[[Source], bool]
    open: Callable[[Source, Facts], NetworkFile]


DOORS = (Door("weights", is_weights, open_weights), Door("ONNX", is_onnx, open_onnx))


@dataclass(frozen=True)
class Brought:
    """All that a classifier is made of, and sentences on what was taken for granted."""

    scored: ScoreNetwork
    labels: tuple[str, ...]
    preprocessing: Preprocessing
    target_layer: str | None
    notes: tuple[str, ...]
    facts: Facts


def load_network(
    path: str | Path | bytes,
    architecture: str | nn.Module | None = None,
    labels: Sequence[str] | str | None = None,
    size: Size | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    resize: Resize | None = None,
    target_layer: str | None = None,
    device: str | torch.device = "auto",
) -> Classifier:
    """Load a network from weights, ONNX, or a folder or zip with a network.toml.

    ``path`` may be a file's bytes. ``architecture`` is PetNet or any name of torchvision or timm,
    or a network of one's own to fill; ``labels`` are in the order of the outputs ("no" before
    "yes" where there is one output), or "imagenet". What is not given is as the file says, then
    as the architecture's preset says.
    Raises :class:`NetworkError` for what cannot be taken; nothing in a file is ever run.
    """
    given = Facts(
        architecture=architecture if isinstance(architecture, str) else None,
        module=architecture if isinstance(architecture, nn.Module) else None,
        labels=None if labels is None else checked_labels(labels),
        size=size,
        mean=mean,
        std=std,
        resize=resize,
        target_layer=target_layer,
    )
    return as_classifier(bring(path, given), device)


def inspect_network(source: str | Path | bytes, architecture: str | None = None) -> Facts:
    """What a file says of its network; ``missing`` names what it does not say.

    Raises :class:`NetworkError` for a file that cannot be taken.
    """
    return open_network(source, Facts(architecture=architecture)).facts


def open_network(source: str | Path | bytes, given: Facts) -> NetworkFile:
    """Read a file through its door; what is given wins over what the file says.

    Raises :class:`NetworkError` for a file that no door takes.
    """
    opened = open_source(source)
    if is_bundle(opened):
        opened, said = open_bundle(opened)
        given = given.filled(said)
    for door in DOORS:
        if door.recognises(opened):
            if given.format not in (None, door.format):
                raise NetworkError(
                    f'network.toml says format = "{given.format}", but {opened.name} is not. '
                    "Correct that entry, or leave it out."
                )
            return door.open(opened, given)
    raise why_not(opened)


def bring(source: str | Path | bytes, given: Facts) -> Brought:
    """Make a network of a file and of what is given, ready for a classifier.

    Raises :class:`NetworkError` for what cannot be taken.
    """
    file = open_network(source, given)
    if file.make is None:
        raise NetworkError(
            "This file holds weights, but does not say of which network. Give its architecture, "
            'such as architecture="resnet18".'
        )
    net, facts = file.make(), file.facts
    if facts.size is None:
        channels, side = find_input(net)
        facts = replace(facts, size=side, channels=facts.channels or channels)
    elif facts.channels is None:
        facts = replace(facts, channels=input_channels(net, facts.size))
    preprocessing = facts.preprocessing()
    scored = score_network(net, _example(preprocessing))
    labels = _labels(facts, scored)
    target_layer = facts.target_layer
    if target_layer is not None:
        target_layer = _layer(scored, target_layer)
    notes = (*scored.notes, *_assumed(file.facts, facts), *_named(file.facts, labels))
    return Brought(scored, labels, preprocessing, target_layer, notes, facts)


def as_classifier(brought: Brought, device: str | torch.device = "auto") -> Classifier:
    return Classifier(
        brought.scored.net,
        brought.labels,
        target_layer=brought.target_layer,
        device=device,
        preprocessing=brought.preprocessing,
        notes=brought.notes,
    )


def _example(preprocessing: Preprocessing) -> torch.Tensor:
    shape = (2, preprocessing.channels, preprocessing.height, preprocessing.width)
    return preprocessing.normalise(torch.rand(shape, generator=torch.Generator().manual_seed(0)))


def _labels(facts: Facts, scored: ScoreNetwork) -> tuple[str, ...]:
    if facts.labels is None and scored.one_output:
        return "no", "yes"
    return check_labels(facts.labels or (), scored)


def _layer(scored: ScoreNetwork, name: str) -> str:
    """The name that a layer of the network now has."""
    names = dict(scored.net.named_modules())
    for candidate in (scored.prefix + name, name):
        if name and candidate in names:
            return candidate
    convolutions = [
        layer.removeprefix(scored.prefix)
        for layer, module in names.items()
        if isinstance(module, nn.Conv2d)
    ]
    last = f" Its last convolution is {convolutions[-1]}." if convolutions else ""
    raise NetworkError(f"This network has no layer named {name!r}.{last}")


def _assumed(said: Facts, used: Facts) -> tuple[str, ...]:
    """Sentences on what nobody said."""
    notes = []
    if said.size is None:
        side = used.size if isinstance(used.size, int) else "×".join(map(str, used.size or ()))
        notes.append(f"Nobody said what size its photos have; {side} pixels are taken.")
    if said.mean is None and said.std is None:
        scale = "0.5 and 0.5" if used.channels == 1 else "ImageNet's"
        notes.append(f"Nobody said how its photos are scaled; mean and std are {scale}.")
    return tuple(notes)


def _named(said: Facts, labels: Sequence[str]) -> tuple[str, ...]:
    """A sentence on what classes are called that nobody named."""
    if said.labels is not None:
        return ()
    first, last = labels[0], labels[-1]
    return (f"Nobody said what its classes are called; they are called {first} to {last}.",)
