"""Shapes that an ONNX graph works out while it runs → numbers, so that torch.export can follow."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

# Operators whose inputs after the first are lists of numbers, such as a shape or axes.
LISTED = {
    "Expand",
    "Pad",
    "ReduceL2",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceSum",
    "Reshape",
    "Resize",
    "Slice",
    "Split",
    "Squeeze",
    "Tile",
    "Unsqueeze",
}
# What says "as many photos as there are" in a shape.
ANY_NUMBER = {"Reshape": -1, "Expand": 1}
MOST_NUMBERS = 64


class _Watch(fx.Interpreter):
    """Runs a graph and keeps the short lists of numbers that it meets."""

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__(graph)
        self.seen: dict[fx.Node, Any] = {}

    def run_node(self, node: fx.Node) -> Any:
        value = super().run_node(node)
        if isinstance(value, torch.Tensor) and value.numel() <= MOST_NUMBERS:
            is_constant = node.op == "get_attr"
            if is_constant or not (value.is_floating_point() or value.is_complex()):
                self.seen[node] = value.tolist()
        return value


def settle_shapes(graph: fx.GraphModule, batch: torch.Tensor) -> None:
    """Run a graph on two and on three photos; what stays the same is a number from now on."""
    first, second = _Watch(graph), _Watch(graph)
    with torch.no_grad():
        first.run(batch[:2])
        second.run(batch[:3])
    for node in graph.graph.nodes:
        operator = node.meta.get("onnx_op_type")
        if node.op == "call_function" and operator in LISTED:
            rest = [_settled(value, operator, first.seen, second.seen) for value in node.args[1:]]
            node.args = (*node.args[:1], *rest)
    graph.graph.eliminate_dead_code()
    used = {node.target for node in graph.graph.nodes if node.op == "get_attr"}
    for name in list(graph._buffers):
        if name not in used:
            delattr(graph, name)
    graph.delete_all_unused_submodules()
    graph.recompile()


def _settled(
    value: Any, operator: str, first: dict[fx.Node, Any], second: dict[fx.Node, Any]
) -> Any:
    """The number or list that a node always gives; the node itself where it varies."""
    if value not in first or value not in second:
        return value
    two, three = first[value], second[value]
    if two == three:
        return two
    places = [place for place, pair in enumerate(zip(two, three, strict=True)) if pair == (2, 3)]
    rest_varies = sum(a != b for a, b in zip(two, three, strict=True)) != 1
    if operator not in ANY_NUMBER or len(places) != 1 or rest_varies:
        return value
    return [*two[: places[0]], ANY_NUMBER[operator], *two[places[0] + 1 :]]
