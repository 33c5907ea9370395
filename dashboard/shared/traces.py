"""A map tested: what the network says while its pixels are removed and restored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dashboard.shared.holders import Holder, holder_of
from dashboard.shared.photos import Photo, to_batch
from dashboard.shared.store import find_store, get_writer
from dashboard.shared.turns import Kind
from xaicore import Classifier
from xaicore.evaluation.store import MapKey, Store, StoreError
from xaicore.evaluation.traces import find_trace, keep_trace, trace_key
from xaicore.metrics.base import PerturbationProtocol, PerturbationTrace
from xaicore.metrics.perturbation import PerturbationStep, perturb_at, trace_maps
from xaicore.progress import Progress


@dataclass(frozen=True)
class TraceRequest:
    """Maps [M, h, w] of one photo to be tested for one class."""

    classifier: Classifier
    photo: Photo
    class_index: int
    protocol: PerturbationProtocol
    maps: np.ndarray
    kind = Kind.CURVES

    @cached_property
    def stored_key(self) -> MapKey:
        """Where the trace is kept for good: by the bytes of the maps, whatever made them."""
        return trace_key(
            self.classifier.fingerprint,
            self.photo.hash,
            self.class_index,
            self.protocol,
            self.maps,
        )

    @property
    def key(self) -> str:
        return self.stored_key.digest

    @property
    def holder(self) -> Holder:
        """Where the trace is kept."""
        return holder_of(self.photo.holder, self.classifier)

    def prepare(self) -> Callable[[Progress], PerturbationTrace]:
        batch = to_batch(self.classifier, self.photo)
        store, writer = find_store(), get_writer()

        def perform(progress: Progress) -> PerturbationTrace:
            kept = _recall(store, self.stored_key)
            if kept:
                return kept
            trace = trace_maps(
                self.classifier,
                batch,
                self.maps,
                [self.class_index],
                self.protocol,
                photos=[0] * len(self.maps),
                progress=progress,
            )
            if store:
                # What could not be kept is computed again when it is asked for.
                writer.submit(lambda _progress: keep_trace(store, self.stored_key, trace))
            return trace

        return perform


def _recall(store: Store | None, key: MapKey) -> PerturbationTrace | None:
    """What the store has of a trace; nothing where it is away."""
    try:
        return find_trace(store, key) if store else None
    except StoreError:
        return None


def step_of(request: TraceRequest, step: int) -> PerturbationStep:
    """What the network saw of every map at one step of the curves."""
    batch = to_batch(request.classifier, request.photo)
    return perturb_at(request.classifier, batch, request.maps, request.protocol, step)
