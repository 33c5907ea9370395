"""Changed photos, and maps that follow them."""

from __future__ import annotations

import pytest
import torch

from xaicore.comparison.changes import CHANGES, change_photos, follows
from xaicore.networks.classifier import Classifier


def test_changes_do_what_they_say(classifier: Classifier) -> None:
    colours = torch.linspace(0.2, 0.6, 3 * 8 * 8).view(1, 3, 8, 8)
    noisy = CHANGES["noise"].apply(colours.expand(2, -1, -1, -1), 0.1) - colours
    assert torch.equal(noisy[0], noisy[1])
    assert noisy.std() == pytest.approx(0.1, rel=0.15)
    assert torch.equal(CHANGES["brightness"].apply(colours, 1.5), 1.5 * colours)
    shifted = CHANGES["shift"].apply(colours, 3)
    assert torch.equal(shifted[..., 3:, 3:], colours[..., :5, :5])
    assert torch.equal(shifted[..., 0, 3:], colours[..., 0, :5])
    assert torch.equal(CHANGES["flip"].apply(colours, 0)[..., 0], colours[..., 7])
    batch = classifier.normalise(colours)
    bright = classifier.denormalise(change_photos(classifier, batch, CHANGES["brightness"], 2.0))
    torch.testing.assert_close(bright, (2 * colours).clamp(max=1))


@pytest.mark.parametrize("name", CHANGES)
def test_a_map_that_follows_correlates_fully(name: str) -> None:
    """Brightness itself is a map that follows every change."""
    change = CHANGES[name]
    colours = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    amount = change.amount.default if change.amount else 0.0
    changed = change.apply(colours, amount)
    before, after = (picture[0].mean(0).numpy() for picture in (colours, changed))
    followed = follows(change.follow(before, amount), after)
    # Noise of 0.05 leaves a little less.
    assert followed == pytest.approx(1, abs=0.05 if name == "noise" else 1e-9)
    if name in ("shift", "flip"):
        assert abs(follows(before, after)) < 0.3
