"""What holds for every explainer, those to come included: the tests are driven by the registry."""

import itertools
import resource
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import xaicore
from xaicore.networks.fingerprint import hash_weights

QUICK = {
    "lime": {"superpixels": 10, "samples": 50},
    "integrated-gradients": {"steps": 10},
    "occlusion": {"patch": 32},
}
NAMES = list(xaicore.EXPLAINERS)


def explain(classifier, batch, name, **settings):
    return xaicore.explain(classifier, batch, name, **QUICK.get(name, {}), **settings)


def hooks(net):
    """All hooks on all modules of a network."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return [hook for layer in net.modules() for kind in kinds for hook in getattr(layer, kind)]


@pytest.mark.parametrize("name", NAMES)
def test_maps_have_the_photos_size_and_are_raw(classifier, batch, name):
    e = explain(classifier, batch, name)
    assert e.maps.shape == (3, 64, 64)
    assert e.maps.dtype == np.float32
    assert np.isfinite(e.maps).all()
    assert (e.maps < 0).any() == xaicore.EXPLAINERS[name].signed


@pytest.mark.parametrize("name", NAMES)
def test_the_predicted_class_is_explained_unless_another_is_asked_for(classifier, batch, name):
    e = explain(classifier, batch, name)
    assert e.targets.tolist() == classifier.predict(batch).argmax(1).tolist()
    other = explain(classifier, batch, name, targets=1 - e.targets)
    assert other.targets.tolist() == (1 - e.targets).tolist()
    assert (other.maps != e.maps).any()


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_gives_the_maps_of_its_photos(classifier, batch, name):
    together = explain(classifier, batch, name).maps
    alone = np.concatenate([explain(classifier, batch[i : i + 1], name).maps for i in range(3)])
    assert np.abs(together - alone).max() <= 1e-5 * np.abs(alone).max()


@pytest.mark.parametrize("name", NAMES)
def test_weights_and_modules_are_left_as_they_were(classifier, batch, name):
    before = hash_weights(classifier.net)
    logits = classifier.logits(batch)
    e = explain(classifier, batch, name)
    assert e.checks["weights_unchanged"].all()
    assert hash_weights(classifier.net) == before
    assert hooks(classifier.net) == []
    assert (classifier.logits(batch) == logits).all()


def test_changed_weights_are_noticed(classifier, batch):
    classifier.net.model[0].weight.data += 1
    assert not explain(classifier, batch, "gradcam").checks["weights_unchanged"].any()


@pytest.mark.parametrize("name", NAMES)
def test_a_failed_call_leaves_no_hook(classifier, batch, name):
    def fail(*_args):
        raise RuntimeError("stop here")

    handle = classifier.net.model[20].register_forward_hook(fail)
    with pytest.raises(RuntimeError, match="stop here"):
        explain(classifier, batch, name, targets=[0, 0, 0])
    handle.remove()
    assert hooks(classifier.net) == []
    fresh = explain(classifier, batch, name)
    assert fresh.checks["weights_unchanged"].all()


@pytest.mark.parametrize("name", NAMES)
def test_what_made_a_map_travels_with_it(classifier, batch, name):
    settings = explain(classifier, batch, name).settings
    assert settings["explainer"] == name
    assert settings["network"] == classifier.fingerprint
    assert settings["target"] == xaicore.EXPLAINERS[name].scores[0]
    defaults = {p.name: p.default for p in xaicore.EXPLAINERS[name].parameters}
    assert settings["parameters"] == {**defaults, **QUICK.get(name, {})}
    assert settings["versions"]["torch"] == torch.__version__.split("+")[0]


@pytest.mark.parametrize("name", NAMES)
def test_the_proof_is_one_line_for_a_person(classifier, batch, name):
    checks = explain(classifier, batch, name).checks
    for photo in range(3):
        proof = xaicore.EXPLAINERS[name].prove({key: value[photo] for key, value in checks.items()})
        assert proof.text
        assert "\n" not in proof.text
        assert proof.good == (proof.reason == "")


def test_an_unknown_name_lists_the_names(classifier, batch):
    with pytest.raises(xaicore.ExplainerError, match=r"'lpr'.*lrp, gradcam, deeplift, lime"):
        xaicore.explain(classifier, batch, "lpr")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"aplha": 2.0}, "no parameter 'aplha'; it has: composite, alpha, epsilon"),
        ({"alpha": 0.5}, "alpha cannot be 0.5; choose a number from 1 to 4"),
        ({"alpha": "high"}, "alpha cannot be 'high'"),
        ({"composite": "gradient"}, "composite cannot be 'gradient'; choose one of: epsilon-"),
        ({"target": "softmax"}, "cannot explain 'softmax'; choose one of: logit, margin"),
        ({"targets": [0]}, "one target a photo: 3"),
        ({"targets": [0, 1, 2]}, "from 0 to 1"),
    ],
)
def test_a_wrong_setting_is_one_sentence(classifier, batch, settings, sentence):
    with pytest.raises(xaicore.ExplainerError, match=sentence):
        xaicore.explain(classifier, batch, "lrp", **settings)


def test_whole_numbers_stay_whole(classifier, batch):
    with pytest.raises(xaicore.ExplainerError, match="samples must be a whole number"):
        xaicore.explain(classifier, batch, "lime", samples=99.5)


def test_in_a_crowd_every_result_is_the_serial_one(classifier, batch):
    """Eight threads, all methods and predictions mixed, on one classifier: bit for bit the same.

    And further calls leave nothing behind in memory.
    """
    serial = {name: explain(classifier, batch, name).maps for name in NAMES}
    serial["predict"] = classifier.predict(batch)

    def call(name):
        if name == "predict":
            return name, classifier.predict(batch)
        return name, explain(classifier, batch, name).maps

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(call, itertools.islice(itertools.cycle(serial), 400)))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        results += pool.map(call, itertools.islice(itertools.cycle(serial), 200))
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert after <= 1.05 * before
    wrong = [name for name, result in results if not (result == serial[name]).all()]
    assert wrong == []
    assert hash_weights(classifier.net) == classifier.weights_hash
    assert hooks(classifier.net) == []
