"""Following a network's forward pass while other threads use networks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from torch import fx, nn

# torch changes settings of the whole process while it traces or exports.
ONE_AT_A_TIME = threading.Lock()


def trace(net: nn.Module) -> fx.GraphModule:
    """The graph of a network's forward pass; raises what torch.fx raises where there is none."""
    with ONE_AT_A_TIME:
        tracer = _ThreadTracer()
        graph = tracer.trace(net)
        return fx.GraphModule(tracer.root, graph)


class _ThreadTracer(fx.Tracer):
    """Traces what its own thread calls.

    While torch.fx traces, every call of a module in the process goes through the tracer.
    """

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()

    def call_module(
        self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: dict[str, Any]
    ) -> Any:
        if threading.get_ident() != self._thread:
            return forward(*args, **kwargs)
        return super().call_module(m, forward, args, kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        if threading.get_ident() != self._thread:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)
