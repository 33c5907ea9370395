"""LIME against lime's own explain_instance, and against a network that is linear."""

import numpy as np
import pytest
import torch
from lime.lime_image import LimeImageExplainer
from torch import nn

import xaicore
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
    assert e.checks["r2"].item() == pytest.approx(theirs.score, abs=1e-5)


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
    assert e.checks["spread"].item() < 0.01


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
    prove = xaicore.EXPLAINERS["lime"].prove
    assert prove({"r2": 0.8, "spread": 0.03, "superpixels": 44}).good
    assert "linear model misses" in prove({"r2": 0.2, "spread": 0.03, "superpixels": 44}).reason
    assert "more samples" in prove({"r2": 0.8, "spread": 0.3, "superpixels": 44}).reason
