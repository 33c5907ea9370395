"""A map tested: what the network says while its pixels are removed and restored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from dashboard.shared.photos import Photo, to_batch
from dashboard.shared.store import find_store
from xaicore import Classifier
from xaicore.evaluation.store import MapKey
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

    def prepare(self) -> Callable[[Progress], PerturbationTrace]:
        batch = to_batch(self.classifier, self.photo)
        store = find_store()

        def perform(progress: Progress) -> PerturbationTrace:
            kept = find_trace(store, self.stored_key) if store else None
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
                keep_trace(store, self.stored_key, trace)
            return trace

        return perform


def step_of(request: TraceRequest, step: int) -> PerturbationStep:
    """What the network saw of every map at one step of the curves."""
    batch = to_batch(request.classifier, request.photo)
    return perturb_at(request.classifier, batch, request.maps, request.protocol, step)
