"""Integrated gradients: gradients gathered on the way from a baseline to the photo; captum."""

from __future__ import annotations

from collections.abc import Mapping

from captum.attr import IntegratedGradients

from xaicore.explainers.base import (
    Attribution,
    AttributionTask,
    Explainer,
    Parameter,
    Proof,
    ReportedScore,
)
from xaicore.explainers.baselines import BASELINE, make_baseline, prove_sum, to_attribution

DELTA_TOLERANCE = 0.05


def compute(task: AttributionTask, baseline: str, steps: int) -> Attribution:
    # Besides the steps, baseline and photo are answered to for the miss.
    net = ReportedScore(task, (steps + 2) * len(task.batch))
    reference = make_baseline(task.classifier, task.batch, baseline)
    attributions, delta = IntegratedGradients(net).attribute(
        task.batch.clone().requires_grad_(),
        reference,
        n_steps=steps,
        internal_batch_size=max(len(task.batch), task.classifier.batch_size),
        return_convergence_delta=True,
    )
    return to_attribution(attributions, delta)


def prove(checks: Mapping[str, float]) -> Proof:
    return prove_sum(checks, DELTA_TOLERANCE, "The steps are too coarse here; take more of them.")


INTEGRATED_GRADIENTS = Explainer(
    name="integrated-gradients",
    label="Integrated Gradients",
    compute=compute,
    prove=prove,
    parameters=(
        BASELINE,
        Parameter(
            "steps",
            "Steps",
            50,
            "How many pictures between the baseline and the photo are looked at.",
            low=10,
            high=200,
            step=10,
        ),
    ),
    summary="Adds up the gradients met on the way from a reference picture to the photo.",
    citation="Sundararajan et al. 2017",
    colour="#56B4E9",
    extra=True,
    slow=True,
)
