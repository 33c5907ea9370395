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
    "Resize",
    "Slice",
    "Split",
    "Squeeze",
    "Tile",
    "Unsqueeze",
}
MOST_NUMBERS = 64


class _Watch(fx.Interpreter):
    """Runs a graph and keeps what does not depend on the photos, and the short lists it meets."""

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__(graph)
        self.fixed: dict[fx.Node, Any] = {}
        self.lists: dict[fx.Node, Any] = {}
        self.reshaped: dict[fx.Node, tuple[int, ...]] = {}

    def run_node(self, node: fx.Node) -> Any:
        value = super().run_node(node)
        if self._is_reshape(node):
            self.reshaped[node] = tuple(value.shape)
        if node.op == "get_attr" or (
            node.op == "call_function" and all(one in self.fixed for one in node.all_input_nodes)
        ):
            self.fixed[node] = value
        is_list = isinstance(value, torch.Tensor) and value.numel() <= MOST_NUMBERS
        if is_list and (node in self.fixed or not value.is_floating_point()):
            self.lists[node] = value.tolist()
        return value

    def _is_reshape(self, node: fx.Node) -> bool:
        """A reshape, or every number of a list taken in turn, as torch writes some of them."""
        operator = node.meta.get("onnx_op_type")
        if node.op != "call_function" or operator not in ("Reshape", "Gather"):
            return False
        data, places = self.fetch_args_kwargs_from_env(node)[0][:2]
        if operator == "Reshape":
            return True
        is_list = data.dim() == 1 and data.numel() == places.numel()
        return is_list and torch.equal(places.flatten(), torch.arange(data.numel()))


def settle_shapes(graph: fx.GraphModule, batch: torch.Tensor) -> None:
    """Run a graph on two and on three photos; what stays the same is a number from now on."""
    two, three = _Watch(graph), _Watch(graph)
    with torch.no_grad():
        two.run(batch[:2])
        three.run(batch[:3])
    for node in list(graph.graph.nodes):
        if node.op == "call_function" and node.meta.get("onnx_op_type") in LISTED:
            rest = [_settled(node, value, two, three) for value in node.args[1:]]
            node.args = (*node.args[:1], *rest)
    for node, value in two.fixed.items():
        if node.op != "get_attr" and isinstance(value, torch.Tensor):
            _replace_by_constant(graph, node, value)
    for node, shape in two.reshaped.items():
        settled = _reshape_of(shape, three.reshaped.get(node, ()))
        if settled is not None and node not in two.fixed:
            _replace_by_reshape(graph, node, settled)
    _remove_unused(graph)


def _settled(node: fx.Node, value: Any, two: _Watch, three: _Watch) -> Any:
    """The number or list that an argument always is; what varies stays as it is.

    In the shape of an expansion the number of photos, where it varies, is asked of the photos.
    """
    if value not in two.lists or value not in three.lists:
        return value
    first, second = two.lists[value], three.lists[value]
    if first == second:
        return first
    varying = [
        place for place, pair in enumerate(zip(first, second, strict=True)) if pair == (2, 3)
    ]
    is_expansion = node.meta["onnx_op_type"] == "Expand"
    if is_expansion and len(varying) == 1 and _but(first, varying[0]) == _but(second, varying[0]):
        place = varying[0]
        return [*first[:place], _number_of_photos(node), *first[place + 1 :]]
    return value


def _reshape_of(first: tuple[int, ...], second: tuple[int, ...]) -> list[int] | None:
    """The shape that is the first for two photos and the second for three, or None."""
    if len(first) != len(second):
        return None
    varying = [place for place, (a, b) in enumerate(zip(first, second, strict=True)) if a != b]
    if len(varying) > 1:
        return None
    place = varying[0] if varying else 0
    return [*first[:place], -1, *first[place + 1 :]] if first else None


def _but(numbers: list[int], place: int) -> list[int]:
    return numbers[:place] + numbers[place + 1 :]


def _number_of_photos(node: fx.Node) -> fx.Node:
    photos = next(one for one in node.graph.nodes if one.op == "placeholder")
    with node.graph.inserting_before(node):
        return node.graph.call_method("size", (photos, 0))


def _replace_by_constant(graph: fx.GraphModule, node: fx.Node, value: torch.Tensor) -> None:
    name = f"fixed_{node.name}"
    graph.register_buffer(name, value.clone())
    with graph.graph.inserting_before(node):
        node.replace_all_uses_with(graph.graph.get_attr(name))


def _replace_by_reshape(graph: fx.GraphModule, node: fx.Node, shape: list[int]) -> None:
    with graph.graph.inserting_before(node):
        reshaped = graph.graph.call_function(torch.reshape, (node.args[0], shape))
    node.replace_all_uses_with(reshaped)


def _remove_unused(graph: fx.GraphModule) -> None:
    graph.graph.eliminate_dead_code()
    used = {node.target for node in graph.graph.nodes if node.op == "get_attr"}
    for name in list(graph._buffers):
        if name not in used:
            delattr(graph, name)
    graph.delete_all_unused_submodules()
    graph.recompile()
