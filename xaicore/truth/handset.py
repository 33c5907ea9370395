"""Networks whose weights are written by hand, so that what they look at is known exactly.

All see 64×64 pixels on the scale −1…1, and are plain sequences of layers that every method can
follow. Shapes are found by a template: its response is 1 where the shape stands, and near 0 on
whatever is even.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from xaicore.networks.classifier import Classifier

SIDE = 64
# Height and width of a shape, in pixels.
SHAPE = 9
# How much brighter a shape is than what it stands on.
CONTRAST = 1.1
# Rows and columns of the one place that the network of colours looks at.
PLACE = (slice(8, 20), slice(8, 20))
RED, GREEN = (1.0, -1.0, -1.0), (-1.0, 1.0, -1.0)
# What stands for the presence of a shape begins at this share of a template's response.
_THRESHOLD = 0.8
_POOL = 4


def cross() -> np.ndarray:
    """The pixels of a cross, bool [9, 9]."""
    pixels = np.zeros((SHAPE, SHAPE), dtype=bool)
    pixels[SHAPE // 2] = pixels[:, SHAPE // 2] = True
    return pixels


def ring() -> np.ndarray:
    """The pixels of a square ring, bool [9, 9]."""
    pixels = np.ones((SHAPE, SHAPE), dtype=bool)
    pixels[1:-1, 1:-1] = False
    return pixels


def colour_at_place() -> Classifier:
    """Red or green at one place; what is red or green elsewhere does not count."""
    look = _convolution([_even(1, RED), _even(1, GREEN)], bias=-0.5)
    reads = torch.zeros(SIDE, SIDE)
    reads[PLACE] = 1 / reads[PLACE].numel()
    cells = nn.functional.avg_pool2d(reads[None], _POOL).flatten() * _POOL**2
    red = 6 * torch.cat([cells, -cells])
    layers = [look, nn.ReLU(), nn.AvgPool2d(_POOL), nn.Flatten(), _linear([red, -red])]
    return _classifier(layers, "red", "green")


def one_of_two_shapes() -> Classifier:
    """A cross or a square ring, wherever it stands."""
    weights = torch.tensor([[3.0, -3.0], [-3.0, 3.0]])
    return _classifier([*_strongest(cross(), ring()), _linear(weights)], "cross", "ring")


def both_shapes() -> Classifier:
    """A cross and a square ring: neither is enough."""
    # Of each shape one counts, however strong its response: 1 − max(0, 1 − response).
    lacking = _linear(-torch.eye(2), [1.0, 1.0])
    both = _linear([[-1.0, -1.0]], [0.5])
    answer = _linear([[-12.0], [12.0]], [3.0, -3.0])
    layers = [*_strongest(cross(), ring()), lacking, nn.ReLU(), both, nn.ReLU(), answer]
    return _classifier(layers, "not both", "both")


def left_or_right() -> Classifier:
    """Which of the two shapes stands further left."""
    cells = SIDE // _POOL
    columns = torch.linspace(-1, 1, cells).expand(cells, cells).flatten() * _POOL**2
    cross_first = 3 * torch.cat([-columns, columns])
    layers = [*_presence(cross(), ring()), nn.AvgPool2d(_POOL), nn.Flatten()]
    return _classifier(
        [*layers, _linear([cross_first, -cross_first])], "cross on the left", "ring on the left"
    )


def cross_without_red() -> Classifier:
    """A cross, and nothing red anywhere: what is red takes the answer back."""
    look = _convolution([_template(cross()), _even(SHAPE, RED)])
    _sharpen(look)
    layers = [look, nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten()]
    weights = torch.tensor([[-6.0, 7.0], [6.0, -7.0]])
    return _classifier([*layers, _linear(weights, [3.0, -3.0])], "not allowed", "allowed")


def _classifier(layers: list[nn.Module], *labels: str) -> Classifier:
    return Classifier(nn.Sequential(*layers), labels, size=SIDE, mean=0.5, std=0.5, device="cpu")


def _strongest(*shapes: np.ndarray) -> list[nn.Module]:
    """How plainly each shape is there, at the place where it is plainest: [B, shapes]."""
    return [*_presence(*shapes), nn.AdaptiveMaxPool2d(1), nn.Flatten()]


def _presence(*shapes: np.ndarray) -> list[nn.Module]:
    """Where each shape stands, [B, shapes, H, W]: about 1 there, 0 elsewhere."""
    look = _convolution([_template(shape) for shape in shapes])
    _sharpen(look)
    return [look, nn.ReLU()]


def _sharpen(look: nn.Conv2d) -> None:
    """Let what is above the threshold count, up to about 1 for the whole shape."""
    gain = 1 / (1 - _THRESHOLD)
    with torch.no_grad():
        look.weight.mul_(gain)
        assert look.bias is not None
        look.bias.fill_(-gain * _THRESHOLD)


def _template(shape: np.ndarray) -> torch.Tensor:
    """Weights [3, 9, 9] that answer 1 to the shape and 0 to anything even."""
    on = torch.from_numpy(shape)
    weights = torch.where(on, 1 / int(on.sum()), -1 / int((~on).sum())) / (3 * CONTRAST)
    return weights.expand(3, SHAPE, SHAPE)


def _even(side: int, colour: tuple[float, float, float]) -> torch.Tensor:
    """Weights [3, side, side] that answer 1 to a patch of this colour, 0 to any grey."""
    chosen = torch.tensor([1.0 if part > 0 else -0.5 for part in colour])
    return chosen.view(3, 1, 1).expand(3, side, side) / (2 * side**2)


def _convolution(kernels: list[torch.Tensor], bias: float = 0.0) -> nn.Conv2d:
    """One kernel [3, k, k] an output channel; the map keeps the photo's size."""
    weights = torch.stack(kernels)
    side = weights.shape[-1]
    layer = nn.Conv2d(3, len(kernels), side, padding=side // 2)
    layer.weight = nn.Parameter(weights.contiguous())
    layer.bias = nn.Parameter(torch.full((len(kernels),), bias))
    return layer


def _linear(
    rows: torch.Tensor | list[torch.Tensor] | list[list[float]], bias: list[float] | None = None
) -> nn.Linear:
    weights = torch.stack([torch.as_tensor(row) for row in rows])
    layer = nn.Linear(weights.shape[1], weights.shape[0])
    layer.weight = nn.Parameter(weights)
    layer.bias = nn.Parameter(torch.tensor(bias or [0.0] * len(weights)))
    return layer
