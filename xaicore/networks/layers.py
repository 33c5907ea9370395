"""Layers with weights: convolutions of all kinds, linear layers, products with a matrix."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import fx, nn

from xaicore.networks import operations as ops
from xaicore.networks.builder import Builder
from xaicore.networks.translations import Call, single, translates

CONVOLUTIONS: dict[int, type[Any]] = {3: nn.Conv1d, 4: nn.Conv2d, 5: nn.Conv3d}
TRANSPOSED: dict[int, type[Any]] = {
    3: nn.ConvTranspose1d,
    4: nn.ConvTranspose2d,
    5: nn.ConvTranspose3d,
}


def with_weights(b: Builder, layer: nn.Module, signal: fx.Node, weight: Any, bias: Any) -> fx.Node:
    """A layer made without memory of its own, given weights that exist already."""
    setattr(layer, "weight", _parameter(weight))  # noqa: B010 (unknown to the type checker)
    setattr(layer, "bias", None if bias is None else _parameter(bias))  # noqa: B010
    return b.module(layer, signal)


def _parameter(weight: torch.Tensor) -> nn.Parameter:
    if isinstance(weight, nn.Parameter):
        return weight
    return nn.Parameter(weight.detach(), requires_grad=False)


def _computed(b: Builder, call: Call) -> fx.Node:
    return b.refuse(call.again(b), "its weights are computed from the photo")


@translates("conv1d", "conv2d", "conv3d", "convolution")
def _convolution(b: Builder, call: Call) -> fx.Node:
    weight, bias = call["weight"], call["bias"]
    if isinstance(weight, fx.Node) or isinstance(bias, fx.Node):
        return _computed(b, call)
    if call.given.get("transposed"):
        return _transposed(b, call)
    layer = CONVOLUTIONS[weight.ndim](
        weight.shape[1] * call["groups"],
        weight.shape[0],
        tuple(weight.shape[2:]),
        stride=_each(call["stride"], weight),
        padding=call["padding"]
        if isinstance(call["padding"], str)
        else _each(call["padding"], weight),
        dilation=_each(call["dilation"], weight),
        groups=call["groups"],
        device="meta",
    )
    return with_weights(b, layer, call["input"], weight, bias)


@translates("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
def _transposed(b: Builder, call: Call) -> fx.Node:
    weight, bias = call["weight"], call["bias"]
    if isinstance(weight, fx.Node) or isinstance(bias, fx.Node):
        return _computed(b, call)
    layer = TRANSPOSED[weight.ndim](
        weight.shape[0],
        weight.shape[1] * call["groups"],
        tuple(weight.shape[2:]),
        stride=_each(call["stride"], weight),
        padding=_each(call["padding"], weight),
        output_padding=_each(call["output_padding"], weight),
        dilation=_each(call["dilation"], weight),
        groups=call["groups"],
        device="meta",
    )
    return with_weights(b, layer, call["input"], weight, bias)


def _each(values: Any, weight: torch.Tensor) -> Any:
    """One value an axis of space; a list of one stands for all."""
    return tuple(values) * (weight.ndim - 2) if len(values) == 1 else tuple(values)


@translates("linear")
def _linear(b: Builder, call: Call) -> fx.Node:
    if isinstance(call["weight"], fx.Node) or isinstance(call["bias"], fx.Node):
        return _computed(b, call)
    return linear(b, call["input"], call["weight"], call["bias"])


def linear(b: Builder, signal: fx.Node, weight: torch.Tensor, bias: Any = None) -> fx.Node:
    layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    return with_weights(b, layer, signal, weight, bias)


@translates("addmm")
def _linear_with_bias(b: Builder, call: Call) -> fx.Node:
    bias, signal, matrix = call["self"], call["mat1"], call["mat2"]
    plain = call["alpha"] == call["beta"] == 1 and getattr(bias, "ndim", 0) == 1
    if not plain or isinstance(bias, fx.Node) or isinstance(matrix, fx.Node):
        return b.refuse(call.again(b), "there is no rule for this product of matrices")
    return linear(b, signal, matrix.T, bias)


@translates("mm", "matmul", "bmm", "mv", "baddbmm")
def _product_of_matrices(b: Builder, call: Call) -> fx.Node:
    first, second = list(call.given.values())[:2]
    if isinstance(first, fx.Node) and isinstance(second, fx.Node):
        return b.refuse(call.again(b), "it multiplies two computed matrices, as attention does")
    if isinstance(first, fx.Node) and getattr(second, "ndim", 0) == 2:
        return linear(b, first, second.T)
    return single(b, call, ops.Affine)


@translates("einsum")
def _einsum(b: Builder, call: Call) -> fx.Node:
    operands = call["tensors"]
    computed = [isinstance(operand, fx.Node) for operand in operands]
    if len(operands) != 2 or all(computed):
        return b.refuse(call.again(b), "it multiplies two computed matrices, as attention does")
    place = computed.index(True)
    constants = {"equation": call["equation"], "other": operands[1 - place], "place": place}
    return b.module(ops.Affine(einsum_with, ("input",), constants), operands[place])


def einsum_with(
    input: torch.Tensor, equation: str, other: torch.Tensor, place: int
) -> torch.Tensor:
    return torch.einsum(equation, *((input, other) if place == 0 else (other, input)))


def rescale_outputs(
    layer: nn.Module | None, scale: torch.Tensor, shift: torch.Tensor, axes: int
) -> bool:
    """Fold a scale and a shift of channels [C] into the layer that makes them, where that can be.

    ``axes`` is the number of axes of what the layer makes.
    """
    if isinstance(layer, tuple(TRANSPOSED.values())):
        channel, foldable = 1, getattr(layer, "groups", 0) == 1
    elif isinstance(layer, nn.Linear):
        channel, foldable = 0, axes == 2
    else:
        channel, foldable = 0, isinstance(layer, tuple(CONVOLUTIONS.values()))
    if not foldable:
        return False
    weighted = cast(nn.Linear, layer)
    places = [-1 if axis == channel else 1 for axis in range(weighted.weight.ndim)]
    bias = shift if weighted.bias is None else weighted.bias * scale + shift
    weighted.weight = _parameter(weighted.weight * scale.view(places))
    weighted.bias = _parameter(bias)
    return True


def per_channel(values: torch.Tensor, axes: int) -> torch.Tensor:
    """Values of channels [C], to be combined with [B, C, …] of so many axes."""
    return values.view([-1 if axis == 1 else 1 for axis in range(axes)])
