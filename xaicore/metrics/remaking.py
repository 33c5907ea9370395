"""Maps made once more: by the same method, of another network or of a changed photo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch

from xaicore.explainers import explain
from xaicore.metrics.controls import Control
from xaicore.networks.classifier import Classifier
from xaicore.progress import Progress, no_progress

# Photos [n, C, H, W] and class indices [n] in, maps float32 [n, h, w] out.
Remake: TypeAlias = Callable[[Classifier, torch.Tensor, torch.Tensor], np.ndarray]


def by_method(name: str, progress: Progress = no_progress, **settings: Any) -> Remake:
    """Makes maps by a method with its settings, as :func:`xaicore.explain` takes them."""

    def remake(classifier: Classifier, batch: torch.Tensor, targets: torch.Tensor) -> np.ndarray:
        return explain(classifier, batch, name, targets, progress=progress, **settings).maps

    return remake


def by_control(control: Control) -> Remake | None:
    """Makes a control's first draw; none for a control that is made of maps."""
    if control.derived:
        return None

    def remake(classifier: Classifier, batch: torch.Tensor, targets: torch.Tensor) -> np.ndarray:
        blank = np.zeros((len(batch), *batch.shape[2:]), dtype=np.float32)
        return control.make(batch, blank, 0)

    return remake


def add_colours(classifier: Classifier, batch: torch.Tensor, colours: torch.Tensor) -> torch.Tensor:
    """Photos on the input scale with something added to their colours, on the scale 0…1."""
    return classifier.normalise(classifier.denormalise(batch) + colours.to(batch))
