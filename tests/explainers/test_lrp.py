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
from xaicore.explainers import lrp, relevance
from xaicore.explainers.lrp import COMPOSITES, EPSILONS
from xaicore.explainers.relevance import BIASES
from xaicore.networks.canonical import Canonical


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


def account_of(e, photo=0):
    """What reached the pixels, what biases and ε kept, and the score, of one photo."""
    names = ("relevance_sum", "kept_by_biases", "kept_by_epsilon", "score")
    return [e.checks[name][photo] for name in names]


def prove(e, photo=0):
    checks = {name: values[photo] for name, values in e.checks.items()}
    return xaicore.EXPLAINERS["lrp"].prove(checks)


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("composite", COMPOSITES)
def test_the_account_closes_in_every_layer(classifier, batch, composite, bias):
    e = xaicore.explain(classifier, batch, "lrp", composite=composite, bias=bias, epsilon=0.03)
    for photo in range(3):
        pixels, biases, epsilon, score = account_of(e, photo)
        assert pixels + biases + epsilon == pytest.approx(score, rel=1e-3)
        assert (abs(biases) < 1e-6 * abs(score)) == (bias != "keep")
        assert prove(e, photo).good
    received, handed_on, biases, epsilon = np.moveaxis(e.extras["account"], 2, 0)
    gap = np.abs(received - handed_on - biases - epsilon)
    assert (gap <= 1e-3 * np.abs(e.checks["score"])[:, None]).all()
    # Each layer receives what the next one handed on.
    assert received[:, :-1] == pytest.approx(handed_on[:, 1:], rel=1e-3)
    assert handed_on[:, 0] == pytest.approx(e.checks["relevance_sum"], rel=1e-3)


def one_layer(bias):
    """Two pixels in one colour channel that count, weights 2 and −1."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(6, 2))
    net[1].weight.data = torch.tensor([[2.0, -1, 0, 0, 0, 0], [0.0] * 6])
    net[1].bias.data = torch.tensor([bias, 0.0])
    classifier = xaicore.Classifier(net, size=(1, 2), device="cpu")
    return classifier, torch.tensor([3.0, 1, 0, 0, 0, 0]).view(1, 3, 1, 2)


@pytest.mark.parametrize(
    ("bias", "shares"),
    [
        # z = 6 − 1, b = 5: a half each. The root mean square of (10, 0) is √50.
        ("keep", (60 / (10 + 0.1 * 50**0.5), 50 / (10 + 0.1 * 50**0.5))),
        ("spread", None),
        ("leave out", (60 / (5 + 0.1 * 12.5**0.5), 0)),
    ],
)
def test_one_layer_s_account_worked_by_hand(bias, shares):
    classifier, photo = one_layer(5.0)
    e = xaicore.explain(classifier, photo, "lrp", [0], composite="epsilon", epsilon=0.1, bias=bias)
    kept = xaicore.explain(classifier, photo, "lrp", [0], composite="epsilon", epsilon=0.1)
    if shares:
        helped, biases = shares
        assert e.maps[0, 0].tolist() == pytest.approx([helped, -helped / 6], rel=1e-5)
        assert e.checks["kept_by_biases"].item() == pytest.approx(biases, rel=1e-5)
    else:
        # What the bias kept goes to six inputs alike, three a pixel, less ε in units of six.
        share = 3 * kept.checks["kept_by_biases"].item() / (6 + 0.1 * 6)
        assert (e.maps - kept.maps)[0, 0] == pytest.approx(share, rel=1e-5)
        assert e.checks["kept_by_biases"].item() == 0
    assert e.checks["score"].item() == 10
    assert sum(account_of(e)[:3]) == pytest.approx(10, rel=1e-5)


def test_the_account_is_told_in_shares():
    checks = {"relevance_sum": 1.0, "kept_by_biases": 2.96, "kept_by_epsilon": 0.04, "score": 4.0}
    proof = xaicore.EXPLAINERS["lrp"].prove({**checks, "unaccounted": 1e-6})
    assert proof.text == "25% of the score reached the pixels; biases kept 74%, ε 1%"
    assert proof.good
    assert not xaicore.EXPLAINERS["lrp"].prove({**checks, "unaccounted": 0.02}).good
    assert not xaicore.EXPLAINERS["lrp"].prove({**checks, "unaccounted": float("nan")}).good


class Gated(nn.Module):
    """A signal and its gate, either of which could take the relevance."""

    def __init__(self):
        super().__init__()
        self.signal, self.gate = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)
        self.last = nn.Linear(4, 2)

    def forward(self, batch):
        return self.last((self.signal(batch) * torch.sigmoid(self.gate(batch))).mean((2, 3)))


@pytest.fixture
def gated():
    torch.manual_seed(0)
    return xaicore.Classifier(Gated().eval(), size=64, device="cpu")


def test_relevance_that_a_product_doubles_is_unaccounted_for(gated, batch, monkeypatch):
    assert prove(xaicore.explain(gated, batch, "lrp")).good
    monkeypatch.setattr(lrp.SignalTakesAll, "apply", lambda compute, *signals: compute(*signals))
    assert not prove(xaicore.explain(gated, batch, "lrp")).good


def test_relevance_that_a_rule_loses_is_unaccounted_for(classifier, batch, monkeypatch):
    divide = relevance.divide

    def lossy(*args):
        handed = divide(*args)
        return relevance.Handed(handed.inputs * 0.99, handed.biases, handed.epsilon)

    monkeypatch.setattr(relevance, "divide", lossy)
    proof = prove(xaicore.explain(classifier, batch, "lrp"))
    assert not proof.good
    assert "unaccounted for" in proof.text


def test_an_operation_between_the_layers_that_no_rule_knows_is_found_out(batch):
    """Its gradient is what relevance would pass by."""

    class Unseen(nn.Sequential):
        def forward(self, batch):
            return self[1](torch.tanh(self[0](batch)).mean((2, 3)))

    torch.manual_seed(0)
    net = Unseen(nn.Conv2d(3, 4, 3), nn.Linear(4, 2)).eval()
    followed = xaicore.Classifier(net, size=64, device="cpu")
    assert prove(xaicore.explain(followed, batch, "lrp")).good
    followed._canonical = Canonical(net, (), first=("0",))
    assert not prove(xaicore.explain(followed, batch, "lrp")).good


def test_padding_that_takes_relevance_with_it_is_found_out(batch):
    """The flat rule hands relevance to padded places, which no pixel stands behind."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.ZeroPad2d(8), nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten())
    net.append(nn.Linear(4 * 78 * 78, 2))
    classifier = xaicore.Classifier(net.eval(), size=64, device="cpu")
    assert not prove(xaicore.explain(classifier, batch, "lrp")).good
    assert prove(xaicore.explain(classifier, batch, "lrp", composite="epsilon-plus")).good


@pytest.mark.parametrize(("bias", "said"), [("keep", 0), ("spread", 1), ("leave out", 1)])
def test_what_becomes_of_biases_is_said(classifier, batch, bias, said):
    notes = xaicore.explain(classifier, batch, "lrp", bias=bias).notes
    assert len([note for note in notes if note.startswith("Biases ")]) == said
