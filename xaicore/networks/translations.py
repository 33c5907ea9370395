"""What becomes of each operation that torch.export knows: the rule book of the canonical form.

A translation takes the builder and the call, and returns what the call's value is in the new graph.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from xaicore.networks import operations as ops
from xaicore.networks.builder import GATING, LIMITED, UNBOUNDED, Builder
from xaicore.networks.exporting import TELLTALE

MIXES_PHOTOS = "it mixes the photos of a batch"


@dataclass(frozen=True)
class Call:
    """One call of an ATen operation: its arguments by name, in the new graph or known values.

    ``shapes`` are the shapes of the first argument and of the result; ``alone``: nothing else
    uses the first argument.
    """

    name: str
    target: Callable[..., Any]
    args: list[Any]
    kwargs: dict[str, Any]
    given: dict[str, Any]
    shapes: tuple[tuple[Any, ...], tuple[Any, ...]]
    alone: bool

    def __getitem__(self, name: str) -> Any:
        return self.given[name]

    def signals(self, b: Builder) -> tuple[str, ...]:
        """Names of the arguments that the photo decides."""
        return tuple(name for name, value in self.given.items() if b.is_signal(value))

    def others(self, *names: str) -> dict[str, Any]:
        return {name: value for name, value in self.given.items() if name not in names}

    def again(self, b: Builder) -> fx.Node:
        """The operation itself, as it stands."""
        return b.call(self.target, *self.args, **self.kwargs)


Translation = Callable[[Builder, Call], Any]
TRANSLATIONS: dict[str, Translation] = {}


def translates(*names: str) -> Callable[[Translation], Translation]:
    """Enter a translation under the names of operations, which spaces separate."""

    def register(translation: Translation) -> Translation:
        TRANSLATIONS.update(dict.fromkeys(" ".join(names).split(), translation))
        return translation

    return register


def translate(b: Builder, call: Call) -> Any:
    return TRANSLATIONS.get(call.name, _unknown)(b, call)


def _unknown(b: Builder, call: Call) -> fx.Node:
    return b.refuse(call.again(b), f"there is no rule for its operation '{call.name}'")


def single(b: Builder, call: Call, kind: type[ops.Operation], bounds: int | None = None) -> Any:
    """A module around the operation as it stands, which must have one signal."""
    names = call.signals(b)
    constants = call.others(*names)
    if len(names) != 1 or any(isinstance(value, fx.Node) for value in constants.values()):
        return _unknown(b, call)
    layer, signal = kind(call.target, names, constants), call[names[0]]
    return b.like(layer, signal) if bounds is None else b.module(layer, signal, bounds=bounds)


@translates("dropout", "feature_dropout", "alpha_dropout", "clone", "contiguous", "alias", "detach")
def _identity(b: Builder, call: Call) -> fx.Node:
    return next(iter(call.given.values()))


@translates(
    "_to_copy channel_shuffle chunk constant_pad_nd expand expand_as fill flatten flip im2col",
    "index index_select masked_fill movedim narrow pad permute pixel_shuffle pixel_unshuffle",
    "reflection_pad1d reflection_pad2d repeat replication_pad1d replication_pad2d roll select",
    "select_scatter slice slice_scatter split split_with_sizes squeeze swapaxes t to transpose",
    "type_as unbind unflatten unsqueeze upsample_nearest1d upsample_nearest2d",
    "upsample_nearest_exact2d rot90 tile repeat_interleave unfold numpy_T cat concat stack",
)
def _route(b: Builder, call: Call) -> fx.Node:
    return call.again(b)


@translates("copy")
def _overwrite(b: Builder, call: Call) -> fx.Node:
    return b.call(torch.ops.aten.expand_as.default, call["src"], call["self"])


@translates("view", "_unsafe_view", "reshape")
def _view(b: Builder, call: Call) -> fx.Node:
    # A view of a tensor that lies channels-last in memory fails where a reshape does not.
    return b.call(torch.reshape, *call.args)


@translates(
    "zeros_like", "ones_like", "full_like", "empty_like", "new_zeros", "new_ones", "new_full"
)
def _constant(b: Builder, call: Call) -> fx.Node:
    return b.without_signal(call.target, *call.args, **call.kwargs)


@translates(
    "avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d",
    "adaptive_avg_pool3d upsample_linear1d upsample_bilinear2d upsample_bicubic2d",
    "upsample_trilinear3d _upsample_bilinear2d_aa _upsample_bicubic2d_aa cumsum col2im",
    "grid_sampler grid_sampler_2d",
)
def _mix(b: Builder, call: Call) -> fx.Node:
    return single(b, call, ops.Affine)


@translates("mean", "sum")
def _over_axes(b: Builder, call: Call) -> fx.Node:
    if mixes_photos(call):
        return b.refuse(call.again(b), MIXES_PHOTOS)
    return single(b, call, ops.Affine)


def mixes_photos(call: Call) -> bool:
    """Does an operation over axes take one along which photos follow one another?"""
    axes = call.given.get("dim")
    axes = [axes] if isinstance(axes, int) else axes
    sizes = [call.shapes[0][axis] for axis in axes] if axes else list(call.shapes[0])
    return any(not isinstance(size, int) or size % TELLTALE == 0 for size in sizes)


@translates(
    "relu leaky_relu elu selu celu prelu rrelu gelu silu mish hardswish softplus log_sigmoid",
    "hardshrink softshrink threshold clamp_min clamp_max exp exp2 expm1 log log2 log10 log1p sqrt",
    "square abs erf sin cos tan asinh atan sign round floor ceil logit nan_to_num",
)
def _activation(b: Builder, call: Call) -> fx.Node:
    return single(b, call, ops.Activation, UNBOUNDED)


@translates("sigmoid", "hardsigmoid", "rsqrt", "reciprocal")
def _gating(b: Builder, call: Call) -> fx.Node:
    return single(b, call, ops.Activation, GATING)


@translates("tanh", "hardtanh", "relu6")
def _limited(b: Builder, call: Call) -> fx.Node:
    return single(b, call, ops.Activation, LIMITED)


@translates("clamp")
def _clamp(b: Builder, call: Call) -> fx.Node:
    both = call["min"] is not None and call["max"] is not None
    return single(b, call, ops.Activation, LIMITED if both else UNBOUNDED)


@translates("softmax", "_softmax")
def _softmax(b: Builder, call: Call) -> fx.Node:
    node = single(b, call, ops.Softmax, GATING)
    return b.refuse(node, "a softmax has no rule in LRP, except as a gate", "lrp")


@translates("pow")
def _power(b: Builder, call: Call) -> fx.Node:
    if b.is_signal(call["self"]) and call["exponent"] == -0.5:
        return _gating(b, call)
    return single(b, call, ops.Activation, UNBOUNDED)


@translates("max_pool1d max_pool2d max_pool3d amax")
def _maximum(b: Builder, call: Call) -> fx.Node:
    return single(b, call, ops.Maximum)


@translates(
    "max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices",
    "adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d",
)
def _maximum_and_place(b: Builder, call: Call) -> tuple[fx.Node, None]:
    return _maximum(b, call), None


@translates("maximum", "max")
def _larger(b: Builder, call: Call) -> Any:
    if "other" not in call.given:
        if mixes_photos(call):
            return _unknown(b, call)
        layer = ops.Maximum(torch.amax, constants={k: call[k] for k in ("dim", "keepdim")})
        return b.like(layer, call["self"]), None
    pair = b.call(stacked, call["self"], call["other"])
    return b.like(ops.Maximum(torch.amax, constants={"dim": -1}), pair)


def stacked(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    return torch.stack(torch.broadcast_tensors(first, second), dim=-1)


@translates("add", "sub", "rsub")
def _add(b: Builder, call: Call) -> fx.Node:
    first, second = call["self"], call["other"]
    if not (isinstance(first, fx.Node) and isinstance(second, fx.Node)):
        return single(b, call, ops.Affine)
    factor = call["alpha"] if call.name == "add" else -call["alpha"]
    if call.name == "rsub":
        first, second = second, first
    return b.like(ops.Sum(), first, scaled(b, second, factor))


def scaled(b: Builder, signal: fx.Node, factor: float) -> fx.Node:
    if factor == 1:
        return signal
    return b.like(ops.Scale(torch.mul, ("input",), {"other": factor}), signal)


@translates("neg")
def _negative(b: Builder, call: Call) -> fx.Node:
    return scaled(b, call["self"], -1)


@translates("mul")
def _multiply(b: Builder, call: Call) -> fx.Node:
    first, second = call["self"], call["other"]
    if not (isinstance(first, fx.Node) and isinstance(second, fx.Node)):
        return _scale(b, call)
    if first is second:
        return b.module(ops.Activation(torch.square), first)
    if not b.is_signal(first):
        return b.like(ops.Gate(), second, first)
    if not b.is_signal(second):
        return b.like(ops.Gate(), first, second)
    return product(b, first, second)


def _scale(b: Builder, call: Call) -> fx.Node:
    """A product that repeats its signal along an axis is more than a scale: it is affine."""
    spreads = str(call.shapes[0]) != str(call.shapes[1])
    return single(b, call, ops.Affine if spreads else ops.Scale)


def product(b: Builder, first: fx.Node, second: fx.Node) -> fx.Node:
    """What is a gate by its values is one wherever it stands."""
    if b.bounds(first) > b.bounds(second):
        first, second = second, first
    node = b.like(ops.Gate(), first, second)
    if b.bounds(first) == b.bounds(second):
        reason = "it multiplies two computed tensors, neither of which is plainly a gate"
        b.refuse(node, reason, "lrp")
    b.note(node, "Products hand their relevance to the signal, and none to its gate.")
    return node


@translates("addcmul")
def _add_product(b: Builder, call: Call) -> fx.Node:
    start, first, second = call["self"], call["tensor1"], call["tensor2"]
    if len(call.signals(b)) == 1:
        return single(b, call, ops.Affine)
    if not all(map(b.is_signal, (start, first, second))) or call["value"] != 1:
        return _unknown(b, call)
    return b.like(ops.Sum(), start, product(b, first, second))


@translates("div")
def _divide(b: Builder, call: Call) -> fx.Node:
    dividend, divisor = call["self"], call["other"]
    if call.given.get("rounding_mode") is not None:
        return _unknown(b, call)
    if not isinstance(divisor, fx.Node):
        return _scale(b, call)
    if not isinstance(dividend, fx.Node):
        return single(b, call, ops.Activation, GATING)
    inverse = b.module(ops.Activation(torch.reciprocal), divisor, bounds=GATING)
    node = b.like(ops.Gate(), dividend, inverse)
    b.note(node, "Divisors that the photo decides are held at its own values.")
    return node


@translates("glu")
def _gated_half(b: Builder, call: Call) -> fx.Node:
    halves = b.call(torch.chunk, call["self"], 2, call["dim"])
    signal, gate = (b.call(_pick, halves, place) for place in (0, 1))
    return b.like(ops.Gate(), signal, b.module(ops.Activation(torch.sigmoid), gate, bounds=GATING))


def _pick(parts: tuple[torch.Tensor, ...], place: int) -> torch.Tensor:
    return parts[place]


@translates("scaled_dot_product_attention")
def _attention(b: Builder, call: Call) -> fx.Node:
    return b.refuse(call.again(b), "attention weighs computed tensors by one another")
