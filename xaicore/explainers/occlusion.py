"""Occlusion: slide a patch over the photo and see how far the score falls; through captum."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from captum.attr import Occlusion

from xaicore.explainers.base import (
    Attribution,
    AttributionTask,
    Explainer,
    Parameter,
    Proof,
    ReportedScore,
)
from xaicore.explainers.baselines import BASELINE, make_baseline


def compute(task: AttributionTask, patch: int, baseline: str) -> Attribution:
    places = math.prod(_places(side, patch) for side in task.batch.shape[2:])
    # Besides the patches, the photo itself is answered to before and after.
    net = ReportedScore(task, (places + 2) * len(task.batch))
    photos = max(1, task.classifier.batch_size // len(task.batch))
    with torch.inference_mode():
        attributions = Occlusion(net).attribute(
            task.batch,
            sliding_window_shapes=(task.batch.shape[1], patch, patch),
            strides=(task.batch.shape[1], patch // 2, patch // 2),
            baselines=make_baseline(task.classifier, task.batch, baseline),
            perturbations_per_eval=photos,
        )
    maps = attributions.mean(1)
    fall = maps.amax((1, 2))
    return Attribution(maps, checks={"largest_fall": fall, "score": net(task.batch).detach()})


def _places(side: int, patch: int) -> int:
    """How many places a patch has along a side, the last one over the edge."""
    return max(0, math.ceil((side - patch) / (patch // 2))) + 1


def prove(checks: Mapping[str, float]) -> Proof:
    fall, score = checks["largest_fall"], checks["score"]
    text = f"the worst patch takes {fall:.2f} off a score of {score:.2f}"
    if fall > 0.05 * abs(score):
        return Proof(text, good=True)
    return Proof(text, good=False, reason="No single patch matters; try a larger one.")


OCCLUSION = Explainer(
    name="occlusion",
    label="Occlusion",
    compute=compute,
    prove=prove,
    parameters=(
        Parameter(
            "patch",
            "Patch",
            16,
            "Side of the sliding patch, in pixels of the network's input; it moves by half.",
            low=4,
            high=64,
            step=2,
        ),
        BASELINE,
    ),
    summary="Slides a patch over the photo and records how far the score falls.",
    citation="Zeiler and Fergus 2014",
    colour="#D55E00",
    extra=True,
    slow=True,
)
