"""Weights for a named architecture: names matched, classes counted, misfits named."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from torch import nn

from xaicore.networks.errors import NetworkError
from xaicore.networks.importing.architectures import (
    IMAGENET_CLASSES,
    Architecture,
    find_architectures,
    labels_for,
)
from xaicore.networks.importing.facts import READERS, Facts, NetworkFile, facts_from
from xaicore.networks.importing.source import Source
from xaicore.networks.importing.tensors import (
    State,
    is_safetensors,
    is_torch_file,
    read_safetensors,
    read_torch_file,
)

# What wrappers put before the names of weights.
PREFIXES = ("module.", "model.", "net.", "network.", "backbone.", "_orig_mod.")
MAX_NAMED = 3


def is_weights(source: Source) -> bool:
    return is_safetensors(source) or is_torch_file(source)


def open_weights(source: Source, given: Facts) -> NetworkFile:
    """Read a weights file, and fit it into its architecture where that is known.

    Raises :class:`NetworkError` for a file that cannot be read or weights that do not fit.
    """
    if is_safetensors(source):
        state, metadata = read_safetensors(source)
        given = given.filled(_said(metadata))
    else:
        state = read_torch_file(source)
    given = given.filled(Facts(format="weights"))
    if given.architecture is None and given.module is None:
        return NetworkFile(given, None)
    architectures = find_architectures(given)
    best = max(architectures, key=lambda one: _overlap(one.blank(IMAGENET_CLASSES, state), state))
    return _fit(best, state, given)


def _said(metadata: Mapping[str, str]) -> Facts:
    """What a safetensors file says of its network; entries of other kinds are not ours."""
    said: dict[str, Any] = {}
    for name in metadata.keys() & READERS.keys():
        said[name] = metadata[name]
        with contextlib.suppress(ValueError, RecursionError):
            said[name] = json.loads(metadata[name])
    return facts_from(said, "The file's metadata")


def _fit(architecture: Architecture, state: State, given: Facts) -> NetworkFile:
    blank = architecture.blank(IMAGENET_CLASSES, state)
    state = _renamed(state, blank.state_dict())
    classes = 0 if given.module is not None else _classes(blank, state, architecture.name)
    channels = _channels(blank, state)
    if given.module is None:
        blank = _with_channels(architecture.blank(classes, state), channels)
    _check_fit(blank.state_dict(), state, architecture.name)

    def make() -> nn.Module:
        net = architecture.make(classes, state)
        net = net if given.module is not None else _with_channels(net, channels)
        net.load_state_dict(state, strict=False)
        return net.eval()

    preset = architecture.preset(blank)
    if channels == 1:
        preset = replace(preset, mean=None, std=None)
    counted = max(classes, 2) if classes else None
    facts = Facts(architecture=architecture.name, classes=counted, channels=channels)
    facts = given.filled(preset).filled(facts)
    return NetworkFile(facts.filled(Facts(labels=labels_for(classes))), make)


def _overlap(blank: nn.Module, state: State) -> int:
    wanted = blank.state_dict()
    renamed = _renamed(state, wanted)
    return sum(name in wanted and wanted[name].shape == renamed[name].shape for name in renamed)


def _renamed(state: State, wanted: Collection[str]) -> State:
    """The weights without what wrappers put before their names, as far as more names then fit."""
    return max(_strippings(state, 3), key=lambda renamed: len(renamed.keys() & wanted))


def _strippings(state: State, depth: int) -> Iterator[State]:
    yield state
    for prefix in PREFIXES if depth else ():
        if any(name.startswith(prefix) for name in state):
            renamed = {name.removeprefix(prefix): value for name, value in state.items()}
            if len(renamed) == len(state):
                yield from _strippings(renamed, depth - 1)


def _classes(blank: nn.Module, state: State, name: str) -> int:
    """The number of rows of the last layer's weights."""
    head = f"{_head(blank)}.weight"
    if head not in state:
        raise NetworkError(
            f"These weights do not fit {name}: {head}, which says the number of classes, is "
            f"missing. {_names_of(state)}"
        )
    return state[head].shape[0] if state[head].dim() else 0


def _head(blank: nn.Module) -> str:
    """The name of the layer that gives the classes."""
    config = getattr(blank, "default_cfg", None) or {}
    named = config.get("classifier") if isinstance(config, Mapping) else None
    if named:
        return named if isinstance(named, str) else named[0]
    layers = [
        name for name, layer in blank.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)
    ]
    return layers[-1] if layers else "the last layer"


def _first_convolution(net: nn.Module) -> tuple[str, nn.Conv2d] | None:
    for name, layer in net.named_modules():
        if isinstance(layer, nn.Conv2d):
            return name, layer
    return None


def _channels(blank: nn.Module, state: State) -> int:
    """The colour channels that the first convolution's weights are for."""
    first = _first_convolution(blank)
    if first is None:
        return 3
    weight = state.get(f"{first[0]}.weight")
    return 1 if weight is not None and weight.dim() == 4 and weight.shape[1] == 1 else 3


def _with_channels(net: nn.Module, channels: int) -> nn.Module:
    """A network whose first convolution takes grey photos where the weights are for them."""
    first = _first_convolution(net)
    if channels != 1 or first is None or first[1].in_channels != 3 or first[1].groups != 1:
        return net
    layer = first[1]
    layer.in_channels = channels
    layer.weight = nn.Parameter(layer.weight[:, :channels].detach().clone())
    return net


def _check_fit(wanted: State, state: State, name: str) -> None:
    # Older files lack the count of batches, which only training uses.
    missing = [key for key in wanted if key not in state and "num_batches_tracked" not in key]
    misfits = [f"{key} is not in {name}" for key in state if key not in wanted]
    misfits += [f"{key} is missing" for key in missing]
    for key in state.keys() & wanted.keys():
        if state[key].shape != wanted[key].shape:
            shapes = f"{list(state[key].shape)} and not {list(wanted[key].shape)}"
            misfits.append(f"{key} is {shapes}")
        elif wanted[key].is_floating_point() and not state[key].is_floating_point():
            misfits.append(f"{key} holds whole numbers")
    if misfits:
        more = f", and {len(misfits) - MAX_NAMED} more" if len(misfits) > MAX_NAMED else ""
        raise NetworkError(
            f"These weights do not fit {name}: {', '.join(misfits[:MAX_NAMED])}{more}. Check the "
            "name of the architecture, or export the network to ONNX."
        )


def _names_of(state: State) -> str:
    return f"The file has {', '.join(list(state)[:MAX_NAMED])} and so on."
