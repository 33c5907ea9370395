"""Traces in the store: what the network said while a map was tested, under what it depends on."""

from __future__ import annotations

import dataclasses

import numpy as np

from xaicore.evaluation.store import MapKey, Store
from xaicore.explainers.base import library_versions
from xaicore.identity import canonical, hash_array
from xaicore.metrics.base import PerturbationProtocol, PerturbationTrace

# Raised when a change to the code changes traces: those of different versions never mix.
TRACE_VERSION = 2
# An array beside a trace's own that names them: one that is lost is missed.
_NAMES = "names"


def trace_key(
    network: str, photo: str, class_index: int, protocol: PerturbationProtocol, maps: np.ndarray
) -> MapKey:
    """Where the trace of a photo's maps [M, H, W] is kept: under the bytes of what it tests."""
    settings = {
        "class": class_index,
        "protocol": protocol.settings,
        "maps": hash_array(maps),
        "version": TRACE_VERSION,
        "libraries": dict(library_versions()),
    }
    return MapKey(network, photo, "trace", canonical(settings))


def keep_trace(store: Store, key: MapKey, trace: PerturbationTrace) -> None:
    """Keep what the network said while a map was tested."""
    fields = {field.name: getattr(trace, field.name) for field in dataclasses.fields(trace)}
    arrays = {name: values for name, values in fields.items() if values is not None}
    store.put_arrays(key, {**arrays, _NAMES: np.array(sorted(arrays))})


def find_trace(store: Store, key: MapKey) -> PerturbationTrace | None:
    """The trace that was kept, if there is one, and all of it."""
    kept = store.all_arrays(key)
    names = kept.pop(_NAMES, None)
    if names is None or names.tolist() != sorted(kept):
        return None
    return PerturbationTrace(**kept)
