"""Rewrite a network so that every operation is a module of its own that explainers know.

LRP and DeepLIFT hook modules: what happens between modules (a functional ReLU, an addition, one
activation used twice) they would silently miss. The rewritten network computes the same logits
from convolutions, linear layers, activations, poolings, :class:`Sum` and :class:`Gate` alone.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.nn.functional as F
import zennit.layer
from captum.attr._core.deep_lift import SUPPORTED_NON_LINEAR
from torch import fx, nn
from torch.fx.experimental.optimization import fuse
from torchvision.ops import StochasticDepth, stochastic_depth
from zennit.types import Activation, AvgPool, Linear, MaxPool


class Sum(nn.Module):
    """Addition of two tensors, in the form that zennit's rules know."""

    def __init__(self) -> None:
        super().__init__()
        self.terms = zennit.layer.Sum()

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        return self.terms(torch.stack(torch.broadcast_tensors(first, second), dim=-1))


class Gate(nn.Module):
    """Product of two tensors; the larger is the signal, the smaller the gate that scales it."""

    def __init__(self) -> None:
        super().__init__()
        self.product: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = torch.mul

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
        signal, gate = (first, second) if first.numel() >= second.numel() else (second, first)
        return self.product(signal, gate)


ACTIVATIONS: dict[Any, type[nn.Module]] = {
    torch.relu: nn.ReLU,
    F.relu: nn.ReLU,
    "relu": nn.ReLU,
    "relu_": nn.ReLU,
    F.relu6: nn.ReLU6,
    F.silu: nn.SiLU,
    F.gelu: nn.GELU,
    F.hardswish: nn.Hardswish,
    F.hardsigmoid: nn.Hardsigmoid,
    torch.sigmoid: nn.Sigmoid,
    "sigmoid": nn.Sigmoid,
    torch.tanh: nn.Tanh,
    "tanh": nn.Tanh,
}
ADDITIONS = (operator.add, operator.iadd, torch.add, "add", "add_")
PRODUCTS = (operator.mul, operator.imul, torch.mul, "mul", "mul_")
# captum knows the rescale rule for some activations; it is the same for any elementwise function.
SUPPORTED_NON_LINEAR.update(
    dict.fromkeys(
        (nn.ReLU6, nn.SiLU, nn.GELU, nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh),
        SUPPORTED_NON_LINEAR[nn.ReLU],
    )
)
ROUTES = (
    torch.flatten,
    torch.cat,
    "flatten",
    "view",
    "reshape",
    "size",
    "contiguous",
    "squeeze",
    getattr,
    operator.getitem,
    F.dropout,
    stochastic_depth,
)
TRANSPARENT = (nn.Flatten, nn.Identity, nn.Dropout, nn.Dropout2d, StochasticDepth, Sum, Gate)


@dataclass(frozen=True)
class Obstacle:
    """A layer that one method cannot explain rightly, and why."""

    method: str
    layer: str
    reason: str


@dataclass(frozen=True)
class Canonical:
    """A network in canonical form, and what still stands in the way of LRP and DeepLIFT."""

    net: nn.Module
    obstacles: tuple[Obstacle, ...]


def canonicalize(net: nn.Module) -> Canonical:
    """Rewrite a network in inference mode; one that cannot be traced stays as it is."""
    net = net.eval()
    try:
        fused = cast(fx.GraphModule, fuse(net))
    except Exception:  # torch.fx raises many types for data-dependent control flow
        reason = "its forward pass cannot be traced, for what it does depends on the photo"
        whole = type(net).__name__
        return Canonical(net, tuple(Obstacle(m, whole, reason) for m in ("lrp", "deeplift")))
    _own_modules(fused)
    _modules_for_functions(fused)
    _convolutions_for_batch_norms(fused)
    fused.recompile()
    unchanged = _operations(fx.symbolic_trace(net)) == _operations(fused)
    return Canonical(net if unchanged else fused, tuple(_find_obstacles(fused)))


