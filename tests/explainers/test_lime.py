"""LIME against lime's own explain_instance, and against a network that is linear."""

import itertools
import re

import numpy as np
import pytest
import torch
from lime.lime_image import LimeImageExplainer
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from torch import nn

import xaicore
from xaicore.explainers.held_out import PENALTY, SHUFFLES, fit_ridge, hold_out
from xaicore.explainers.superpixels import METHODS, cut, mean_colours

SETTINGS = {"superpixels": 20, "samples": 100}


def colours(classifier, photo):
    return classifier.denormalise(photo[None])[0].clamp(0, 1).permute(1, 2, 0).double().numpy()


@pytest.mark.parametrize(("fill", "hide_color"), [("black", 0), ("grey", 0.5), ("mean", None)])
@pytest.mark.parametrize("seed", [0, 7])
def test_equals_limes_own_loop(classifier, batch, fill, hide_color, seed):
    batch = classifier.normalise(classifier.denormalise(batch[:1]).clamp(0, 1))
    e = xaicore.explain(classifier, batch, "lime", fill=fill, seed=seed, **SETTINGS)
    segments = e.extras["segments"][0]
    target = int(e.targets[0])

    def predict(images):
        photos = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
        return classifier.predict(classifier.normalise(photos))

    theirs = LimeImageExplainer(random_state=seed).explain_instance(
        colours(classifier, batch[0]),
        predict,
        labels=(target,),
        hide_color=hide_color,
        top_labels=None,
        num_samples=SETTINGS["samples"],
        segmentation_fn=lambda _image: segments,
    )
    weights = dict(theirs.local_exp[target])
    reference = np.vectorize(weights.get)(segments)
    assert np.abs(e.maps[0] - reference).max() <= 1e-5


def test_finds_the_weights_of_a_linear_network():
    """A network that adds up pixels: a superpixel's weight is what hiding it takes away."""
    net = nn.Sequential(
        nn.Conv2d(3, 1, 1, bias=False), nn.Flatten(), nn.Linear(32 * 32, 2, bias=False)
    )
    torch.manual_seed(0)
    net[0].weight.data = torch.ones(1, 3, 1, 1)
    net[2].weight.data = torch.randn(2, 32 * 32) / 32
    classifier = xaicore.Classifier(net, size=32, mean=(0, 0, 0), std=(1, 1, 1), device="cpu")
    photo = torch.rand(1, 3, 32, 32)
    e = xaicore.explain(
        classifier, photo, "lime", targets=[0], target="logit", samples=4000, superpixels=9
    )
    segments = e.extras["segments"][0]
    worth = (net[2].weight[0].detach().numpy().reshape(32, 32)) * photo[0].sum(0).numpy()
    by_superpixel = np.bincount(segments.ravel(), worth.ravel())
    found = np.array([e.maps[0][segments == s][0] for s in range(segments.max() + 1)])
    assert found == pytest.approx(by_superpixel, abs=0.02 * np.abs(by_superpixel).max())
    assert e.checks["r2"].item() > 0.999
    assert e.checks["r2_by_chance"].item() < 0.5
    assert e.checks["spread"].item() < 0.01


def test_a_network_that_is_linear_in_superpixels_is_told_so_at_default_settings():
    """What is hidden is black, worth nothing: the logit is a sum over superpixels."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 64 * 64, 2))
    classifier = xaicore.Classifier(net, size=64, mean=(0, 0, 0), std=(1, 1, 1), device="cpu")
    photo = nn.functional.interpolate(torch.rand(1, 3, 8, 8), (64, 64), mode="bilinear")
    e = xaicore.explain(classifier, photo, "lime", target="logit")
    proof = xaicore.EXPLAINERS["lime"].prove({name: v[0] for name, v in e.checks.items()})
    assert proof.good
    assert re.match(r"R² (0\.9\d|1\.00) on samples it was not fitted to; weights ± \d%", proof.text)


def trial(samples, superpixels, kernel_width, noise, seed):
    """lime's draw and weights, and a score that is noise: anew each sample, or each picture."""
    generator = np.random.default_rng(seed)
    data = generator.integers(0, 2, (samples, superpixels))
    data[0] = 1
    weights = np.exp(-((1 - np.sqrt(data.mean(1))) ** 2) / (2 * kernel_width**2))
    if noise == "each sample":
        return data, generator.normal(size=samples), weights
    pictures, of = np.unique(data, axis=0, return_inverse=True)
    return data, generator.normal(size=len(pictures))[of.ravel()], weights


@pytest.mark.parametrize("noise", ["each sample", "each picture"])
def test_noise_is_never_told_to_be_a_good_fit(noise):
    """Settings from end to end of what may be chosen; the hard ones are many patches, few samples,
    and few patches, of which there are few different pictures."""
    settings = itertools.product((50, 300), (5, 8, 20, 39, 190), (0.05, 0.25, 2.0))
    good = []
    for seed, (samples, superpixels, width) in enumerate([*settings] * 4):
        held = hold_out(*trial(samples, superpixels, width, noise, seed), seed)
        good.append(proof_of(held, superpixels).good)
    assert len(good) == 120
    assert sum(good) <= 1


def proof_of(held, superpixels):
    return xaicore.EXPLAINERS["lime"].prove(
        {
            "r2": held.r2,
            "r2_by_chance": held.chance,
            "spread": held.spread,
            "different_samples": held.samples,
            "superpixels": superpixels,
        }
    )


