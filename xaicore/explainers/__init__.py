"""The explainers, by name: a new method is one file here and one line below."""

from __future__ import annotations

from typing import Any

import torch

from xaicore.explainers.base import Explainer, ExplainerError, Explanation, run
from xaicore.explainers.deeplift import DEEPLIFT
from xaicore.explainers.gradcam import GRADCAM
from xaicore.explainers.integrated_gradients import INTEGRATED_GRADIENTS
from xaicore.explainers.lime import LIME
from xaicore.explainers.lrp import LRP
from xaicore.explainers.occlusion import OCCLUSION
from xaicore.networks.classifier import Classifier
from xaicore.registry import Registry

EXPLAINERS: Registry[Explainer] = Registry(
    "explainer", ExplainerError, [LRP, GRADCAM, DEEPLIFT, LIME, INTEGRATED_GRADIENTS, OCCLUSION]
)

# What is explained with unless others are asked for.
USUAL = tuple(name for name, explainer in EXPLAINERS.items() if not explainer.extra)


def explain(
    classifier: Classifier, batch: torch.Tensor, name: str, targets: Any = None, **settings: Any
) -> Explanation:
    """Explain what a network says of each photo.

    ``batch`` float32 [B, 3, H, W] from :meth:`Classifier.preprocess`; ``name`` a key of
    ``EXPLAINERS``; ``targets`` class indices [B], by default the predicted ones. ``settings`` are
    ``target`` ("logit", "margin"), ``progress``, and the method's own parameters by name.
    Raises :class:`ExplainerError` for what cannot be explained as asked.
    """
    return run(EXPLAINERS[name], classifier, batch, targets, **settings)
