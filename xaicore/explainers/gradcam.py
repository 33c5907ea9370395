"""Grad-CAM: where the last feature maps speak for the class."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import nn

from xaicore.explainers.base import (
    Attribution,
    AttributionTask,
    Explainer,
    ExplainerError,
    Parameter,
    Proof,
)
from xaicore.networks.classifier import Classifier
from xaicore.networks.feature_maps import Places, hooked

# Up to here the linear estimate is nearer to the real change than to none, or to twice as much.
MISS_TOLERANCE = 0.5


def compute(task: AttributionTask, layer: str) -> Attribution:
    weights = task.weights()
    net = task.private_net()
    name = layer or task.classifier.target_layer or ""
    places, chosen = find_places(task.classifier, name), net.get_submodule(name)
    output, logits = _forward(net, chosen, task)
    (gradient,) = torch.autograd.grad((logits * weights).sum(), output)
    # Selvaraju et al. 2017, equations 1 and 2.
    importance = places.features(gradient).mean((2, 3), keepdim=True)
    evidence = (importance * places.features(output.detach())).sum(1, keepdim=True)
    maps = F.interpolate(
        evidence.relu(), task.batch.shape[-2:], mode="bilinear", align_corners=False
    ).squeeze(1)
    without = _logits_without(net, chosen, task)
    return Attribution(
        maps,
        checks={
            "positive_fraction": (evidence > 0).float().mean((1, 2, 3)),
            "linear_estimate": (gradient * output.detach()).flatten(1).sum(1),
            "score_change": ((logits.detach() - without) * weights).sum(1),
        },
    )


def find_places(classifier: Classifier, name: str) -> Places:
    """Where a layer's output holds a map; raises :class:`ExplainerError` listing those that do."""
    layers = classifier.feature_maps.layers
    if name not in layers:
        names = ", ".join(layers) or "(this network has none)"
        raise ExplainerError(
            f"There is no layer with a map named {name!r}; choose one of: {names}."
        )
    return layers[name]


def _forward(
    net: nn.Module, layer: nn.Module, task: AttributionTask
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the layer puts out, and logits [B, C], joined by a graph."""
    kept: list[torch.Tensor] = []
    with hooked(layer, kept.append):
        # The weights are frozen: the graph exists for the photos' sake.
        logits = net(task.batch.clone().requires_grad_())
    return kept[0], logits


def _logits_without(net: nn.Module, layer: nn.Module, task: AttributionTask) -> torch.Tensor:
    """Logits [B, C] when all that the layer gives, in whatever shape, is set to zero."""
    with hooked(layer, torch.zeros_like), torch.no_grad():
        return net(task.batch)


def prove(checks: Mapping[str, float]) -> Proof:
    if checks["positive_fraction"] == 0:
        return Proof(
            "no positive evidence",
            good=False,
            reason="Nowhere do this layer's features speak for the class, so the map is empty.",
        )
    estimate, change = checks["linear_estimate"], checks["score_change"]
    effect = "adds to" if change >= 0 else "takes off"
    share = estimate / change if change else 0.0
    text = (
        f"gradients explain {share:.0%} of the {abs(change):.2f} that the layer {effect} the score"
    )
    if abs(estimate - change) <= MISS_TOLERANCE * abs(change):
        return Proof(text, good=True)
    return Proof(
        text,
        good=False,
        reason="Without this layer the score changes quite otherwise than its gradients say.",
    )


GRADCAM = Explainer(
    name="gradcam",
    label="Grad-CAM",
    compute=compute,
    prove=prove,
    parameters=(
        Parameter(
            "layer",
            "Layer",
            "",
            "The layer whose feature maps are weighed; deeper is coarser and means more.",
        ),
    ),
    summary="Weighs the feature maps of one layer by how much they raise the class score.",
    citation="Selvaraju et al. 2017",
    colour="#E69F00",
    signed=False,
    layered=True,
)
