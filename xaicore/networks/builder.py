"""A canonical network while it is being built: its graph, its modules, what is known of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx, nn

from xaicore.networks.operations import WEIGHTED, Affine, Gate, Sum

METHODS = ("lrp", "deeplift")
# How clearly a tensor's values are those of a gate.
UNBOUNDED, LIMITED, GATING = 0, 1, 2


@dataclass(frozen=True)
class Obstacle:
    """A layer that one method cannot explain rightly, and why."""

    method: str
    layer: str
    reason: str


class Builder:
    """Adds operations to a graph and remembers which tensors the photo decides, and their bounds.

    ``layer`` is the name, for people, of the original layer that is being rewritten.
    """

    def __init__(self) -> None:
        self.graph = fx.Graph()
        self.root = nn.Module()
        self.layer = ""
        self._signals: dict[fx.Node, int] = {}
        self._refusals: list[tuple[fx.Node, Obstacle]] = []
        self._notes: dict[fx.Node, str] = {}

    def photo(self) -> fx.Node:
        node = self.graph.placeholder("photo")
        self._signals[node] = UNBOUNDED
        return node

    def is_signal(self, value: object) -> bool:
        """Does the photo decide its values (and not only, say, the number of photos)?"""
        return isinstance(value, fx.Node) and value in self._signals

    def bounds(self, node: fx.Node) -> int:
        return self._signals.get(node, UNBOUNDED)

    def module(self, layer: nn.Module, *inputs: fx.Node, bounds: int = UNBOUNDED) -> fx.Node:
        """Add a module of its own."""
        name = f"{type(layer).__name__.lower()}_{len(self.graph.nodes)}"
        self.root.add_module(name, layer.eval())
        node = self.graph.call_module(name, inputs)
        self._signals[node] = bounds
        return node

    def like(self, layer: nn.Module, *inputs: fx.Node) -> fx.Node:
        """Add a module whose values have the bounds of its inputs."""
        return self.module(layer, *inputs, bounds=min(map(self.bounds, inputs)))

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> fx.Node:
        """Add a function that only moves values."""
        args, kwargs = self._held((args, kwargs))
        node = self.graph.call_function(function, args, kwargs)
        moved = [self._signals[n] for n in node.all_input_nodes if n in self._signals]
        if moved:
            self._signals[node] = min(moved)
        return node

    def without_signal(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> fx.Node:
        """Add a function that takes of its inputs no more than their shapes."""
        args, kwargs = self._held((args, kwargs))
        return self.graph.call_function(function, args, kwargs)

    def refuse(self, node: fx.Node, reason: str, *methods: str) -> fx.Node:
        """Say that methods (all, if none is named) have no rule for what a node computes."""
        for method in methods or METHODS:
            self._refusals.append((node, Obstacle(method, self.layer, reason)))
        return node

    def note(self, node: fx.Node, sentence: str) -> None:
        """Keep a sentence that every map's proof should say if relevance passes this node."""
        self._notes[node] = sentence

    def _held(self, arguments: Any) -> Any:
        """Arguments with their tensors held by the network."""
        if isinstance(arguments, torch.Tensor):
            name = f"constant_{len(self.graph.nodes)}"
            self.root.register_buffer(name, arguments.detach())
            return self.graph.get_attr(name)
        if isinstance(arguments, dict):
            return {name: self._held(value) for name, value in arguments.items()}
        if isinstance(arguments, list | tuple):
            return type(arguments)(self._held(value) for value in arguments)
        return arguments

    def finish(self, scores: fx.Node) -> fx.GraphModule:
        self.graph.output(scores)
        self.graph.eliminate_dead_code(lambda node: node.op in ("placeholder", "output"))
        self.graph.lint()
        return fx.GraphModule(self.root, self.graph).eval()

    def obstacles(self) -> tuple[Obstacle, ...]:
        """What stands in the way of each method, each thing once, in the order in which it runs."""
        used, explained = set(self.graph.nodes), self._explained()
        return tuple(
            dict.fromkeys(
                obstacle
                for node, obstacle in self._refusals
                if node in (explained if obstacle.method == "lrp" else used)
            )
        )

    def notes(self) -> tuple[str, ...]:
        explained = self._explained()
        return tuple(dict.fromkeys(text for node, text in self._notes.items() if node in explained))

    def _explained(self) -> set[fx.Node]:
        """Nodes that LRP's relevance reaches: it takes the signal's way, never the gate's."""
        reached: set[fx.Node] = set()
        waiting = [node for node in self.graph.nodes if node.op == "output"]
        while waiting:
            node = waiting.pop()
            if node not in reached:
                reached.add(node)
                gated = isinstance(self.module_of(node), Gate)
                waiting += node.all_input_nodes[:1] if gated else node.all_input_nodes
        return reached

    def module_of(self, node: fx.Node) -> nn.Module | None:
        return self.root.get_submodule(str(node.target)) if node.op == "call_module" else None

    def first_layers(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of the layers with weights that see the photo first, and of what runs before them.

        A layer is first if no way from the photo to it passes another layer with weights.
        """
        behind: set[fx.Node] = set()
        first, before = [], []
        for node in self.graph.nodes:
            layer = self.module_of(node)
            if any(source in behind for source in node.all_input_nodes):
                behind.add(node)
            elif isinstance(layer, WEIGHTED):
                behind.add(node)
                first.append(str(node.target))
            elif isinstance(layer, Affine):
                before.append(str(node.target))
            elif isinstance(layer, Sum):
                before.append(f"{node.target}.function")
        return tuple(first), tuple(before)
