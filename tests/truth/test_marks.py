"""The mark has the colours it should, is where the mask says, and is seen on any ground."""

import pytest
import torch

from xaicore.truth.marks import MARK, OPACITY, add_marks, draw_places

PLACES = torch.tensor([[3, 50], [108, 0]])


def test_a_mark_on_mid_grey_has_these_colours():
    marked, masks = add_marks(torch.full((2, 3, 128, 128), 0.5), PLACES)
    for photo, mask, (top, left) in zip(marked, masks, PLACES.tolist(), strict=True):
        middle = photo[:, top + 10, left + 10]
        ring = photo[:, top + 10, left + 1]
        # 0.4 of the grey, and 0.6 of black or of white.
        assert middle.tolist() == pytest.approx([0.2] * 3)
        assert ring.tolist() == pytest.approx([0.8] * 3)
        # The corners of its square are free, its edges' middles are not.
        assert not mask[top, left]
        assert mask[top, left + 10]
        assert mask[top + 19, left + 10]
        # A disc of radius 10, up to the pixels that its edge cuts.
        assert int(mask.sum()) == pytest.approx(314.16, abs=8)


def test_only_the_pixels_of_the_mask_change_and_the_photos_given_stay():
    photos = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    before = photos.clone()
    marked, masks = add_marks(photos, PLACES)
    assert torch.equal(photos, before)
    changed = (marked != photos).any(1)
    assert torch.equal(changed, masks)
    assert marked.min() >= 0
    assert marked.max() <= 1


@pytest.mark.parametrize("grey", [0.0, 0.3, 0.5, 0.8, 1.0])
def test_the_middle_and_the_ring_differ_alike_on_any_ground(grey):
    marked, masks = add_marks(torch.full((1, 3, 128, 128), grey), PLACES[:1])
    colours = marked[0, 0][masks[0]].unique()
    assert len(colours) == 2
    assert (colours[1] - colours[0]).item() == pytest.approx(OPACITY)


def test_the_photo_shows_through():
    photos = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(1))
    marked, masks = add_marks(photos, PLACES[:1])
    seen = marked[0, 0][masks[0]] - (1 - OPACITY) * photos[0, 0][masks[0]]
    assert seen.round(decimals=4).unique().tolist() == pytest.approx([0.0, OPACITY])


def test_places_are_seeded_and_reach_all_of_the_photo():
    places = draw_places(4000, torch.Generator().manual_seed(0))
    assert torch.equal(places, draw_places(4000, torch.Generator().manual_seed(0)))
    assert places.min() == 0
    assert places.max() == 128 - MARK
    # The mean of a uniform draw, within four standard errors.
    assert places.float().mean(0).tolist() == pytest.approx([54, 54], abs=4 * 31.5 / 4000**0.5)
