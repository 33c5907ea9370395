"""Copies of networks that share their weights."""

from __future__ import annotations

import copy

import torch
from torch import nn


def share_weights(net: nn.Module) -> nn.Module:
    """Copy a network's modules, not its weights: the copy's tensors are the original's memory."""
    own: dict[int, torch.Tensor] = {}
    for weight in net.parameters():
        own[id(weight)] = nn.Parameter(weight.detach(), requires_grad=False)
    for buffer in net.buffers():
        own[id(buffer)] = buffer.detach()
    return copy.deepcopy(net, own)
