"""DeepLIFT against captum, and against what must hold."""

import numpy as np
import pytest
import torch
from captum.attr import DeepLift
from torch import nn

import xaicore
from xaicore.explainers.baselines import BASELINES, make_baseline
from xaicore.networks.canonical import Canonical


@pytest.mark.parametrize("baseline", BASELINES)
def test_equals_captum(classifier, batch, baseline):
    e = xaicore.explain(classifier, batch, "deeplift", baseline=baseline)
    reference = make_baseline(classifier, batch, baseline)
    theirs, delta = DeepLift(classifier.private_net()).attribute(
        batch.clone().requires_grad_(),
        reference,
        target=torch.tensor(e.targets),
        return_convergence_delta=True,
    )
    theirs = theirs.sum(1).detach().numpy()
    assert np.abs(e.maps - theirs).max() <= 1e-5 * np.abs(theirs).max()
    assert e.checks["convergence_delta"] == pytest.approx(delta.numpy(), abs=1e-5)


@pytest.mark.parametrize("baseline", BASELINES)
def test_contributions_add_up_to_the_change_in_score(classifier, batch, baseline):
    e = xaicore.explain(classifier, batch, "deeplift", baseline=baseline, targets=[0, 1, 0])
    reference = make_baseline(classifier, batch, baseline)
    change = (classifier.logits(batch) - classifier.logits(reference))[range(3), [0, 1, 0]]
    assert e.maps.sum((1, 2)) == pytest.approx(change.numpy(), rel=1e-3, abs=1e-4)
    assert e.checks["score_change"] == pytest.approx(change.numpy(), rel=1e-4)


def test_the_baselines_are_what_they_are_called(classifier, batch):
    def colours(kind):
        return classifier.denormalise(make_baseline(classifier, batch, kind))

    assert make_baseline(classifier, batch, "zero").abs().max() == 0
    assert colours("black").abs().max() < 1e-6
    assert (colours("white") - 1).abs().max() < 1e-6
    classifier.dataset_mean = (0.2, 0.4, 0.6)
    assert colours("dataset-mean")[0, :, 9, 9].tolist() == pytest.approx([0.2, 0.4, 0.6], abs=1e-6)
    blurred = make_baseline(classifier, batch, "blurred")
    inner = (slice(None), slice(None), slice(16, 48), slice(16, 48))
    assert blurred[inner].var() < batch[inner].var()
    assert blurred.mean() == pytest.approx(batch.mean().item(), abs=0.1)


def test_a_convergence_error_is_said():
    prove = xaicore.EXPLAINERS["deeplift"].prove
    assert prove({"score_change": 2.0, "convergence_delta": 0.001}).good
    bad = prove({"score_change": 2.0, "convergence_delta": 0.5})
    assert not bad.good
    assert "25.00%" in bad.text


def prove(classifier, batch):
    checks = xaicore.explain(classifier, batch, "deeplift", targets=[0] * len(batch)).checks
    return [
        xaicore.EXPLAINERS["deeplift"].prove({name: v[photo] for name, v in checks.items()})
        for photo in range(len(batch))
    ]


def test_contributions_that_do_not_add_up_are_told_from_those_that_do(classifier, batch):
    """An activation that no rule sees passes its gradient on, as if it were linear."""

    class Unseen(nn.Sequential):
        def forward(self, batch):
            return self[1](torch.tanh(3 * self[0](batch)).mean((2, 3)))

    torch.manual_seed(0)
    net = Unseen(nn.Conv2d(3, 4, 3), nn.Linear(4, 2)).eval()
    followed = xaicore.Classifier(net, size=64, device="cpu")
    assert all(proof.good for proof in prove(followed, batch))
    followed._canonical = Canonical(net, ())
    proofs = prove(followed, batch)
    assert not any(proof.good for proof in proofs)
    assert all("miss part of the change" in proof.reason for proof in proofs)


def test_margin_is_the_difference_of_the_two_logits(classifier, batch):
    margin = xaicore.explain(classifier, batch, "deeplift", targets=[1, 1, 1], target="margin").maps
    dog = xaicore.explain(classifier, batch, "deeplift", targets=[1, 1, 1]).maps
    cat = xaicore.explain(classifier, batch, "deeplift", targets=[0, 0, 0]).maps
    assert np.abs(margin - (dog - cat)).max() < 1e-5 * np.abs(margin).max() + 1e-7
