"""Augmentation changes what it should, by as much as it should, and repeats from a seed."""

from __future__ import annotations

import torch

from xaicore.training.augmentation import BRIGHTNESS, ROTATION_DEGREES, ZOOM, _affine, augment


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def halves(count: int) -> torch.Tensor:
    """Photos red on the left and blue on the right, uint8 [count, 3, 32, 32]."""
    photos = torch.zeros(count, 3, 32, 32, dtype=torch.uint8)
    photos[:, 0, :, :16] = 200
    photos[:, 2, :, 16:] = 200
    return photos


def test_the_seed_decides() -> None:
    photos = halves(4)
    first = augment(photos, 24, seeded())
    assert torch.equal(first, augment(photos, 24, seeded()))
    assert not torch.equal(first, augment(photos, 24, seeded(1)))
    assert torch.equal(photos, halves(4))


def test_colours_stay_in_range_and_size_is_as_asked() -> None:
    out = augment(halves(32), 24, seeded())
    assert out.shape == (32, 3, 24, 24)
    assert 0 <= out.min() <= out.max() <= 1


def test_half_of_the_photos_are_flipped() -> None:
    out = augment(halves(400), 16, seeded())
    redder_left = out[:, 0, :, :8].mean((1, 2)) > out[:, 0, :, 8:].mean((1, 2))
    assert 160 < redder_left.sum() < 240


def test_half_of_the_photos_lose_a_grey_rectangle() -> None:
    out = augment(torch.zeros(400, 3, 32, 32, dtype=torch.uint8), 32, seeded())
    assert set(out.unique().tolist()) == {0.0, torch.tensor(0.45).item()}
    erased = (out > 0).float().mean((1, 2, 3))
    assert 150 < (erased > 0).sum() < 230  # a few fall outside the photo's edge
    assert erased.max() < 0.2


def test_brightness_moves_by_its_share() -> None:
    photos = torch.full((400, 3, 8, 8), 128, dtype=torch.uint8)
    factors = augment(photos, 8, seeded())[:, 0].amax((1, 2)) / (128 / 255)
    assert factors.max() <= 1 + BRIGHTNESS + 1e-3
    assert factors.max() > 1 + 0.9 * BRIGHTNESS


def test_rotation_and_zoom_stay_within_their_bounds() -> None:
    transforms = _affine(2_000, seeded())
    zoom = torch.linalg.det(transforms[:, :, :2]).abs().sqrt()
    assert ZOOM[0] <= zoom.min() < ZOOM[0] + 0.02
    assert ZOOM[1] - 0.02 < zoom.max() <= ZOOM[1]
    # The second column is the downward direction, which a flip leaves alone.
    down = torch.rad2deg(torch.atan2(-transforms[:, 0, 1], transforms[:, 1, 1]))
    assert ROTATION_DEGREES - 1 < down.abs().max() <= ROTATION_DEGREES + 1e-3
