"""Normalisations: fixed ones become scale and shift, those by the photo itself their steps.

A group, layer or instance normalisation is a mean taken away, a division by the spread, a scale and
a shift. LRP holds the spread at the photo's own value, as Ali et al. 2022 do; DeepLIFT follows it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import fx, nn

from xaicore.networks import operations as ops
from xaicore.networks.builder import GATING, Builder
from xaicore.networks.layers import per_channel, rescale_outputs
from xaicore.networks.translations import MIXES_PHOTOS, Call, mixes_photos, translates

SPREAD_NOTE = "Normalisations by the photo's own spread hold that spread fixed."


@translates("_native_batch_norm_legit_no_training")
def _fixed(b: Builder, call: Call) -> tuple[fx.Node, None, None]:
    return _by_statistics(b, call, call["running_mean"], call["running_var"]), None, None


@translates("batch_norm")
def _batch(b: Builder, call: Call) -> fx.Node:
    if call["running_mean"] is None or call["training"]:
        return b.refuse(call.again(b), MIXES_PHOTOS)
    return _by_statistics(b, call, call["running_mean"], call["running_var"])


def _by_statistics(b: Builder, call: Call, mean: torch.Tensor, variance: torch.Tensor) -> fx.Node:
    """A scale and a shift, within the layer before it where there is one with weights."""
    signal = call["input"]
    scale = torch.rsqrt(variance + call["eps"])
    if call["weight"] is not None:
        scale = scale * call["weight"]
    shift = -mean * scale
    if call["bias"] is not None:
        shift = shift + call["bias"]
    axes = len(call.shapes[0])
    if call.alone and rescale_outputs(b.module_of(signal), scale, shift, axes):
        return signal
    constants = {"scale": per_channel(scale, axes), "shift": per_channel(shift, axes)}
    return b.like(ops.Affine(ops.scale_and_shift, ("input",), constants), signal)


@translates("group_norm")
def _group(b: Builder, call: Call) -> fx.Node:
    axes = len(call.shapes[0])
    groups = call["num_groups"]
    grouped = b.call(torch.unflatten, call["input"], 1, (groups, call.shapes[0][1] // groups))
    node = by_own_spread(b, grouped, list(range(2, axes + 1)), call["eps"])
    return _learned(b, b.call(torch.flatten, node, 1, 2), call, axes)


@translates("instance_norm")
def _instance(b: Builder, call: Call) -> fx.Node:
    if not call["use_input_stats"]:
        return _by_statistics(b, call, call["running_mean"], call["running_var"])
    axes = len(call.shapes[0])
    node = by_own_spread(b, call["input"], list(range(2, axes)), call["eps"])
    return _learned(b, node, call, axes)


@translates("layer_norm")
def _layer(b: Builder, call: Call) -> fx.Node:
    axes = [-1 - axis for axis in range(len(call["normalized_shape"]))]
    return _learned(b, by_own_spread(b, call["input"], axes, call["eps"]), call, None)


@translates("rms_norm")
def _root_mean_square(b: Builder, call: Call) -> fx.Node:
    axes = [-1 - axis for axis in range(len(call["normalized_shape"]))]
    eps = torch.finfo(torch.float32).eps if call["eps"] is None else call["eps"]
    return _learned(b, by_own_spread(b, call["input"], axes, eps, centre=False), call, None)


def by_own_spread(
    b: Builder, signal: fx.Node, axes: list[int], eps: float, centre: bool = True
) -> fx.Node:
    if centre:
        signal = b.like(ops.Affine(ops.without_mean, ("input",), {"dim": axes}), signal)
    square = b.module(ops.Activation(torch.square), signal)
    variance = b.like(_mean(axes), square)
    inverse = ops.Activation(ops.inverse_spread, ("input",), {"eps": eps})
    node = b.like(ops.Gate(), signal, b.module(inverse, variance, bounds=GATING))
    b.note(node, SPREAD_NOTE)
    return node


def _learned(b: Builder, signal: fx.Node, call: Call, axes: int | None) -> fx.Node:
    """The learned scale and shift, each channel's (in ``axes`` axes) or each value's."""
    weight, bias = call.given["weight"], call.given.get("bias")

    def placed(values: torch.Tensor) -> torch.Tensor:
        return values if axes is None else per_channel(values, axes)

    if weight is None and bias is None:
        return signal
    if bias is None:
        return b.like(ops.Scale(torch.mul, ("input",), {"other": placed(weight)}), signal)
    scale = torch.ones_like(bias) if weight is None else weight
    constants = {"scale": placed(scale), "shift": placed(bias)}
    return b.like(ops.Affine(ops.scale_and_shift, ("input",), constants), signal)


def _mean(axes: list[int]) -> nn.Module:
    return ops.Affine(torch.mean, ("input",), {"dim": axes, "keepdim": True})


@translates("std", "var", "var_mean", "std_mean")
def _spread(b: Builder, call: Call) -> Any:
    axes = call.given.get("dim")
    sizes = call.shapes[0]
    if mixes_photos(call):
        return b.refuse(call.again(b), MIXES_PHOTOS)
    axes = list(range(len(sizes))) if axes is None else axes
    count = 1
    for axis in axes:
        count *= sizes[axis]
    correction = call.given.get("correction", int(bool(call.given.get("unbiased", True))))
    correction = 1 if correction is None else correction
    centred = b.like(ops.Affine(ops.without_mean, ("input",), {"dim": axes}), call["self"])
    square = b.module(ops.Activation(torch.square), centred)
    factor = 1 / (count - correction)
    over = {"dim": axes, "keepdim": call["keepdim"]}
    total = b.like(ops.Affine(torch.sum, ("input",), over), square)
    spread = b.like(ops.Scale(torch.mul, ("input",), {"other": factor}), total)
    if call.name.startswith("std"):
        spread = b.module(ops.Activation(torch.sqrt), spread)
    if not call.name.endswith("_mean"):
        return spread
    return spread, b.like(ops.Affine(torch.mean, ("input",), over), call["self"])


@translates("linalg_vector_norm")
def _length(b: Builder, call: Call) -> fx.Node:
    axes = call["dim"]
    if call["ord"] != 2 or not axes or mixes_photos(call):
        return b.refuse(call.again(b), "there is no rule for this kind of norm")
    square = b.module(ops.Activation(torch.square), call["self"])
    over = {"dim": axes, "keepdim": call["keepdim"]}
    total = b.like(ops.Affine(torch.sum, ("input",), over), square)
    return b.module(ops.Activation(torch.sqrt), total)
