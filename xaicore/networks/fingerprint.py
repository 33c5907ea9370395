"""What tells two networks apart: their tensors, and all that is done with these.

Nothing here depends on where objects lie in memory or on how this Python writes its bytecode where
there is source to read, so that a network has one fingerprint in every process.
"""

from __future__ import annotations

import enum
import functools
import hashlib
import inspect
import operator
import re
import textwrap
import types
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from xaicore.identity import DIGITS, canonical, hash_array, hash_bytes
from xaicore.networks.tracing import trace

_LIBRARIES = ("torch", "torchvision", "builtins", "_operator", "operator", "math", "numpy")
# What torch.fx leaves on a network that it has traced; the graph holds their values.
_TRACED = re.compile(r"_tensor_constant\d+$")
# What every module has, whatever it does.
_COMMON = set(vars(nn.Module()))


def fingerprint_of(net: nn.Module, preparation: Mapping[str, Any], weights_hash: str) -> str:
    """16 hex digits that differ wherever two networks could answer or be explained differently.

    ``preparation`` holds, as plain values, what happens to photos and answers around the network.
    """
    told = {
        "preparation": dict(preparation),
        "weights": weights_hash,
        "tensors": [[name, _kind(tensor)] for name, tensor in sorted(tensors_of(net).items())],
        "beside": _hash_beside(net),
        "modules": _describe_modules(net),
        "forward": _describe_forward(net),
    }
    return hash_bytes(canonical(told).encode())


def hash_weights(net: nn.Module) -> str:
    """16 hex digits of a SHA-256 over the names and values of a network's saved tensors."""
    digest = hashlib.sha256()
    for name, tensor in sorted(net.state_dict().items()):
        digest.update(name.encode())
        if isinstance(tensor, torch.Tensor):
            digest.update(_bytes_of(tensor).data)
        else:  # what a module saves beside its tensors
            digest.update(canonical(describe(tensor)).encode())
    return digest.hexdigest()[:DIGITS]


def tensors_of(net: nn.Module) -> dict[str, torch.Tensor]:
    """All parameters and buffers by name, those that are never saved too."""
    return dict(
        [
            *net.named_parameters(remove_duplicate=False),
            *net.named_buffers(remove_duplicate=False),
        ]
    )


def _hash_beside(net: nn.Module) -> str:
    """Hash of the buffers that are not saved with the weights."""
    saved = net.state_dict()
    beside = {name: tensor for name, tensor in tensors_of(net).items() if name not in saved}
    return canonical([[name, hash_tensor(beside[name])] for name in sorted(beside)])


def hash_tensor(tensor: torch.Tensor) -> str:
    """16 hex digits that name a tensor by its type, shape and values."""
    return hash_bytes(_kind(tensor).encode() + _bytes_of(tensor).tobytes())


def _kind(tensor: torch.Tensor) -> str:
    return f"{tensor.dtype} {tuple(tensor.shape)}"


def _bytes_of(tensor: torch.Tensor) -> np.ndarray:
    # numpy does not know all of torch's types, but bytes it knows.
    return tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()


class WeightWatch:
    """Tells whether a network's tensors are what they were, at the price of a glance at each.

    Only where one looks replaced or written to are they hashed again.
    """

    def __init__(self, net: nn.Module, weights_hash: str) -> None:
        self._net = net
        self._hashes = weights_hash, _hash_beside(net)
        self._remember()

    def is_unchanged(self) -> bool:
        """Whether all values are those of the beginning."""
        if self._glance() == self._seen:
            return True
        if (hash_weights(self._net), _hash_beside(self._net)) != self._hashes:
            return False
        self._remember()
        return True

    def _remember(self) -> None:
        self._seen = self._glance()
        # As long as they are held, nothing else can come to lie at their addresses.
        self._held = [tensor.detach() for tensor in tensors_of(self._net).values()]

    def _glance(self) -> list[Any]:
        """Where each tensor lies, how often it was written to, and what its values add up to.

        Sums cost a twentieth of a hash, and show what is written through ``tensor.data``, which
        torch does not count.
        """
        tensors = {name: tensor.detach() for name, tensor in tensors_of(self._net).items()}
        places = [
            (name, tensor.data_ptr(), _version(tensor), tensor.shape, tensor.stride())
            for name, tensor in tensors.items()
        ]
        sums = [tensor.sum().to(torch.complex128) for tensor in tensors.values()]
        return [places, str(torch.stack(sums).tolist()) if sums else ""]


def _version(tensor: torch.Tensor) -> int:
    """How often a tensor was written to, which torch does not count in inference mode."""
    return -1 if tensor.is_inference() else tensor._version


def _describe_modules(net: nn.Module, inside: tuple[int, ...] = ()) -> Any:
    """Every module's type, settings and hooks, by name; not whether it is in training."""
    return [[name, _describe_module(layer, inside)] for name, layer in net.named_modules()]


def _describe_module(module: nn.Module, inside: tuple[int, ...]) -> Any:
    if isinstance(module, fx.GraphModule):
        return "torch.fx.GraphModule"  # all that it does is its graph, described below
    own = {
        name: value
        for name, value in vars(module).items()
        if name not in _COMMON and not _TRACED.match(name)
    }
    # Their keys only count all hooks that there ever were.
    hooks = [*module._forward_pre_hooks.values(), *module._forward_hooks.values()]
    return [_name_of(type(module)), describe(own, inside), describe(hooks, inside)]


