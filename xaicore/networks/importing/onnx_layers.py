"""ONNX operators → torch layers, so that methods find convolutions and activations to look at.

onnx2fx turns every operator into a function over tensors; those below become layers with weights
of their own instead. What a layer cannot express is left to onnx2fx.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import onnx
import torch
from onnx2fx.graph_builder import GraphBuilder
from onnx2fx.utils.attributes import get_attribute, get_attributes
from torch import fx, nn

SAME = ("SAME_UPPER", "SAME_LOWER")


class LayerBuilder(GraphBuilder):
    """onnx2fx's builder, with layers where there are any.

    ``constants`` are the tensors known before the network runs; floats are 32-bit throughout.
    With ``one_photo`` the file was written for a batch of one, and reshapes are freed of it.
    """

    def __init__(self, model: onnx.ModelProto, one_photo: bool) -> None:
        super().__init__(model)
        self.constants = dict(self.initializer_map)
        self.one_photo = one_photo

    def load_tensor(self, tensor: onnx.TensorProto) -> torch.Tensor:
        loaded = super().load_tensor(tensor)
        return loaded.float() if loaded.is_floating_point() else loaded

    def _resolve_handler(self, node: onnx.NodeProto) -> tuple[Callable[..., Any], str, int]:
        general, domain, opset = super()._resolve_handler(node)
        special = OPERATORS.get(node.op_type)

        def convert(builder: LayerBuilder, node: onnx.NodeProto) -> Any:
            made = special(builder, node) if special else None
            made = general(builder, node) if made is None else made
            if node.op_type == "Constant":
                builder.constants[node.output[0]] = builder._constants[str(made.target)]
            return made

        return convert, domain, opset

    def layer(self, node: onnx.NodeProto, layer: nn.Module) -> fx.Node:
        """Add a layer under the operator's name, and its call on the operator's first input."""
        name = re.sub(r"\W+", "_", node.name).strip("_") or f"{node.op_type}_{node.output[0]}"
        taken = {*self._constants, *self._submodules}
        name = name if name not in taken else f"{name}_layer"
        registered = self.register_submodule(name, layer.eval().requires_grad_(False))
        return self.call_module(registered, (self.get_value(node.input[0]),))

    def shape(self, name: str) -> list[int | None] | None:
        """What the file says of a value's shape; None for what it does not say."""
        return self.value_info_map.get(name, (None, None))[0]

    def weights(self, node: onnx.NodeProto) -> list[torch.Tensor] | None:
        """All inputs but the first, if they are known before the network runs."""
        names = [name for name in node.input[1:] if name]
        if not names or any(name not in self.constants for name in names):
            return None
        return [self.constants[name] for name in names]


def _frozen(weight: torch.Tensor) -> nn.Parameter:
    return nn.Parameter(weight.contiguous(), requires_grad=False)


