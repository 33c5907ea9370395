"""LRP against zennit's own composite, and against the two formulas of the study worked slowly."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn
from zennit.composites import (
    EpsilonAlpha2Beta1,
    EpsilonAlpha2Beta1Flat,
    EpsilonGammaBox,
    EpsilonPlus,
    EpsilonPlusFlat,
)
from zennit.core import Stabilizer

import xaicore
from xaicore.explainers.lrp import COMPOSITES, EPSILONS


def zennit_maps(classifier, batch, composite, targets):
    net = classifier.private_net()
    photos = batch.clone().requires_grad_()
    with composite.context(net) as hooked:
        logits = hooked(photos)
        start = torch.zeros_like(logits)
        start[range(len(batch)), targets] = logits.detach()[range(len(batch)), targets]
        (relevance,) = torch.autograd.grad(logits, photos, start)
    return relevance.sum(1).numpy()


def relative_difference(ours, theirs):
    return np.abs(ours - theirs).max() / np.abs(theirs).max()


def relative(epsilon):
    return Stabilizer(epsilon=epsilon, norm_scale=True)


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_alpha_2_equals_zennits_own_composite(classifier, batch, epsilon):
    e = xaicore.explain(classifier, batch, "lrp", epsilon=epsilon)
    composite = EpsilonAlpha2Beta1Flat(epsilon=relative(epsilon), stabilizer=relative(epsilon))
    theirs = zennit_maps(classifier, batch, composite, e.targets)
    assert relative_difference(e.maps, theirs) < 1e-6


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("epsilon-plus-flat", EpsilonPlusFlat),
        ("epsilon-plus", EpsilonPlus),
        ("epsilon-alpha2-beta1", EpsilonAlpha2Beta1),
        ("epsilon-gamma-box", EpsilonGammaBox),
    ],
)
def test_other_composites_equal_zennits_own(classifier, batch, name, theirs):
    e = xaicore.explain(classifier, batch, "lrp", composite=name, epsilon=0.03)
    bounds = {}
    if theirs is EpsilonGammaBox:
        bounds["low"] = classifier.normalise(torch.zeros(1, 3, 1, 1))
        bounds["high"] = classifier.normalise(torch.ones(1, 3, 1, 1))
    composite = theirs(epsilon=relative(0.03), stabilizer=relative(0.03), **bounds)
    reference = zennit_maps(classifier, batch, composite, e.targets)
    assert relative_difference(e.maps, reference) < 1e-6


def test_default_is_zennits_default_but_for_the_unit_of_epsilon(classifier, batch):
    """zennit's 1e-6 is absolute, ours relative; both are too small to matter."""
    e = xaicore.explain(classifier, batch, "lrp")
    theirs = zennit_maps(classifier, batch, EpsilonAlpha2Beta1Flat(), e.targets)
    assert relative_difference(e.maps, theirs) < 1e-3


def stabilized(values, epsilon):
    """ε relative to the root mean square of the values, with each value's own sign (+ for 0)."""
    scale = epsilon * np.sqrt((values**2).mean())
    return values + np.where(values >= 0, scale, -scale)


def epsilon_rule(a, w, b, relevance, epsilon):
    """The study's ε formula, neuron by neuron; a [I], w [J, I], b [J], relevance [J]."""
    z = w @ a + b
    denominator = stabilized(z, epsilon)
    return np.array(
        [sum(a[i] * w[j, i] / denominator[j] * relevance[j] for j in range(len(b)))
         for i in range(len(a))]
    )  # fmt: skip


def alpha_beta_rule(a, w, b, relevance, alpha, epsilon):
    """The study's α-β formula, neuron by neuron, biases in the denominators, ε in both."""
    beta = alpha - 1
    z = w * a
    positive = np.clip(z, 0, None).sum(1) + np.clip(b, 0, None)
    negative = np.clip(z, None, 0).sum(1) + np.clip(b, None, 0)
    positive = stabilized(positive, epsilon)
    negative_scale = epsilon * np.sqrt((negative**2).mean())
    negative = negative + np.where(negative < 0, -negative_scale, negative_scale)
    result = np.zeros(len(a))
    for i in range(len(a)):
        for j in range(len(b)):
            share = alpha * max(z[j, i], 0) / positive[j] - beta * min(z[j, i], 0) / negative[j]
            result[i] += share * relevance[j]
    return result


