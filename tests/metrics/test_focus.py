"""Focus: shares by hand, mosaics as they were drawn."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.metrics.conftest import make_classifier
from xaicore import MetricError, explain
from xaicore.metrics.focus import make_mosaics, measure_focus, share_on_target, to_batch

LABELS = (0, 1, 1, 0)


def flat(colour: int) -> Image.Image:
    return Image.new("RGB", (20, 14), (colour, 0, 0))


def test_shares_by_hand() -> None:
    saliency = np.zeros((1, 4, 4))
    saliency[0, 0, 0] = 3  # first tile, class 0
    saliency[0, 0, 2] = 1  # second tile, class 1
    saliency[0, 3, 0] = -5  # evidence against does not count
    assert share_on_target(saliency, [LABELS], [0]) == pytest.approx([0.75])
    assert share_on_target(saliency, [LABELS], [1]) == pytest.approx([0.25])


def test_an_even_map_is_chance_and_a_perfect_one_is_1() -> None:
    even = np.ones((1, 6, 6))
    assert share_on_target(even, [LABELS], [0]) == pytest.approx([0.5])
    perfect = np.zeros((1, 6, 6))
    perfect[0, :3, :3] = perfect[0, 3:, 3:] = 1
    assert share_on_target(perfect, [LABELS], [0]) == pytest.approx([1])
    assert share_on_target(perfect, [LABELS], [1]) == pytest.approx([0])


def test_a_map_without_positive_relevance_is_undefined() -> None:
    assert np.isnan(share_on_target(-np.ones((1, 4, 4)), [LABELS], [0]))


def test_mosaics_hold_two_different_photos_of_each_class_where_the_labels_say() -> None:
    photos = [flat(10 * index) for index in range(6)]
    labels = [0, 0, 0, 1, 1, 1]
    mosaics = make_mosaics(photos, labels, 12, 8, seed=3)
    assert len({mosaic.labels for mosaic in mosaics}) > 2
    for mosaic in mosaics:
        pixels = np.asarray(mosaic.picture)[..., 0]
        corners = [pixels[0, 0], pixels[0, 7], pixels[7, 0], pixels[7, 7]]
        shown = [int(colour) // 10 for colour in corners]
        assert [labels[photo] for photo in shown] == list(mosaic.labels)
        assert len(set(shown)) == 4
        assert sorted(mosaic.labels) == [0, 0, 1, 1]
    again = make_mosaics(photos, labels, 12, 8, seed=3)
    assert [m.labels for m in again] == [m.labels for m in mosaics]


@pytest.mark.parametrize("labels", [[0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 1, 1, 2, 2]])
def test_too_few_photos_or_classes_are_refused(labels: list[int]) -> None:
    with pytest.raises(MetricError, match="two photos of each of two classes"):
        make_mosaics([flat(0)] * len(labels), labels, 1, 8)


@pytest.mark.parametrize("size", [16, 32])
def test_focus_of_a_method_is_that_of_its_maps(size: int) -> None:
    classifier = make_classifier()
    photos = [flat(40 * index) for index in range(6)]
    mosaics = make_mosaics(photos, [0, 0, 0, 1, 1, 1], 6, size)
    # Classes come in ascending order, not in that of the tiles.
    assert {mosaic.labels[0] for mosaic in mosaics} == {0, 1}
    batch = to_batch(classifier, mosaics)
    assert batch.shape == (6, 3, size, size)
    found = measure_focus(classifier, mosaics, "integrated-gradients")
    for place in (0, 1):
        maps = explain(classifier, batch, "integrated-gradients", [place] * 6).maps
        expected = share_on_target(maps, [m.labels for m in mosaics], [place] * 6)
        np.testing.assert_allclose(found[:, place], expected, atol=1e-6)
