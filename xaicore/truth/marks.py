"""A small translucent mark, drawn on photos: a dark disc in a bright ring, seen on any ground."""

from __future__ import annotations

import torch

from xaicore.networks.petnet import INPUT_SIZE

# Height and width of the mark, in pixels.
MARK = 20
# How far the dark disc reaches from the middle, in pixels; the ring goes on from there.
DARK_RADIUS = 6.5
# How much of a pixel's colour is the mark's; the rest stays the photo's.
OPACITY = 0.6


def draw_places(count: int, generator: torch.Generator) -> torch.Tensor:
    """Row and column of the upper left corner of each mark, int64 [count, 2], all in the photo."""
    return torch.randint(INPUT_SIZE - MARK + 1, (count, 2), generator=generator)


def add_marks(photos: torch.Tensor, places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw one mark on each photo; the photos given stay as they are.

    ``photos`` float32 [B, 3, H, W] in 0…1, ``places`` int64 [B, 2] → the marked photos, and the
    pixels that the mark covers, bool [B, H, W].
    """
    pixels, colours = _mark()
    marked = photos.clone()
    masks = torch.zeros(len(photos), *photos.shape[2:], dtype=torch.bool)
    for photo, mask, (top, left) in zip(marked, masks, places.tolist(), strict=True):
        at = (slice(top, top + MARK), slice(left, left + MARK))
        window = photo[(slice(None), *at)]
        window[:, pixels] = window[:, pixels].lerp(colours[pixels], OPACITY)
        mask[at] = pixels
    return marked, masks


def _mark() -> tuple[torch.Tensor, torch.Tensor]:
    """The mark's pixels, bool [20, 20], and their colours, 0 (black) or 1 (white)."""
    offsets = torch.arange(MARK) - (MARK - 1) / 2
    distances = torch.hypot(offsets[:, None], offsets[None])
    return distances < MARK / 2, (distances > DARK_RADIUS).float()
