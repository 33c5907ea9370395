"""A network's list of operations → a network of the modules that explainers know."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx
from torch.export import ExportedProgram

# Imported for the translations that they enter.
from xaicore.networks import layers as _layers  # noqa: F401
from xaicore.networks import norms as _norms  # noqa: F401
from xaicore.networks.builder import Builder
from xaicore.networks.exporting import CannotExport
from xaicore.networks.translations import Call, translate


def lower(program: ExportedProgram) -> tuple[Builder, fx.GraphModule]:
    """Rewrite an exported network; raises :class:`CannotExport` for what is no plain network."""
    lowering = _Lowering(program)
    for node in program.graph.nodes:
        if node.op == "get_attr":
            raise CannotExport("its forward pass holds another graph, which cannot be followed")
        if node.op == "call_function":
            lowering.rewrite(node)
    answers = program.graph_signature.user_outputs
    values = [value for node, value in lowering.values.items() if node.name in answers]
    if len(answers) != 1 or not values or not isinstance(values[0], fx.Node):
        raise CannotExport("it does not answer with one tensor of scores")
    return lowering.builder, lowering.builder.finish(values[0])


class _Lowering:
    """Walks an exported graph; what is the same for all photos is computed once, here."""

    def __init__(self, program: ExportedProgram) -> None:
        self.builder = Builder()
        self.values: dict[fx.Node, Any] = {}
        held = _held_tensors(program)
        for node in program.graph.nodes:
            if node.op == "placeholder":
                known = node.name in held
                self.values[node] = held[node.name] if known else self.builder.photo()

    def value(self, argument: Any) -> Any:
        """An argument in the new graph: known values, or nodes of it."""
        if isinstance(argument, fx.Node):
            return self.values[argument]
        if isinstance(argument, list | tuple):
            return type(argument)(self.value(item) for item in argument)
        if isinstance(argument, dict):
            return {name: self.value(item) for name, item in argument.items()}
        return argument

    def rewrite(self, node: fx.Node) -> None:
        args, kwargs = self.value(list(node.args)), self.value(dict(node.kwargs))
        if _asserts(node):
            return
        self.builder.layer = _layer_name(node)
        self.values[node] = self._rewritten(node, node.target, args, kwargs)

    def _rewritten(
        self, node: fx.Node, target: Any, args: list[Any], kwargs: dict[str, Any]
    ) -> Any:
        inputs = _nodes_in([args, kwargs])
        if not inputs:
            return target(*args, **kwargs)
        if _picks(node):
            whole, place = args
            return self.builder.call(target, *args) if whole in inputs else whole[place]
        if _is_size(node) or not any(map(self.builder.is_signal, inputs)):
            return self.builder.without_signal(target, *args, **kwargs)
        if not hasattr(target, "_schema"):
            raise CannotExport(f"its forward pass holds '{_name(node)}', which cannot be followed")
        return translate(self.builder, self._call(node, args, kwargs))

    def _call(self, node: fx.Node, args: list[Any], kwargs: dict[str, Any]) -> Call:
        target: Any = node.target
        given = {}
        for place, argument in enumerate(target._schema.arguments):
            if place < len(args):
                given[argument.name] = args[place]
            elif argument.name in kwargs or argument.has_default_value():
                given[argument.name] = kwargs.get(argument.name, argument.default_value)
        source = next((argument for argument in node.args if isinstance(argument, fx.Node)), None)
        shapes = _shape(source), _shape(node)
        return Call(_name(node), target, args, kwargs, given, shapes, self._used_once(source))

    def _used_once(self, source: fx.Node | None) -> bool:
        """Whether nothing else takes this tensor, under this name or that of an identity of it."""
        value = None if source is None else self.values[source]
        same = [node for node, other in self.values.items() if other is value]
        return all(len(node.users) == 1 for node in same)


def _held_tensors(program: ExportedProgram) -> dict[str, torch.Tensor]:
    """The exported network's weights, buffers and constants, by the names of their places."""
    signature = program.graph_signature
    tensors = {**program.state_dict, **program.constants}
    places = {
        **signature.inputs_to_parameters,
        **signature.inputs_to_buffers,
        **signature.inputs_to_lifted_tensor_constants,
    }
    return {place: tensors[name] for place, name in places.items()}


def _name(node: fx.Node) -> str:
    packet = getattr(node.target, "overloadpacket", None)
    return packet.__name__ if packet is not None else str(node.target)


def _shape(node: fx.Node | None) -> tuple[Any, ...]:
    value = node.meta.get("val") if node is not None else None
    return tuple(getattr(value, "shape", ()))


def _nodes_in(arguments: Any) -> list[fx.Node]:
    found: list[fx.Node] = []
    fx.node.map_arg(arguments, found.append)
    return found


def _picks(node: fx.Node) -> bool:
    return getattr(node.target, "__name__", "") == "getitem"


def _is_size(node: fx.Node) -> bool:
    return _name(node).startswith("sym_")


def _asserts(node: fx.Node) -> bool:
    return "assert" in _name(node) or "sym_constrain" in _name(node)


def _layer_name(node: fx.Node) -> str:
    """The innermost module that an operation belongs to, as 'features.0.1 (LayerNorm)'."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path, kind = stack[-1] if stack else ("", "")
    kind = kind if isinstance(kind, str) else getattr(kind, "__name__", "")
    kind = kind.rpartition(".")[2] or "the network"
    path = path.partition("@")[0]
    return f"{path} ({kind})" if path else kind
