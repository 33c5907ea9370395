"""Evidence on maps whose worth is known beforehand."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from xaicore.truth.broken import BROKEN, SOUND, Candidate, Made, broken, forget, sound
from xaicore.truth.evidence import (
    ABLATION,
    CONTROL,
    FOLLOWS,
    KINDS,
    PROOF,
    REASONS,
    STABLE,
    against,
    agreement,
    measure,
    prepare,
    rank_correlation,
)
from xaicore.truth.planted import PLANTED
from xaicore.truth.verdict import DISTRUST, FAILED, PASSED, judge, status_of

SEED = 3


@pytest.fixture(scope="module")
def trial():
    planted = PLANTED["colour"]
    return prepare(planted.load(), planted.draw(SEED, 8), SEED)


def statuses(candidate, trial):
    found = measure(candidate, trial)
    return {kind: status_of(kind, found[kind]) for kind in KINDS}


def test_the_truth_itself_passes_what_a_map_alone_can_pass(trial):
    """A map that is the mask has full precision; it knows the reason, not the network."""
    truth = Candidate("mask", SOUND, lambda c, b, t: Made(trial.photos.masks[: len(b)] * 1.0))
    found = measure(truth, trial)
    assert found[REASONS].figure == 1
    assert found[ABLATION].figure > 0.9
    assert found[FOLLOWS].figure == pytest.approx(1)
    assert found[STABLE].figure == pytest.approx(1)
    assert np.isnan(found[PROOF].figure)
    for kind in (REASONS, ABLATION, CONTROL, STABLE):
        assert status_of(kind, found[kind]) == PASSED, kind
    assert status_of(FOLLOWS, found[FOLLOWS]) == FAILED


def test_its_opposite_fails_it(trial):
    against_it = Candidate("not", SOUND, lambda c, b, t: Made(-1.0 * trial.photos.masks[: len(b)]))
    found = statuses(against_it, trial)
    assert found[ABLATION] == found[CONTROL] == FAILED


def test_agreement_is_spearman_s_of_sums_over_patches():
    generator = np.random.default_rng(0)
    maps, painted = generator.normal(size=(2, 8, 8)), generator.random((10, 4)) < 0.5
    falls = generator.normal(size=(2, 10))
    cells = [[m[:4, :4].sum(), m[:4, 4:].sum(), m[4:, :4].sum(), m[4:, 4:].sum()] for m in maps]
    expected = [
        spearmanr([np.dot(row, sums) for row in painted], fall).statistic
        for sums, fall in zip(cells, falls, strict=True)
    ]
    np.testing.assert_allclose(agreement(maps, painted, falls), expected)
    assert (agreement(np.ones((2, 8, 8)) * 0, painted, falls) == 0).all()


def test_rank_correlation_is_scipy_s_with_ties():
    generator = np.random.default_rng(1)
    a, b = generator.integers(0, 4, (2, 3, 30))
    expected = [spearmanr(x, y).statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(rank_correlation(a, b), expected)


def test_the_gain_is_over_the_best_map_that_knows_nothing():
    finding = against(np.array([3.0, 5.0]), [np.array([0.0, 0.0]), np.array([1.0, 1.0])])
    assert (finding.figure, finding.gain) == (4, 3)
    assert finding.low == 2
    assert finding.high == 4


def test_every_broken_map_is_what_it_says(trial):
    batch, targets = trial.photos.batch, trial.photos.targets
    by_kind = {one.kind: one.maps(trial.classifier, batch, targets) for one in broken(0)}
    assert set(by_kind) == set(BROKEN)
    right = {one.name: one for one in sound()}["deeplift"].maps(trial.classifier, batch, targets)
    # Two classes, whose scores are each other's negative.
    np.testing.assert_allclose(by_kind["wrong class"], -right, atol=1e-6)
    np.testing.assert_allclose(by_kind["other photo"], np.roll(right, -1, axis=0), atol=1e-6)
    assert all(maps.shape == right.shape for maps in by_kind.values())


def test_a_network_forgets_and_the_original_does_not():
    classifier = PLANTED["shape"].load()
    before = {name: values.clone() for name, values in classifier.net.state_dict().items()}
    one, other = forget(classifier, 0), forget(classifier, 1)
    for name, values in classifier.net.state_dict().items():
        assert torch.equal(values, before[name])
        assert not torch.equal(values, one.net.state_dict()[name])
        assert not torch.equal(other.net.state_dict()[name], one.net.state_dict()[name])


@pytest.mark.parametrize("kind", ["edges", "random", "wrong class"])
def test_broken_maps_are_not_to_be_trusted(trial, kind):
    candidate = next(one for one in broken(0) if one.kind == kind)
    assert judge(measure(candidate, trial)).overall == DISTRUST


def test_what_knows_nothing_of_the_network_stays_like_itself(trial):
    edges = next(one for one in broken(0) if one.kind == "edges")
    found = measure(edges, trial)
    assert found[FOLLOWS].figure == pytest.approx(1)
    assert status_of(FOLLOWS, found[FOLLOWS]) == FAILED
    noise = next(one for one in broken(0) if one.kind == "random")
    assert status_of(STABLE, measure(noise, trial)[STABLE]) == FAILED


def test_a_sound_map_passes(trial):
    deeplift = {one.name: one for one in sound()}["deeplift"]
    assert set(statuses(deeplift, trial).values()) == {PASSED}
