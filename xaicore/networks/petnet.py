"""PetNet: the small plain CNN that tells cats from dogs."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import cast

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from xaicore.networks.petnet_facts import INPUT_SIZE, LABELS, MEAN, STAGES, STD

__all__ = ["INPUT_SIZE", "LABELS", "MEAN", "STAGES", "STD", "PetNet"]


class PetNet(nn.Module):
    """Nine 3×3 convolutions in five stages, average pooling between them, one linear layer.

    Input float32 [B, 3, 128, 128], normalised; output logits [B, 2] (cat, dog).
    Average pooling rather than max pooling or strides: DeepLIFT stays exact, and no checkerboard is
    printed into relevance maps. The last convolution is ``model.20``; its map is 8×8.

    ``batch_norm=True`` is the form that is trained; :meth:`fold` gives the form that ships.
    """

    def __init__(self, stages: Sequence[Sequence[int]] = STAGES, batch_norm: bool = False) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for number, stage in enumerate(stages):
            if number > 0:
                layers.append(nn.AvgPool2d(2))
            for width in stage:
                layers.append(nn.Conv2d(channels, width, 3, padding=1, bias=not batch_norm))
                if batch_norm:
                    layers.append(nn.BatchNorm2d(width))
                layers.append(nn.ReLU())
                channels = width
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, len(LABELS))]
        self.model = nn.Sequential(*layers)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.model(batch)

    def fold(self) -> PetNet:
        """Return a copy for inference, each batch normalisation folded into its convolution."""
        layers: list[nn.Module] = []
        for layer in copy.deepcopy(self.model).eval():
            if isinstance(layer, nn.BatchNorm2d):
                layers.append(fuse_conv_bn_eval(cast(nn.Conv2d, layers.pop()), layer))
            else:
                layers.append(layer)
        folded = copy.deepcopy(self).eval()
        folded.model = nn.Sequential(*layers)
        return folded