def audit(net: nn.Module) -> list[Obstacle]:
    """List the layers of a network that LRP or DeepLIFT cannot explain rightly, and why."""
    return list(canonicalize(copy.deepcopy(net)).obstacles)


def _operations(graph: fx.GraphModule) -> list[tuple[str, Any]]:
    """What runs, in order: each module's name and type, each function."""
    return [
        (str(node.target), type(graph.get_submodule(str(node.target))))
        if node.op == "call_module"
        else (node.op, node.target)
        for node in graph.graph.nodes
    ]


def _own_modules(graph: fx.GraphModule) -> None:
    """Give every call of a module that is used several times a copy of its own."""
    seen: set[str] = set()
    for node in list(graph.graph.nodes):
        if node.op != "call_module":
            continue
        target = str(node.target)
        if target in seen:
            layer = copy.deepcopy(graph.get_submodule(target))
            node.target = _add(graph, f"{target}_{len(seen)}", layer)
        seen.add(str(node.target))


def _modules_for_functions(graph: fx.GraphModule) -> None:
    for node in list(graph.graph.nodes):
        if node.op not in ("call_function", "call_method"):
            continue
        tensors = [argument for argument in node.args if isinstance(argument, fx.Node)]
        make: Callable[[], nn.Module] | None = ACTIVATIONS.get(node.target)
        if node.target in ADDITIONS and len(tensors) == 2:
            make = Sum
        elif node.target in PRODUCTS and len(tensors) == 2:
            make = Gate
        if make is None:
            continue
        with graph.graph.inserting_after(node):
            name = _add(graph, f"canonical_{node.name}", make())
            call = graph.graph.call_module(name, tuple(tensors))
        node.replace_all_uses_with(call)
        graph.graph.erase_node(node)


def _convolutions_for_batch_norms(graph: fx.GraphModule) -> None:
    """A batch normalisation after no convolution is itself one: 1×1, each channel alone."""
    for node in graph.graph.nodes:
        if node.op != "call_module":
            continue
        norm = graph.get_submodule(str(node.target))
        if not isinstance(norm, nn.BatchNorm2d):
            continue
        width = norm.num_features
        with torch.inference_mode():
            offset = norm(torch.zeros(1, width, 1, 1))
            factor = norm(torch.ones(1, width, 1, 1)) - offset
        convolution = nn.Conv2d(width, width, 1, groups=width)
        convolution.weight = nn.Parameter(factor.view(width, 1, 1, 1).clone())
        convolution.bias = nn.Parameter(offset.flatten().clone())
        _add(graph, str(node.target), convolution)


def _add(graph: fx.GraphModule, name: str, layer: nn.Module) -> str:
    parent, _, last = name.rpartition(".")
    setattr(graph.get_submodule(parent), last, layer.eval())
    return name


def _find_obstacles(graph: fx.GraphModule) -> list[Obstacle]:
    found = []
    for node in graph.graph.nodes:
        if node.op == "call_module":
            layer = graph.get_submodule(str(node.target))
            name = f"{node.target} ({type(layer).__name__})"
            known = TRANSPARENT + Linear.__subclass__ + AvgPool.__subclass__ + MaxPool.__subclass__
            if isinstance(layer, known):
                continue
            if not isinstance(layer, Activation) or isinstance(layer, nn.MultiheadAttention):
                found.append(Obstacle("lrp", name, "LRP has no rule for it"))
            if type(layer) not in SUPPORTED_NON_LINEAR or isinstance(layer, nn.Softmax):
                found.append(Obstacle("deeplift", name, "DeepLIFT has no rule for it"))
        elif node.op in ("call_function", "call_method") and node.target not in ROUTES:
            name = f"{node.name} ({getattr(node.target, '__name__', node.target)})"
            found += [
                Obstacle("lrp", name, "LRP cannot see inside this operation"),
                Obstacle("deeplift", name, "DeepLIFT cannot see inside this operation"),
            ]
    return found
