"""A small vision transformer whose tokens can be laid out in many ways."""

from __future__ import annotations

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix = nn.MultiheadAttention(width, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        normed = self.norm1(tokens)
        tokens = tokens + self.mix(normed, normed, normed, need_weights=False)[0]
        return tokens + self.mlp(self.norm2(tokens))


class Tokens(nn.Module):
    """Patches of 8 pixels, ``before`` tokens before them, two blocks, and a head.

    The head hears the first token, or the mean of the patches where ``pooled``; ``order`` shuffles
    the patches; where ``deaf``, what the first block says.
    """

    def __init__(
        self,
        before: int,
        pooled: bool = False,
        order: torch.Tensor | None = None,
        deaf: bool = False,
        width: int = 8,
    ) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 8, 8)
        self.register_buffer("order", order)
        self.extra = nn.Parameter(torch.zeros(1, before, width))
        self.blocks = nn.ModuleList([Block(width), Block(width)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 2)
        self.pooled, self.deaf = pooled, deaf

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(photos).flatten(2).transpose(1, 2)
        if self.order is not None:
            tokens = tokens[:, self.order]
        tokens = torch.cat([self.extra.expand(len(tokens), -1, -1), tokens], 1)
        first = self.blocks[0](tokens)
        last = self.norm(self.blocks[1](first))
        heard = first if self.deaf else last
        return self.head(heard[:, self.extra.shape[1] :].mean(1) if self.pooled else heard[:, 0])


def lively(net: nn.Module) -> nn.Module:
    """Weights as after training: none zero, from a seed of their own."""
    generator = torch.Generator().manual_seed(7)
    for weight in net.parameters():
        low, high = (0.5, 1.5) if (weight == 1).all() else (-0.4, 0.4)
        weight.data = torch.rand(weight.shape, generator=generator) * (high - low) + low
    return net.eval()
