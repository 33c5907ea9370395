"""ROAD: what is filled in tells nothing, and the right map is preferred."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from tests.metrics import restated
from tests.metrics.conftest import LABELS, make_batch, make_classifier, make_maps
from xaicore import METRICS, Classifier, score_maps
from xaicore.metrics.base import PerturbationTrace, Protocol
from xaicore.metrics.road import NOISE, SHARES, draw_noise, impute, pictures_without, removed
from xaicore.metrics.tracing import trace_needs

SIDE = 24


def scattered(share: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((SIDE, SIDE)) < share


def inside(gone: np.ndarray) -> np.ndarray:
    """Without the border, where a pixel has fewer neighbours on one side than on the other."""
    framed = np.zeros_like(gone)
    framed[1:-1, 1:-1] = gone[1:-1, 1:-1]
    return framed


@pytest.mark.parametrize("gone", [scattered(0.3), scattered(0.9), np.ones((SIDE, SIDE), bool)])
def test_a_linear_ramp_comes_back(gone: np.ndarray) -> None:
    rows, columns = np.mgrid[:SIDE, :SIDE].astype(float)
    photo = np.stack([rows, 2 * columns - 1, 3 - rows + 0.5 * columns])
    np.testing.assert_allclose(impute(photo, inside(gone)), photo, atol=1e-9)


def test_a_constant_photo_stays_constant_to_its_border() -> None:
    photo = np.full((3, SIDE, SIDE), 0.7)
    for share in SHARES:
        np.testing.assert_allclose(impute(photo, scattered(share)), photo, atol=1e-12)


def test_one_pixel_is_the_weighted_mean_of_its_neighbours() -> None:
    photo = np.arange(9.0).reshape(1, 3, 3) ** 2
    gone = np.zeros((3, 3), dtype=bool)
    gone[1, 1] = True
    beside, diagonal = (1 + 9 + 25 + 49) / 6, (0 + 4 + 36 + 64) / 12
    assert impute(photo, gone)[0, 1, 1] == pytest.approx(beside + diagonal)
    corner = np.zeros((3, 3), dtype=bool)
    corner[0, 0] = True
    expected = ((1 + 9) / 6 + 16 / 12) / (2 / 6 + 1 / 12)
    assert impute(photo, corner)[0, 0, 0] == pytest.approx(expected)


def test_what_is_known_is_kept_and_nothing_is_solved_for_nothing() -> None:
    photo, gone = np.random.default_rng(0).normal(size=(3, SIDE, SIDE)), scattered(0.5)
    filled = impute(photo, gone)
    np.testing.assert_array_equal(filled[:, ~gone], photo[:, ~gone])
    np.testing.assert_array_equal(impute(photo, np.zeros_like(gone)), photo)
    pixels = [(int(row), int(column)) for row, column in np.argwhere(gone)]
    np.testing.assert_allclose(filled, restated.impute(photo, pixels), atol=1e-9)


def test_shares_are_counted_from_either_end() -> None:
    ranks = np.arange(20).reshape(4, 5)
    assert ranks[removed(ranks, 0.2)].tolist() == [0, 1, 2, 3]
    assert ranks[removed(ranks, 0.2, least=True)].tolist() == [16, 17, 18, 19]


def test_the_noise_is_small_seeded_and_of_every_colour() -> None:
    noise = draw_noise((3, 64, 64), 5)
    assert noise.std(axis=(1, 2)) == pytest.approx([NOISE] * 3, rel=0.05)
    np.testing.assert_array_equal(noise, draw_noise((3, 64, 64), 5))
    assert not np.allclose(noise, draw_noise((3, 64, 64), 6))


def corner_net() -> Classifier:
    """Sees the contrast of the top left eighth of a photo of 16×16 pixels, and nothing else."""
    first = nn.Conv2d(3, 1, 4, stride=4, bias=False)
    last = nn.Linear(16, 2, bias=False)
    checks = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(2, 2)
    with torch.no_grad():
        first.weight.copy_(checks.expand(1, 3, 4, 4))
        last.weight.zero_()
        last.weight[0, 0] = 0.1
    return Classifier(nn.Sequential(first, nn.Flatten(), last), LABELS, 16, device="cpu")


def test_the_map_of_the_place_that_decides_is_preferred() -> None:
    classifier = corner_net()
    photo = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(8, 8).expand(1, 3, 16, 16)
    right, wrong = np.zeros((2, 1, 16, 16), dtype=np.float32)
    right[0, :4, :4] = 1
    wrong[0, 12:, 12:] = 1
    scores = [
        score_maps(classifier, photo, saliency, [0], ["road"]).loc[0, "road"]
        for saliency in (right, wrong, -right)
    ]
    assert scores[0] > 0.2
    assert scores[0] > scores[1] > scores[2]
    assert scores[2] < -0.2


def imputed(
    classifier: Classifier, batch: torch.Tensor, maps: np.ndarray, photos: list[int] | None = None
) -> PerturbationTrace:
    return trace_needs(classifier, batch, maps, None, Protocol(), {"imputed"}, photos)


def test_every_map_is_tested_on_its_own_photo() -> None:
    classifier, batch, maps = make_classifier(), make_batch(2, 16, 16), make_maps(3, 16, 16)
    owners = [1, 0, 1]
    together = imputed(classifier, batch, maps, owners).read("imputed")
    assert together.shape == (3, 2, len(SHARES))
    for row, owner in enumerate(owners):
        alone = imputed(classifier, batch[[owner]], maps[[row]]).read("imputed")
        np.testing.assert_allclose(together[row], alone[0], atol=1e-6)


def test_pictures_show_what_the_network_is_shown() -> None:
    classifier = make_classifier()
    photo = classifier.normalise(
        torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    )
    saliency = make_maps(1, 16, 16)
    pictures = pictures_without(classifier, photo, saliency[0], [0.1, 0.9])
    assert pictures.shape == (2, 2, 16, 16, 3)
    said = imputed(classifier, photo, saliency)
    target = int(classifier.predict(photo).argmax())
    for order in range(2):
        for place, share in enumerate((0, 8)):
            shown = torch.from_numpy(pictures[order, place]).permute(2, 0, 1)[None]
            found = classifier.predict(classifier.normalise(shown))[0, target]
            # Noise beyond black and white is cut off.
            assert found == pytest.approx(said.read("imputed")[0, order, share], abs=5e-3)


def test_a_flat_map_and_a_still_network_are_told() -> None:
    batch, flat = make_batch(1, 16, 16), np.ones((1, 16, 16), dtype=np.float32)
    trace = imputed(make_classifier(), batch, flat)
    assert "the same everywhere" in METRICS["road"].caveat(trace)
    still = imputed(make_classifier(gain=0), batch, make_maps(1, 16, 16))
    assert "hardly moves" in METRICS["road"].caveat(still)
