"""Random changes to training photos, made on whole batches of tensors at once."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

ROTATION_DEGREES = 15.0
ZOOM = (0.62, 1.08)
STRETCH = 0.12
SHIFT = 0.12
BRIGHTNESS = 0.3
CONTRAST = 0.3
SATURATION = 0.4
ERASED_SHARE = (0.02, 0.15)


def augment(photos: torch.Tensor, size: int, generator: torch.Generator) -> torch.Tensor:
    """Rotate, zoom, stretch, shift, flip, recolour and partly erase each photo on its own.

    ``photos`` uint8 [B, 3, H, W] → float32 [B, 3, size, size] in 0…1.
    """
    warped = F.grid_sample(
        photos.float().div_(255),
        F.affine_grid(_affine(len(photos), generator), [len(photos), 3, size, size], False),
        padding_mode="reflection",
        align_corners=False,
    )
    return _erase(_recolour(warped, generator), generator)


def _uniform(count: int, low: float, high: float, generator: torch.Generator) -> torch.Tensor:
    return torch.rand(count, generator=generator) * (high - low) + low


def _affine(count: int, generator: torch.Generator) -> torch.Tensor:
    """Random output-to-input transforms, float32 [count, 2, 3]."""
    angle = _uniform(count, -ROTATION_DEGREES, ROTATION_DEGREES, generator) * math.pi / 180
    zoom = _uniform(count, *ZOOM, generator)
    stretch = _uniform(count, -STRETCH, STRETCH, generator).exp()
    flip = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    # A closer crop may wander further before it leaves the photo.
    reach = (1 - zoom).clamp(min=0) + SHIFT
    shift_x = _uniform(count, -1, 1, generator) * reach
    shift_y = _uniform(count, -1, 1, generator) * reach
    across = zoom * stretch
    down = zoom / stretch
    rows = [
        torch.stack([across * angle.cos() * flip, -down * angle.sin(), shift_x], 1),
        torch.stack([across * angle.sin() * flip, down * angle.cos(), shift_y], 1),
    ]
    return torch.stack(rows, 1)


def _recolour(photos: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    count = len(photos)

    def factor(spread: float) -> torch.Tensor:
        return _uniform(count, 1 - spread, 1 + spread, generator).view(-1, 1, 1, 1)

    photos = photos * factor(BRIGHTNESS)
    grey = photos.mean(1, keepdim=True)
    photos = grey + (photos - grey) * factor(SATURATION)
    middle = photos.mean((1, 2, 3), keepdim=True)
    return (middle + (photos - middle) * factor(CONTRAST)).clamp_(0, 1)


def _erase(photos: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Grey out one rectangle in half of the photos, so that no single part decides."""
    count, _, height, width = photos.shape
    area = _uniform(count, *ERASED_SHARE, generator)
    aspect = _uniform(count, -0.7, 0.7, generator).exp()
    half_h = (area * aspect).sqrt().view(-1, 1, 1) * height / 2
    half_w = (area / aspect).sqrt().view(-1, 1, 1) * width / 2
    centre_y = _uniform(count, 0, height, generator).view(-1, 1, 1)
    centre_x = _uniform(count, 0, width, generator).view(-1, 1, 1)
    rows = torch.arange(height).view(1, -1, 1)
    columns = torch.arange(width).view(1, 1, -1)
    inside = ((rows - centre_y).abs() < half_h) & ((columns - centre_x).abs() < half_w)
    chosen = torch.rand(count, generator=generator).view(-1, 1, 1) < 0.5
    return photos.masked_fill_((inside & chosen).unsqueeze(1), 0.45)