def test_noise_is_amber_where_lime_s_own_fit_is_nearly_perfect():
    data, scores, weights = trial(50, 190, 0.25, "each sample", 0)
    model = Ridge(alpha=PENALTY).fit(data, scores, sample_weight=weights)
    assert model.score(data, scores, weights) > 0.9
    proof = proof_of(hold_out(data, scores, weights, 0), 190)
    assert not proof.good
    assert "Too few different samples" in proof.reason


def test_the_fit_is_lime_s_own():
    data, scores, weights = trial(200, 20, 0.25, "each sample", 0)
    constants, slopes = fit_ridge(data, np.stack([scores, scores**2], 1), weights)
    for index, target in enumerate((scores, scores**2)):
        model = Ridge(alpha=PENALTY).fit(data, target, sample_weight=weights)
        assert slopes[:, index] == pytest.approx(model.coef_, abs=1e-10)
        assert constants[index] == pytest.approx(model.intercept_, abs=1e-10)


def test_what_is_held_out_is_what_r2_says():
    """Against five fits, one by one; without repeated samples R² is the ordinary one."""
    data, noise, weights = trial(300, 20, 0.25, "each sample", 3)
    data = np.unique(data, axis=0)[:200]
    scores = data @ np.arange(20.0) + 5 * noise[:200]
    weights = weights[:200]
    held = hold_out(data, scores, weights, 0)
    generator = np.random.default_rng(0)
    for _ in range(SHUFFLES):
        generator.permutation(scores)
    predicted = np.empty(200)
    for fold in np.array_split(generator.permutation(200), 5):
        rest = np.delete(np.arange(200), fold)
        model = Ridge(alpha=PENALTY).fit(data[rest], scores[rest], sample_weight=weights[rest])
        predicted[fold] = model.predict(data[fold])
    assert held.r2 == pytest.approx(r2_score(scores, predicted, sample_weight=weights))
    assert held.chance < 0.2 < held.r2


def test_a_score_that_never_changes_has_no_fit():
    data, _, weights = trial(200, 20, 0.25, "each sample", 0)
    proof = proof_of(hold_out(data, np.ones(200), weights, 0), 20)
    assert not proof.good
    assert "never changes" in proof.reason


@pytest.mark.parametrize("method", METHODS)
def test_superpixels_are_counted_from_zero_without_gaps(classifier, batch, method):
    """Counted from 1, the decisive superpixel gets no weight and R² still reads 1."""
    labels = cut(colours(classifier, batch[0]), method, 20, seed=0)
    assert (np.unique(labels) == np.arange(labels.max() + 1)).all()
    assert labels.max() > 0


def test_the_real_superpixel_count_is_reported(classifier, batch):
    e = xaicore.explain(classifier, batch, "lime", **SETTINGS)
    counts = [len(np.unique(segments)) for segments in e.extras["segments"]]
    assert e.checks["superpixels"].tolist() == counts


def test_one_seed_in_same_numbers_out(classifier, batch):
    first = xaicore.explain(classifier, batch, "lime", seed=3, **SETTINGS).maps
    again = xaicore.explain(classifier, batch, "lime", seed=3, **SETTINGS).maps
    other = xaicore.explain(classifier, batch, "lime", seed=4, **SETTINGS).maps
    assert (first == again).all()
    assert (first != other).any()


def test_progress_sharpens_towards_the_final_map(classifier, batch):
    seen = []
    e = xaicore.explain(
        classifier,
        batch[:1],
        "lime",
        progress=lambda done, total, maps: seen.append((done, total, maps)),
        **SETTINGS,
    )
    done, totals, maps = zip(*seen, strict=True)
    assert list(done) == sorted(done)
    assert done[-1] == 100
    assert set(totals) == {100}
    errors = [np.abs(partial - e.maps).mean() for partial in maps]
    assert errors[-1] < 1e-6
    assert errors[0] > errors[-1]


def test_what_progress_raises_stops_the_work(classifier, batch):
    class Enough(Exception):
        pass

    def stop(done, total, maps):
        raise Enough

    with pytest.raises(Enough):
        xaicore.explain(classifier, batch, "lime", progress=stop, **SETTINGS)


def test_mean_fill_is_each_superpixels_own_mean():
    photo = np.zeros((2, 4, 3))
    photo[0, :2] = 0.2
    photo[1, :2] = 0.6
    photo[:, 2:] = 1.0
    labels = np.array([[0, 0, 1, 1], [0, 0, 1, 1]])
    painted = mean_colours(photo, labels)
    assert painted[:, :2] == pytest.approx(0.4)
    assert painted[:, 2:] == pytest.approx(1.0)


def test_a_poor_linear_fit_is_said():
    checks = {
        "r2": 0.8,
        "r2_by_chance": 0.05,
        "spread": 0.03,
        "different_samples": 1000,
        "superpixels": 44,
    }
    prove = xaicore.EXPLAINERS["lime"].prove
    assert prove(checks).good
    assert prove(checks).text.startswith("R² 0.80 on samples it was not fitted to; weights ± 3%")
    assert "linear model misses" in prove({**checks, "r2": 0.2}).reason
    assert "may be chance" in prove({**checks, "r2": 0.6, "r2_by_chance": 0.61}).reason
    assert "more samples" in prove({**checks, "spread": 0.3}).reason
    assert "R² below 0" in prove({**checks, "r2": -3.0}).text
