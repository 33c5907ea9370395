"""A softmax or sigmoid at a network's end: found by structure, checked by value, set aside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from xaicore.networks.copies import share_weights
from xaicore.networks.errors import NetworkError
from xaicore.networks.parts import Path, part_at

# What each head makes of the scores [B, C] before it.
PROBABILITIES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "softmax": lambda scores: scores.softmax(1),
    "log-softmax": lambda scores: scores.log_softmax(1),
    "sigmoid": torch.sigmoid,
    "log-sigmoid": F.logsigmoid,
}
LAYERS: dict[type[nn.Module], str] = {
    nn.Softmax: "softmax",
    nn.Softmax2d: "softmax",
    nn.LogSoftmax: "log-softmax",
    nn.Sigmoid: "sigmoid",
    nn.LogSigmoid: "log-sigmoid",
}
FUNCTIONS: dict[Any, str] = {
    torch.softmax: "softmax",
    torch.special.softmax: "softmax",
    torch.Tensor.softmax: "softmax",
    F.softmax: "softmax",
    torch.log_softmax: "log-softmax",
    torch.special.log_softmax: "log-softmax",
    torch.Tensor.log_softmax: "log-softmax",
    F.log_softmax: "log-softmax",
    torch.sigmoid: "sigmoid",
    torch.sigmoid_: "sigmoid",
    torch.special.expit: "sigmoid",
    torch.Tensor.sigmoid: "sigmoid",
    torch.Tensor.sigmoid_: "sigmoid",
    F.sigmoid: "sigmoid",
    F.logsigmoid: "log-sigmoid",
}
# Largest difference between the head's answer and the one worked out from the scores before it.
TOLERANCE = 1e-5


@dataclass(frozen=True)
class SetAside:
    """A network without its head, if it had one: in ``net`` itself, or by passing over a call."""

    net: nn.Module
    call: int | None = None
    kind: str | None = None

    def answer(self, batch: torch.Tensor) -> Any:
        return self.net(batch) if self.call is None else without_call(self.net, batch, self.call)


def set_head_aside(net: nn.Module, batch: torch.Tensor, path: Path) -> SetAside:
    """Take the head off a network whose scores lie at ``path`` of its answer.

    A head that is a layer passes its input on, in a copy that shares the weights; one that is a
    function is passed over whenever the network runs. A network without a head comes back as it is.
    Raises :class:`NetworkError` for a head that is not taken over the classes.
    """
    with torch.no_grad():
        with _Calls() as calls:
            part = part_at(net(batch), path)
        number = calls.last_that_is(part)
        if number is None:
            return SetAside(net)
        kind = calls.made[number][0]
        candidates = [SetAside(net, number, kind)]
        layer = _layer_that_gives(net, batch, path)
        if layer is not None:
            bare = share_weights(net)
            bare.set_submodule(layer, nn.Identity())
            candidates.insert(0, SetAside(bare, None, kind))
        for candidate in candidates:
            scores = part_at(candidate.answer(batch), path)
            if _gives(kind, scores, part):
                return candidate
    raise NetworkError(
        f"This network's last {kind} does not run over its classes. Give it dim=1, or leave it out."
    )


def without_call(net: nn.Module, batch: torch.Tensor, number: int) -> Any:
    """A network's answer when one call of a softmax or sigmoid hands on what it was given."""
    with _PassedOver(number):
        return net(batch)


class _Calls(TorchFunctionMode):
    """Notes each call of a softmax or sigmoid while a network runs in this thread."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[tuple[str, torch.Tensor]] = []

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        if function in FUNCTIONS:
            self.made.append((FUNCTIONS[function], result))
        return result

    def last_that_is(self, part: torch.Tensor) -> int | None:
        numbers = [number for number, (_, given) in enumerate(self.made) if _same(given, part)]
        return numbers[-1] if numbers else None


class _PassedOver(TorchFunctionMode):
    """Hands on the input of one call of a softmax or sigmoid, counted from 0, in this thread."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.left = number

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if function in FUNCTIONS:
            self.left -= 1
            if self.left == -1:
                return args[0] if args else kwargs["input"]
        return function(*args, **kwargs)


def _layer_that_gives(net: nn.Module, batch: torch.Tensor, path: Path) -> str | None:
    """The name of the layer that ran once and whose output is the network's."""
    watched = share_weights(net)
    given: dict[str, list[torch.Tensor]] = {}
    for name, layer in watched.named_modules():
        if type(layer) in LAYERS and name:
            given[name] = []
            layer.register_forward_hook(
                lambda _layer, _inputs, output, name=name: given[name].append(output)
            )
    part = part_at(watched(batch), path)
    for name, outputs in given.items():
        if len(outputs) == 1 and _same(outputs[0], part):
            return name
    return None


def _same(first: torch.Tensor, second: torch.Tensor) -> bool:
    """Whether two tensors are one in memory, whatever their shapes."""
    return first.data_ptr() == second.data_ptr() and first.numel() == second.numel()


def _gives(kind: str, scores: torch.Tensor, part: torch.Tensor) -> bool:
    columns = scores.reshape(len(scores), -1)
    expected = part.reshape(len(part), -1)
    return torch.allclose(PROBABILITIES[kind](columns), expected, rtol=0, atol=TOLERANCE)