def _padding(
    builder: LayerBuilder, node: onnx.NodeProto, kernel: Sequence[int]
) -> list[int] | None:
    """Rows and columns added before and after, [top, left, bottom, right]; None if unknown."""
    given = get_attributes(node)
    kind = given.get("auto_pad", "NOTSET")
    if kind not in SAME:
        return list(given.get("pads", [0] * 2 * len(kernel)))
    shape = builder.shape(node.input[0])
    sides = [side for side in (shape or [])[2:] if side is not None]
    if len(sides) != len(kernel):
        return None
    strides = given.get("strides", [1] * len(kernel))
    dilations = given.get("dilations", [1] * len(kernel))
    before, after = [], []
    for side, width, stride, dilation in zip(sides, kernel, strides, dilations, strict=True):
        reach = (-(-side // stride) - 1) * stride + (width - 1) * dilation + 1
        small, large = max(reach - side, 0) // 2, (max(reach - side, 0) + 1) // 2
        before.append(small if kind == "SAME_UPPER" else large)
        after.append(large if kind == "SAME_UPPER" else small)
    return before + after


def _with_padding(
    padding: list[int], value: float, make: Callable[[tuple[int, int]], nn.Module]
) -> nn.Module:
    """A layer that pads by itself where it can, after a layer of padding where it cannot."""
    top, left, bottom, right = padding
    if (top, left) == (bottom, right):
        return make((top, left))
    return nn.Sequential(nn.ConstantPad2d((left, right, top, bottom), value), make((0, 0)))


def _convolution(builder: LayerBuilder, node: onnx.NodeProto) -> fx.Node | None:
    weights, given = builder.weights(node), get_attributes(node)
    if weights is None or weights[0].dim() != 4:
        return None
    kernel = tuple(weights[0].shape[2:])
    padding = _padding(builder, node, kernel)
    if padding is None:
        return None

    def make(border: tuple[int, int]) -> nn.Conv2d:
        groups = given.get("group", 1)
        layer = nn.utils.skip_init(
            nn.Conv2d,
            weights[0].shape[1] * groups,
            weights[0].shape[0],
            kernel,
            stride=tuple(given.get("strides", (1, 1))),
            padding=border,
            dilation=tuple(given.get("dilations", (1, 1))),
            groups=groups,
            bias=len(weights) > 1,
        )
        return _filled(layer, weights)

    return builder.layer(node, _with_padding(padding, 0.0, make))


def _filled(layer: nn.Module, weights: Sequence[torch.Tensor]) -> Any:
    layer.weight = _frozen(weights[0])
    if len(weights) > 1:
        layer.bias = _frozen(weights[1])
    return layer


def _matrix(builder: LayerBuilder, node: onnx.NodeProto) -> fx.Node | None:
    """Gemm and MatMul with known weights, as a linear layer."""
    weights, given = builder.weights(node), get_attributes(node)
    if weights is None or weights[0].dim() != 2 or given.get("transA", 0):
        return None
    weight = weights[0] if given.get("transB", 0) else weights[0].T
    layer = nn.utils.skip_init(nn.Linear, weight.shape[1], weight.shape[0], bias=len(weights) > 1)
    terms = [weight * given.get("alpha", 1.0)]
    if len(weights) > 1:
        terms.append((weights[1] * given.get("beta", 1.0)).flatten().expand(weight.shape[0]))
    return builder.layer(node, _filled(layer, terms))


def _batch_norm(builder: LayerBuilder, node: onnx.NodeProto) -> fx.Node | None:
    weights, given = builder.weights(node), get_attributes(node)
    kinds: dict[int, type[nn.Module]] = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}
    kind = kinds.get(len(builder.shape(node.input[0]) or []))
    if weights is None or kind is None or given.get("training_mode", 0):
        return None
    layer: Any = kind(len(weights[0]), eps=given.get("epsilon", 1e-5))
    layer.running_mean, layer.running_var = weights[2].clone(), weights[3].clone()
    return builder.layer(node, _filled(layer, weights[:2]))


def _layer_norm(builder: LayerBuilder, node: onnx.NodeProto) -> fx.Node | None:
    weights, given = builder.weights(node), get_attributes(node)
    if weights is None or given.get("axis", -1) != -1 or len(node.output) > 1:
        return None
    shape, eps = tuple(weights[0].shape), given.get("epsilon", 1e-5)
    layer = nn.LayerNorm(shape, eps=eps, bias=len(weights) > 1)
    return builder.layer(node, _filled(layer, weights))


def _max_pool(builder: LayerBuilder, node: onnx.NodeProto) -> fx.Node | None:
    given = get_attributes(node)
    kernel = given["kernel_shape"]
    padding = _padding(builder, node, kernel)
    if padding is None or len(kernel) != 2 or len(node.output) > 1:
        return None

    def make(border: tuple[int, int]) -> nn.Module:
        return nn.MaxPool2d(
            tuple(kernel),
            tuple(given.get("strides", (1, 1))),
            border,
            tuple(given.get("dilations", (1, 1))),
            ceil_mode=bool(given.get("ceil_mode", 0)),
        )

    return builder.layer(node, _with_padding(padding, float("-inf"), make))


def _average_pool(builder: LayerBuilder, node: onnx.NodeProto) -> fx.Node | None:
    given = get_attributes(node)
    kernel = given["kernel_shape"]
    padding = _padding(builder, node, kernel)
    if padding is None or len(kernel) != 2 or padding[:2] != padding[2:]:
        return None
    if any(step != 1 for step in given.get("dilations", ())):
        return None
    layer = nn.AvgPool2d(
        tuple(kernel),
        tuple(given.get("strides", (1, 1))),
        (padding[0], padding[1]),
        ceil_mode=bool(given.get("ceil_mode", 0)),
        count_include_pad=bool(given.get("count_include_pad", 0)),
    )
    return builder.layer(node, layer)


def _softmax(kind: type[nn.Module]) -> Callable[[LayerBuilder, onnx.NodeProto], fx.Node | None]:
    def convert(builder: LayerBuilder, node: onnx.NodeProto) -> fx.Node | None:
        axis = get_attribute(node, "axis", -1 if builder.opset_version >= 13 else 1)
        rank = len(builder.shape(node.input[0]) or [])
        # Before opset 13 all axes from this one on were taken together.
        if builder.opset_version < 13 and axis not in (-1, rank - 1):
            return None
        return builder.layer(node, kind(axis))

    return convert


def _clip(builder: LayerBuilder, node: onnx.NodeProto) -> fx.Node | None:
    given = get_attributes(node)
    ends = [given.get("min"), given.get("max")]
    for place, name in enumerate(node.input[1:3]):
        if name and name not in builder.constants:
            return None
        ends[place] = builder.constants[name].item() if name else None
    low, high = ends
    if (low, high) == (0, 6):
        return builder.layer(node, nn.ReLU6())
    if low == 0 and (high is None or high > 1e38):
        return builder.layer(node, nn.ReLU())
    if low is None or high is None:
        return None
    return builder.layer(node, nn.Hardtanh(low, high))


def _hard_sigmoid(builder: LayerBuilder, node: onnx.NodeProto) -> fx.Node | None:
    slope, offset = get_attribute(node, "alpha", 0.2), get_attribute(node, "beta", 0.5)
    if abs(slope - 1 / 6) > 1e-6 or offset != 0.5:
        return None
    return builder.layer(node, nn.Hardsigmoid())


def _prelu(builder: LayerBuilder, node: onnx.NodeProto) -> fx.Node | None:
    weights = builder.weights(node)
    if weights is None or weights[0].numel() != max([*weights[0].shape[:1], 1]):
        return None
    layer = nn.PReLU(weights[0].numel())
    return builder.layer(node, _filled(layer, [weights[0].flatten()]))


def _flatten(builder: LayerBuilder, node: onnx.NodeProto) -> fx.Node | None:
    return builder.layer(node, nn.Flatten()) if get_attribute(node, "axis", 1) == 1 else None


def _identity(builder: LayerBuilder, node: onnx.NodeProto) -> fx.Node | None:
    """Another name for a value; dropout too is one."""
    if len([name for name in node.output if name]) > 1:
        return None
    if node.input[0] in builder.constants:
        builder.constants[node.output[0]] = builder.constants[node.input[0]]
    return builder.get_value(node.input[0])


def _cast(builder: LayerBuilder, node: onnx.NodeProto) -> fx.Node | None:
    floats = (onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE, onnx.TensorProto.BFLOAT16)
    if get_attribute(node, "to") not in floats:
        return None
    return builder.call_function(torch.Tensor.float, (builder.get_value(node.input[0]),))


def _reshape(builder: LayerBuilder, node: onnx.NodeProto) -> fx.Node | None:
    """A reshape that says "one photo" means "as many photos as there are"."""
    sides = builder.constants.get(node.input[1]) if len(node.input) > 1 else None
    if not builder.one_photo or sides is None or sides.numel() < 2 or sides[0] != 1:
        return None
    value = builder.get_value(node.input[0])
    return builder.call_function(_reshape_each, (value, tuple(sides[1:].tolist())))


def _reshape_each(value: torch.Tensor, sides: tuple[int, ...]) -> torch.Tensor:
    return value.reshape(len(value), *sides)


def _plain(make: Callable[..., nn.Module], **names: str) -> Callable[..., fx.Node]:
    """A converter for a layer without weights; ``names`` give its arguments' ONNX names."""

    def convert(builder: LayerBuilder, node: onnx.NodeProto) -> fx.Node:
        given = get_attributes(node)
        arguments = {ours: given[theirs] for ours, theirs in names.items() if theirs in given}
        return builder.layer(node, make(**arguments))

    return convert


OPERATORS: dict[str, Callable[[LayerBuilder, onnx.NodeProto], fx.Node | None]] = {
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": _cast,
    "Clip": _clip,
    "Conv": _convolution,
    "Dropout": _identity,
    "Elu": _plain(nn.ELU, alpha="alpha"),
    "Flatten": _flatten,
    "Gelu": _plain(nn.GELU, approximate="approximate"),
    "Gemm": _matrix,
    "GlobalAveragePool": _plain(lambda: nn.AdaptiveAvgPool2d(1)),
    "GlobalMaxPool": _plain(lambda: nn.AdaptiveMaxPool2d(1)),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _plain(nn.Hardswish),
    "Identity": _identity,
    "LayerNormalization": _layer_norm,
    "LeakyRelu": _plain(lambda slope=0.01: nn.LeakyReLU(slope), slope="alpha"),
    "LogSoftmax": _softmax(nn.LogSoftmax),
    "MatMul": _matrix,
    "MaxPool": _max_pool,
    "Mish": _plain(nn.Mish),
    "PRelu": _prelu,
    "Relu": _plain(nn.ReLU),
    "Reshape": _reshape,
    "Selu": _plain(nn.SELU),
    "Sigmoid": _plain(nn.Sigmoid),
    "Softmax": _softmax(nn.Softmax),
    "Softplus": _plain(nn.Softplus),
    "Swish": _plain(nn.SiLU),
    "Tanh": _plain(nn.Tanh),
}
