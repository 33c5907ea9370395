"""Integrated Gradients and Occlusion, against networks whose answer is known."""

import numpy as np
import pytest
import torch
from torch import nn

import xaicore


@pytest.fixture
def linear():
    """A network that weighs every pixel once: both methods are exact on it."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 1, 1, bias=False), nn.Flatten(), nn.Linear(16 * 16, 2, bias=False)
    )
    net[0].weight.data = torch.ones(1, 3, 1, 1)
    return xaicore.Classifier(net, size=16, device="cpu"), net[2].weight.detach().numpy()


def test_integrated_gradients_of_a_linear_network_are_weight_times_change(linear):
    classifier, weights = linear
    photo = torch.rand(1, 3, 16, 16)
    e = xaicore.explain(classifier, photo, "integrated-gradients", targets=[1], baseline="zero")
    expected = photo[0].sum(0).numpy() * weights[1].reshape(16, 16)
    assert np.abs(e.maps[0] - expected).max() < 1e-5
    assert e.checks["score_change"].item() == pytest.approx(expected.sum(), rel=1e-4)
    assert abs(e.checks["convergence_delta"].item()) < 1e-4


def test_more_steps_bring_the_contributions_closer_to_the_change(classifier, batch):
    deltas = [
        np.abs(
            xaicore.explain(classifier, batch, "integrated-gradients", steps=steps).checks[
                "convergence_delta"
            ]
        ).mean()
        for steps in (10, 200)
    ]
    assert deltas[1] < deltas[0]


def test_occlusion_of_a_linear_network_is_what_the_patch_holds(linear):
    """Patches of 8 that move by 4: the corner pixel lies in one patch, so its value is that sum."""
    classifier, weights = linear
    photo = torch.rand(1, 3, 16, 16)
    e = xaicore.explain(classifier, photo, "occlusion", targets=[0], patch=8, baseline="zero")
    worth = photo[0].sum(0).numpy() * weights[0].reshape(16, 16)
    assert e.maps[0, 0, 0] == pytest.approx(worth[:8, :8].sum(), abs=1e-5)
    assert e.maps[0, -1, -1] == pytest.approx(worth[8:, 8:].sum(), abs=1e-5)
    assert e.checks["score"].item() == pytest.approx(worth.sum(), abs=1e-5)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("integrated-gradients", {"steps": 30}),
        ("occlusion", {"patch": 16}),
        ("occlusion", {"patch": 30}),
    ],
)
def test_they_tell_how_far_they_are_and_can_be_stopped(classifier, batch, name, settings):
    seen = []

    def watch(done, total, partial=None):
        seen.append((done, total))

    watched = xaicore.explain(classifier, batch, name, progress=watch, **settings)
    done, totals = zip(*seen, strict=True)
    assert list(done) == sorted(done)
    assert set(totals) == {done[-1]}
    assert len(done) > 3
    assert (watched.maps == xaicore.explain(classifier, batch, name, **settings).maps).all()

    class Enough(Exception):
        pass

    def stop(done, total, partial=None):
        raise Enough

    with pytest.raises(Enough):
        xaicore.explain(classifier, batch, name, progress=stop, **settings)


def prove(classifier, photo, name, **settings):
    checks = xaicore.explain(classifier, photo, name, targets=[0], **settings).checks
    return xaicore.EXPLAINERS[name].prove({key: values[0] for key, values in checks.items()})


def test_steps_too_coarse_for_a_sudden_change_are_said(linear):
    """All of the score comes in a small part of the way, which ten steps miss."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 1), nn.Tanh(), nn.Linear(1, 2))
    nn.init.constant_(net[1].weight, 1.0)
    nn.init.constant_(net[1].bias, -300.0)
    nn.init.ones_(net[3].weight)
    sudden = xaicore.Classifier(net, size=16, device="cpu")
    photo = torch.ones(1, 3, 16, 16)
    proof = prove(sudden, photo, "integrated-gradients", steps=10)
    assert not proof.good
    assert "take more of them" in proof.reason
    assert prove(linear[0], photo, "integrated-gradients", steps=10).good


def test_occlusion_where_one_patch_decides_and_where_none_does():
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 2))
    nn.init.constant_(net[1].weight, 1e-5)
    nn.init.ones_(net[1].bias)
    indifferent = xaicore.Classifier(net, size=16, device="cpu")
    photo = torch.ones(1, 3, 16, 16)
    proof = prove(indifferent, photo, "occlusion", patch=8)
    assert not proof.good
    assert "No single patch matters" in proof.reason
    net[1].weight.data[0, 5] = 1.0
    assert prove(xaicore.Classifier(net, size=16, device="cpu"), photo, "occlusion", patch=8).good


def test_they_are_off_by_default_in_the_pages():
    assert [n for n, e in xaicore.EXPLAINERS.items() if e.extra] == [
        "integrated-gradients",
        "occlusion",
    ]
