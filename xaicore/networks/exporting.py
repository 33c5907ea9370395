"""A network → the list of operations it performs, in the order in which it performs them."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import threading
import warnings
from typing import Any, TextIO

import torch
from torch import fx, nn
from torch.export import Dim, ExportedProgram

from xaicore.errors import PetlensError
from xaicore.networks.copies import share_weights

# A batch of this many photos gives itself away among all other lengths.
TELLTALE = 1009


logging.getLogger("torch.fx.experimental.symbolic_shapes").addFilter(lambda _record: False)


class CannotExport(PetlensError):
    """A forward pass that cannot be followed; the message says why, without a full stop."""


def export(net: nn.Module, example: torch.Tensor) -> ExportedProgram:
    """Follow a network's forward pass on photos like ``example`` [B, C, H, W], for any B.

    Raises :class:`CannotExport`.
    """
    _start_autograd()
    net = share_weights(net).eval()
    shape = example.shape[1:]
    with warnings.catch_warnings(), contextlib.redirect_stderr(_OtherThreads(sys.stderr)):
        warnings.simplefilter("ignore")
        try:
            return _functional(net, example.new_zeros(2, *shape), ({0: Dim("photos")},))
        except Exception:  # torch.export raises many types
            pass
        try:
            program = _functional(net, example.new_zeros(TELLTALE, *shape), None)
        except Exception as error:
            raise CannotExport(_reason(error)) from error
    _free_batch(program)
    return program


def _start_autograd() -> None:
    """Let autograd count the devices, which it does once, before torch.export adds one of its own.

    It would start threads for that one, and a process forked then could not propagate back.
    """
    with torch.enable_grad():
        torch.ones((), requires_grad=True).backward()


class _OtherThreads(io.TextIOBase):
    """Standard error for all threads but this one: torch prints graphs that it could not finish."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.silent = stream, threading.get_ident()

    def write(self, text: str) -> int:
        return len(text) if threading.get_ident() == self.silent else self.stream.write(text)


def _functional(net: nn.Module, photos: torch.Tensor, dynamic: Any) -> ExportedProgram:
    program = torch.export.export(net, (photos,), dynamic_shapes=dynamic, strict=False)
    return program.run_decompositions({})  # nothing in place, composite operations whole


def _reason(error: Exception) -> str:
    if "data-dependent" in str(error).lower() or "DataDependent" in type(error).__name__:
        return "its forward pass cannot be traced: it branches on the photo's values"
    return "its forward pass cannot be traced operation by operation"


def _free_batch(program: ExportedProgram) -> None:
    """Put the number of photos, whatever it is, where a graph of fixed size says how many."""
    graph: fx.Graph = program.graph
    name = program.graph_signature.user_inputs[0]
    photos = next(node for node in graph.nodes if node.name == name)
    with graph.inserting_after(photos):
        count = graph.call_function(torch.ops.aten.sym_size.int, (photos, 0))
    for node in graph.nodes:
        if node.op == "call_function" and node is not count:
            node.args = tuple(_freed(value, count) for value in node.args)


def _freed(value: Any, count: fx.Node) -> Any:
    if isinstance(value, list | tuple) and value and value[0] == TELLTALE:
        return [count, *value[1:]]
    return value
