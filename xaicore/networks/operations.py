"""The kinds of operation a canonical network consists of, beside convolutions and linear layers.

Explainers need to know only these: which kind an operation is says how relevance (LRP) and
contributions (DeepLIFT) pass it. What merely moves values (views, slices, concatenations, …) is no
module: its gradient is the right rule for both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
import zennit.layer
from torch import nn

WEIGHTED = (
    nn.Conv1d,
    nn.Conv2d,
    nn.Conv3d,
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
    nn.Linear,
)


def as_it_is(compute: Callable[..., torch.Tensor], *signals: torch.Tensor) -> torch.Tensor:
    return compute(*signals)


class Operation(nn.Module):
    """A function of one or more computed tensors, the signals; all else it needs, it holds.

    ``signals`` names the function's arguments that the signals fill. ``rule(compute, *signals)``
    is for explainers to set: how the operation is computed and, above all, differentiated.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        signals: tuple[str, ...] = ("input",),
        constants: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.function = function
        self.signals = signals
        self.settings: dict[str, Any] = {}
        self.rule: Callable[..., torch.Tensor] = as_it_is
        for name, value in (constants or {}).items():
            if isinstance(value, torch.Tensor):
                self.register_buffer(f"held_{name}", value.detach())
            else:
                self.settings[name] = value

    def compute(self, *signals: torch.Tensor) -> torch.Tensor:
        given = dict(zip(self.signals, signals, strict=True))
        held = {name.removeprefix("held_"): value for name, value in self.named_buffers()}
        return self.function(**given, **held, **self.settings)

    def forward(self, *signals: torch.Tensor) -> torch.Tensor:
        return self.rule(self.compute, *signals)


class Affine(Operation):
    """Affine in its signal, without weights of its own: means, poolings, interpolation, shifts."""


class Scale(Operation):
    """Each value times a constant: what is said of the product is said of the value."""


class Activation(Operation):
    """A function of each value alone."""


class Maximum(Operation):
    """The largest of some values: max poolings, the maximum along an axis."""

    def compute(self, *signals: torch.Tensor) -> torch.Tensor:
        largest = super().compute(*signals)
        return largest[0] if isinstance(largest, tuple) else largest  # [1]: where it stood


class Softmax(Operation):
    """Shares along one axis that add up to one."""


class Sum(Operation):
    """Addition of two tensors, in the form that zennit's rules know."""

    def __init__(self) -> None:
        super().__init__(zennit.layer.Sum(), ("input", "other"))

    def compute(self, *signals: torch.Tensor) -> torch.Tensor:
        return self.function(torch.stack(torch.broadcast_tensors(*signals), dim=-1))


class Gate(Operation):
    """Product of two tensors: first the signal, then the gate that scales it."""

    def __init__(self) -> None:
        super().__init__(torch.mul, ("input", "other"))


def scale_and_shift(input: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    return input * scale + shift


def without_mean(input: torch.Tensor, dim: list[int]) -> torch.Tensor:
    return input - input.mean(dim, keepdim=True)


def inverse_spread(input: torch.Tensor, eps: float) -> torch.Tensor:
    return torch.rsqrt(input + eps)
