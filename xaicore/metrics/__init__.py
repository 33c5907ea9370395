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
from xaicore.metrics.correlation import DC, IC
from xaicore.metrics.curves import DAUC, IAUC
from xaicore.metrics.masking import AD, AD_SIGNED, ADD, IIC, IIC_MEAN
from xaicore.metrics.perturbation import trace_maps
from xaicore.networks.classifier import Classifier
from xaicore.registry import Registry

METRICS: Registry[Metric] = Registry(
    "metric", MetricError, [IAUC, DAUC, IC, DC, AD, IIC, AD_SIGNED, IIC_MEAN, ADD]
)


def score_maps(
    classifier: Classifier,
    batch: torch.Tensor,
    maps: np.ndarray | torch.Tensor,
    targets: ClassIndices | None = None,
    metrics: Sequence[str] | None = None,
    protocol: PerturbationProtocol | str | None = None,
) -> pd.DataFrame:
    """Score one map [h, w] a photo [3, H, W]: one row a photo, one float64 column a metric.

    ``targets`` are class indices [B], by default the predicted ones; ``metrics`` keys of
    ``METRICS``, by default the study's six; ``protocol`` a
    :class:`PerturbationProtocol` or a preset's name. An undefined score is NaN.
    ``attrs["settings"]`` holds what made the scores.
    Raises :class:`MetricError` for maps or settings that cannot be used.
    """
    chosen = choose_metrics(metrics)
    protocol = protocol_of(protocol)
    class_indices = choose_classes(classifier, batch.to(classifier.device), targets)
    trace = trace_maps(classifier, batch, maps, class_indices, protocol, needs_of(chosen))
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


def score_trace(trace: PerturbationTrace, metrics: Sequence[Metric]) -> dict[str, np.ndarray]:
    """Scores float64 [M] of traced maps by metric."""
    return {metric.name: metric.compute(trace).astype(np.float64) for metric in metrics}