@pytest.mark.parametrize("alpha", [1.0, 1.4, 2.0, 4.0])
@pytest.mark.parametrize("epsilon", [1e-6, 0.1, 1.0])
def test_three_layers_worked_by_hand(alpha, epsilon):
    """1×1 convolutions on one pixel are plain matrices, so each rule is a few sums."""
    torch.manual_seed(3)
    net = nn.Sequential(
        nn.Conv2d(3, 5, 1), nn.ReLU(), nn.Conv2d(5, 4, 1), nn.ReLU(), nn.Flatten(), nn.Linear(4, 2)
    )
    classifier = xaicore.Classifier(net, size=1, device="cpu")
    photo = torch.tensor([0.9, -0.4, 1.3]).view(1, 3, 1, 1)
    e = xaicore.explain(classifier, photo, "lrp", targets=[1], alpha=alpha, epsilon=epsilon)

    weights = [
        (layer.weight.detach().double().numpy().reshape(layer.weight.shape[0], -1),
         layer.bias.detach().double().numpy())
        for layer in net if hasattr(layer, "weight")
    ]  # fmt: skip
    x0 = photo.numpy().ravel().astype(float)
    x1 = np.clip(weights[0][0] @ x0 + weights[0][1], 0, None)
    x2 = np.clip(weights[1][0] @ x1 + weights[1][1], 0, None)
    logits = weights[2][0] @ x2 + weights[2][1]
    relevance = epsilon_rule(x2, *weights[2], np.array([0, logits[1]]), epsilon)
    relevance = alpha_beta_rule(x1, *weights[1], relevance, alpha, epsilon)
    # The flat rule hands a neuron's relevance to its three inputs in equal shares, less ε.
    relevance = relevance / (1 + epsilon)
    assert e.maps.item() == pytest.approx(relevance.sum(), rel=1e-4)
    assert e.checks["relevance_sum"].item() == pytest.approx(relevance.sum(), rel=1e-4)
    assert e.checks["score"].item() == pytest.approx(logits[1], rel=1e-5)


def test_without_biases_relevance_is_conserved(classifier, batch):
    for name, weight in classifier.net.named_parameters():
        if name.endswith("bias"):
            weight.data.zero_()
    e = xaicore.explain(classifier, batch, "lrp", composite="epsilon", epsilon=1e-6)
    assert e.checks["relevance_sum"] == pytest.approx(e.checks["score"], rel=1e-3)


def test_epsilon_does_something_from_end_to_end(classifier, batch):
    maps = [xaicore.explain(classifier, batch, "lrp", epsilon=value).maps for value in EPSILONS]
    ends = np.corrcoef(maps[0].ravel(), maps[-1].ravel())[0, 1]
    assert ends < 0.95


def test_the_composites_differ(classifier, batch):
    maps = [xaicore.explain(classifier, batch, "lrp", composite=name).maps for name in COMPOSITES]
    for first, second in itertools.combinations(maps, 2):
        assert relative_difference(first, second) > 0.05


def test_the_map_holds_all_the_relevance(classifier, batch):
    e = xaicore.explain(classifier, batch, "lrp")
    assert e.maps.sum((1, 2)) == pytest.approx(e.checks["relevance_sum"], rel=1e-3)


def test_margin_is_the_difference_of_the_two_logits(classifier, batch):
    margin = xaicore.explain(classifier, batch, "lrp", targets=[0, 0, 0], target="margin")
    cat = xaicore.explain(classifier, batch, "lrp", targets=[0, 0, 0])
    dog = xaicore.explain(classifier, batch, "lrp", targets=[1, 1, 1])
    scale = np.abs(margin.maps).max()
    assert np.abs(margin.maps - (cat.maps - dog.maps)).max() < 1e-5 * scale
    logits = classifier.logits(batch).numpy()
    assert margin.checks["score"] == pytest.approx(logits[:, 0] - logits[:, 1], abs=1e-5)