def describe(value: Any, inside: tuple[int, ...] = ()) -> Any:
    """A value as plain lists and strings; objects by their type and attributes.

    ``inside`` are the objects that it lies in, so that a circle ends.
    """
    if isinstance(value, enum.Enum):
        return f"{_name_of(type(value))} {value.name}"
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return f"{type(value).__name__} {value!r}"
    if isinstance(value, torch.Tensor):
        return ["tensor", hash_tensor(value)]
    if isinstance(value, np.ndarray):
        return ["array", hash_array(value)]
    if isinstance(value, torch.dtype | torch.memory_format | torch.layout | np.generic):
        return f"{type(value).__name__} {value}"
    if id(value) in inside:
        return "itself"
    return _describe_compound(value, (*inside, id(value)))


def _describe_compound(value: Any, inside: tuple[int, ...]) -> Any:
    if isinstance(value, Mapping):
        items = [[describe(key, inside), describe(one, inside)] for key, one in value.items()]
        return ["mapping", *_ordered(items)]
    if isinstance(value, list | tuple):
        return [type(value).__name__, *(describe(one, inside) for one in value)]
    if isinstance(value, set | frozenset):
        return ["set", *_ordered([describe(one, inside) for one in value])]
    if isinstance(value, slice | range):
        ends = (value.start, value.stop, value.step)
        return [type(value).__name__, *(describe(one, inside) for one in ends)]
    if isinstance(value, functools.partial):
        return ["partial", *(describe(v, inside) for v in (value.func, value.args, value.keywords))]
    if isinstance(value, types.MethodType):
        return ["method", describe(value.__func__, inside), describe(value.__self__, inside)]
    if isinstance(value, nn.Module):
        tensors = [[name, hash_tensor(tensor)] for name, tensor in tensors_of(value).items()]
        return ["module", _describe_modules(value, inside), tensors]
    if isinstance(value, types.FunctionType) and not _is_library(value):
        return _describe_function(value, inside)
    if callable(value) and hasattr(value, "__name__"):
        return _name_of(value)
    return [_name_of(type(value)), describe(getattr(value, "__dict__", {}), inside)]


def _ordered(items: list[Any]) -> list[Any]:
    return sorted(items, key=canonical)


def _describe_function(function: types.FunctionType, inside: tuple[int, ...]) -> Any:
    """A function that is no library's, by what it does and what it uses."""
    cells = [_contents(cell) for cell in function.__closure__ or ()]
    given = [function.__defaults__, function.__kwdefaults__, cells]
    used = {
        name: function.__globals__[name]
        for name in sorted(_names_in(function.__code__))
        if _tells(function.__globals__.get(name))
    }
    return [_name_of(function), _code_of(function), describe(given, inside), describe(used, inside)]


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not filled yet
        return None


def _tells(value: Any) -> bool:
    """Whether a global that a function names is part of what the function does."""
    plain = isinstance(value, bool | int | float | complex | str | tuple | torch.Tensor)
    return plain or (isinstance(value, types.FunctionType) and not _is_library(value))


def _names_in(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names_in(constant)


def _code_of(function: types.FunctionType) -> Any:
    """Source text, or bytecode and constants where there is none."""
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError):
        return _bytecode_of(function.__code__)


def _bytecode_of(code: types.CodeType) -> Any:
    constants = [
        _bytecode_of(constant) if isinstance(constant, types.CodeType) else describe(constant)
        for constant in code.co_consts
    ]
    return [code.co_code.hex(), list(code.co_names), constants]


def _is_library(thing: Any) -> bool:
    module = getattr(thing, "__module__", None) or "builtins"
    return module.partition(".")[0] in _LIBRARIES


def _name_of(thing: Any) -> str:
    name = getattr(thing, "__qualname__", None) or getattr(thing, "__name__", None)
    return f"{getattr(thing, '__module__', None)}.{name or type(thing).__qualname__}"


def _describe_forward(net: nn.Module) -> Any:
    """What runs: the traced graph, or the code of all classes where there is none."""
    try:
        graph = trace(net)
    except Exception:  # torch.fx raises many types for data-dependent control flow
        return ["code", *_ordered([_describe_class(cls) for cls in _own_classes(net)])]
    places = {node: place for place, node in enumerate(graph.graph.nodes)}
    return ["graph", *(_describe_node(graph, node, places) for node in graph.graph.nodes)]


def _describe_node(graph: fx.GraphModule, node: fx.Node, places: Mapping[fx.Node, int]) -> Any:
    # A range is what no network passes on, so it can stand for the outcome of another node.
    arguments = fx.node.map_arg((node.args, node.kwargs), lambda other: range(places[other]))
    # Attributes by value: names of constants count how often a network was traced.
    get = operator.attrgetter(str(node.target))
    target = get(graph) if node.op == "get_attr" else node.target
    return [node.op, describe(target), describe(arguments)]


def _own_classes(net: nn.Module) -> set[type]:
    """The classes of a network's modules that are not torch's, those they derive from included."""
    classes = {cls for layer in net.modules() for cls in type(layer).__mro__}
    return {cls for cls in classes if not _is_library(cls)}


def _describe_class(cls: type) -> Any:
    own = {name: _behind(value) for name, value in vars(cls).items()}
    # What __init__ does shows in the modules and their settings; of names in double underscores
    # Python itself keeps some values, others in each version.
    told = {
        name: value
        for name, value in own.items()
        if _tells(value) and name != "__init__" and (callable(value) or name[:2] != "__")
    }
    return [_name_of(cls), describe(told)]


def _behind(value: Any) -> Any:
    """The function behind a method of any kind."""
    if isinstance(value, property):
        return value.fget
    return value.__func__ if isinstance(value, staticmethod | classmethod) else value
