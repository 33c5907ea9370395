"""Integrated gradients: gradients gathered on the way from a baseline to the photo; captum."""

from __future__ import annotations

from collections.abc import Mapping

from captum.attr import IntegratedGradients

from xaicore.explainers.base import Explainer, Finding, Parameter, Proof, Task, WeightedScore
from xaicore.explainers.baselines import BASELINE, make_baseline

DELTA_TOLERANCE = 0.05


def compute(task: Task, baseline: str, steps: int) -> Finding:
    net = WeightedScore(task.private_net(), task.weights())
    reference = make_baseline(task.classifier, task.batch, baseline)
    attributions, delta = IntegratedGradients(net).attribute(
        task.batch.clone().requires_grad_(),
        reference,
        n_steps=steps,
        internal_batch_size=max(len(task.batch), task.classifier.batch_size),
        return_convergence_delta=True,
    )
    attributions = attributions.detach()
    return Finding(
        maps=attributions.sum(1),
        checks={
            "convergence_delta": delta,
            "score_change": attributions.sum((1, 2, 3)) - delta,
        },
    )


def prove(checks: Mapping[str, float]) -> Proof:
    change = checks["score_change"]
    share = abs(checks["convergence_delta"]) / max(abs(change), 1e-6)
    text = f"adds up to the change of {change:.2f} within {share:.1%}"
    if share <= DELTA_TOLERANCE:
        return Proof(text, good=True)
    return Proof(text, good=False, reason="The steps are too coarse here; take more of them.")


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
