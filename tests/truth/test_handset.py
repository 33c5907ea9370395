"""The hand-set networks look where we say they look, and nowhere else."""

import numpy as np
import pytest
import torch

from xaicore.explainers import EXPLAINERS
from xaicore.explainers.base import refusal
from xaicore.truth.planted import PLANTED, PlantedError
from xaicore.truth.scenes import Scene

COUNT = 24


def blank(number: int) -> torch.Tensor:
    """A photo with nothing on it, float32 [3, 64, 64]."""
    return torch.from_numpy(Scene(np.random.default_rng(number)).photo).float()


def grounds() -> torch.Tensor:
    return torch.stack([blank(1000 + number) for number in range(COUNT)])


def lead(classifier, photos):
    """How far the target's score leads, [B]."""
    logits = classifier.logits(photos.batch)
    place = torch.arange(len(logits))
    targets = torch.from_numpy(photos.targets)
    return logits[place, targets] - logits[place, 1 - targets]


@pytest.fixture(params=PLANTED)
def planted(request):
    return PLANTED[request.param]


def test_every_photo_is_called_what_it_is(planted):
    photos = planted.draw(0, COUNT)
    leads = lead(planted.load(), photos)
    assert (leads > 3).all(), leads
    assert (leads < 12).all(), "so sure that a curve would say nothing"


def test_all_but_the_mask_can_go(planted):
    """With everything else painted over, the answer keeps its score to a twentieth."""
    classifier, photos = planted.load(), planted.draw(1, COUNT)
    before = lead(classifier, photos)
    kept = torch.from_numpy(photos.masks)[:, None]
    photos.batch[:] = torch.where(kept, photos.batch, grounds())
    if planted.name == "absent":
        # Without the cross that speaks against it, the reason weighs more.
        assert (lead(classifier, photos) > before - 0.3).all()
    else:
        torch.testing.assert_close(lead(classifier, photos), before, rtol=0.05, atol=0.3)


def test_without_the_mask_the_answer_is_lost(planted):
    classifier, photos = planted.load(), planted.draw(2, COUNT)
    gone = torch.from_numpy(photos.masks)[:, None]
    photos.batch[:] = torch.where(gone, grounds(), photos.batch)
    assert (lead(classifier, photos) < 1e-6).all()


def test_each_of_two_shapes_is_needed():
    planted = PLANTED["both"]
    classifier, photos = planted.load(), planted.draw(3, COUNT)
    for shape in range(2):
        batch = photos.batch.clone()
        for number in range(COUNT):
            windows, found = _windows(photos.masks[number])
            assert found == 2
            batch[number][:, windows == shape + 1] = blank(number)[:, windows == shape + 1]
        assert (classifier.logits(batch).argmax(1) == 0).all()


def _windows(mask):
    from skimage.measure import label

    return label(mask, return_num=True)


def test_every_method_explains_it(planted):
    classifier = planted.load()
    assert not [entry.name for entry in EXPLAINERS.values() if refusal(entry, classifier)]


def test_the_same_seed_gives_the_same_photos(planted):
    few, many = planted.draw(5, 3), planted.draw(5, 6)
    assert torch.equal(few.batch, many.batch[:3])
    assert np.array_equal(few.masks, many.masks[:3])
    assert not torch.equal(few.batch, planted.draw(6, 3).batch)


def test_both_classes_are_drawn_where_both_have_a_reason(planted):
    expected = {1} if planted.name == "both" else {0, 1}
    assert set(planted.draw(0, COUNT).targets.tolist()) == expected


def test_an_unknown_name_lists_the_names():
    with pytest.raises(PlantedError, match="colour, shape, both, sides, absent"):
        PLANTED["nothing"]
