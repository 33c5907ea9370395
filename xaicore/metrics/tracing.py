"""All that metrics may need to know of maps, found out only as far as it is needed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence

import numpy as np
import torch

from xaicore.explainers.base import ClassIndices, choose_classes
from xaicore.metrics.base import PerturbationProtocol, PerturbationTrace
from xaicore.metrics.perturbation import Scorer, fit_maps, trace_maps
from xaicore.metrics.randomisation import mean_correlations
from xaicore.metrics.remaking import Remake
from xaicore.metrics.road import trace_imputed
from xaicore.metrics.stability import largest_changes
from xaicore.networks.classifier import Classifier
from xaicore.progress import Progress, no_progress

Measure = Callable[[Remake, Classifier, torch.Tensor, torch.Tensor, int, Progress], np.ndarray]
# By field of the trace: what tells [n] of photos [n] for which maps are made once more.
REMADE: dict[str, Measure] = {"randomised": mean_correlations, "changed": largest_changes}


def trace_needs(
    classifier: Classifier,
    batch: torch.Tensor,
    maps: np.ndarray | torch.Tensor,
    targets: ClassIndices | None,
    protocol: PerturbationProtocol,
    needs: Collection[str],
    photos: Sequence[int] | None = None,
    remakes: Sequence[Remake | None] = (),
    progress: Progress = no_progress,
) -> PerturbationTrace:
    """:func:`trace_maps`, and whatever else of a trace is in ``needs``.

    ``remakes[i]`` makes a map as map i was made; where there is none, what asks for it is NaN.
    """
    batch = classifier.to_input(batch)
    class_indices = choose_classes(classifier, batch, targets)
    trace = trace_maps(classifier, batch, maps, class_indices, protocol, needs, photos, progress)
    owners = torch.as_tensor(
        np.arange(len(batch)) if photos is None else np.asarray(photos), device=batch.device
    )
    more: dict[str, np.ndarray] = {}
    if "imputed" in needs:
        saliency = fit_maps(maps, owners, batch)
        scorer = Scorer(classifier, progress)
        more["imputed"] = trace_imputed(
            scorer, batch, saliency, owners, class_indices, protocol.seed
        )
    for name in REMADE.keys() & needs:
        more[name] = np.full(len(owners), np.nan)
        for remake in dict.fromkeys(one for one in remakes if one):
            rows = [row for row, one in enumerate(remakes) if one is remake]
            own = owners[rows]
            more[name][rows] = REMADE[name](
                remake, classifier, batch[own], class_indices[own], protocol.seed, progress
            )
    return dataclasses.replace(trace, **more)
