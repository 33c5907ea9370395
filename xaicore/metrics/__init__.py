"""The metrics, by name: a new metric is one file here and one line below."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from xaicore.explainers.base import ClassIndices, choose_classes
from xaicore.metrics.base import (
    Metric,
    MetricError,
    PerturbationProtocol,
    PerturbationTrace,
    protocol_of,
)
from xaicore.metrics.concentration import ENTROPY, SPARSENESS
from xaicore.metrics.correlation import DC, IC
from xaicore.metrics.curves import DAUC, IAUC
from xaicore.metrics.masking import AD, AD_SIGNED, ADD, IIC, IIC_MEAN
from xaicore.metrics.perturbation import NEEDS
from xaicore.metrics.randomisation import RANDOMISATION
from xaicore.metrics.remaking import Remake
from xaicore.metrics.road import ROAD
from xaicore.metrics.stability import STABILITY
from xaicore.metrics.tracing import REMADE, trace_needs
from xaicore.networks.classifier import Classifier
from xaicore.registry import Registry

METRICS: Registry[Metric] = Registry(
    "metric",
    MetricError,
    [
        *(IAUC, DAUC, IC, DC, AD, IIC, AD_SIGNED, IIC_MEAN, ADD),
        *(SPARSENESS, ENTROPY, ROAD, RANDOMISATION, STABILITY),
    ],
)

# What is measured of a map unless others are asked for: all that the usual trace tells.
USUAL = tuple(name for name, metric in METRICS.items() if {*metric.needs} <= {*NEEDS, "maps"})


def score_maps(
    classifier: Classifier,
    batch: torch.Tensor,
    maps: np.ndarray | torch.Tensor,
    targets: ClassIndices | None = None,
    metrics: Sequence[str] | None = None,
    protocol: PerturbationProtocol | str | None = None,
    remake: Remake | None = None,
) -> pd.DataFrame:
    """Score one map [h, w] a photo [3, H, W]: one row a photo, one float64 column a metric.

    ``targets`` are class indices [B], by default the predicted ones; ``metrics`` keys of
    ``METRICS``, by default the study's six; ``protocol`` a
    :class:`PerturbationProtocol` or a preset's name. ``remake`` makes such maps once more, for the
    metrics that ask for it (:mod:`xaicore.metrics.remaking`). An undefined score is NaN.
    ``attrs["settings"]`` holds what made the scores.
    Raises :class:`MetricError` for maps or settings that cannot be used.
    """
    chosen = choose_metrics(metrics)
    protocol = protocol_of(protocol)
    class_indices = choose_classes(classifier, batch.to(classifier.device), targets)
    needs = needs_of(chosen)
    remade = [metric.label for metric in chosen if needs_remaking(metric)]
    if remade and remake is None:
        raise MetricError(
            f"{remade[0]} asks for the method, not its maps alone: give remake, such as "
            "xaicore.metrics.remaking.by_method('lrp')."
        )
    remakes = [remake] * len(batch)
    trace = trace_needs(classifier, batch, maps, class_indices, protocol, needs, remakes=remakes)
    rows = pd.DataFrame(score_trace(trace, chosen))
    rows.attrs["settings"] = {
        "network": classifier.fingerprint,
        "targets": class_indices.tolist(),
        "protocol": protocol.settings,
    }
    return rows


def choose_metrics(names: Sequence[str] | None = None) -> list[Metric]:
    """Metrics by name, by default the study's six; raises :class:`MetricError`."""
    if names is None:
        return [metric for metric in METRICS.values() if not metric.extra]
    return [METRICS[name] for name in names]


def needs_of(metrics: Sequence[Metric]) -> set[str]:
    """What must be traced for these metrics."""
    return {need for metric in metrics for need in metric.needs}


def needs_remaking(metric: Metric) -> bool:
    """Whether a metric asks for maps of other networks or photos, made as the map was made."""
    return any(need in REMADE for need in metric.needs)


def score_trace(trace: PerturbationTrace, metrics: Sequence[Metric]) -> dict[str, np.ndarray]:
    """Scores float64 [M] of traced maps by metric."""
    return {metric.name: metric.compute(trace).astype(np.float64) for metric in metrics}
