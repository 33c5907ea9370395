"""Twins forget layer by layer, the same every time, and the network itself forgets nothing."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import torch
from torch import nn

from tests.metrics.conftest import make_batch, make_classifier
from xaicore import Classifier
from xaicore.networks.randomising import (
    MOST_STAGES,
    layers_in_order,
    randomised_twins,
)


def weights_of(classifier: Classifier) -> dict[str, np.ndarray]:
    return {name: w.detach().numpy().copy() for name, w in classifier.net.named_parameters()}


def test_twins_forget_from_the_last_layer_to_the_first(classifier: Classifier) -> None:
    twins = randomised_twins(classifier)
    layers = layers_in_order(classifier)
    assert [twin.total for twin in twins] == [len(layers)] * MOST_STAGES
    assert [twin.layers for twin in twins] == [2, 4, 6, 8, 10]
    own = weights_of(classifier)
    for twin in twins:
        forgotten = {name for names in layers[-twin.layers :] for name in names}
        for name, weight in weights_of(twin.classifier).items():
            np.testing.assert_array_equal(np.sort(weight.ravel()), np.sort(own[name].ravel()))
            # Two values may keep their order by chance.
            if weight.size > 2:
                assert np.array_equal(weight, own[name]) == (name not in forgotten), name


def test_the_network_itself_is_untouched(classifier: Classifier, batch: torch.Tensor) -> None:
    fingerprint, said = classifier.fingerprint, classifier.predict(batch)
    before = weights_of(classifier)
    for twin in randomised_twins(classifier, seed=3):
        assert twin.classifier.fingerprint != fingerprint
        assert twin.classifier.is_unchanged()
        assert not np.allclose(twin.classifier.predict(batch), said, atol=1e-3)
    assert classifier.is_unchanged()
    assert classifier.fingerprint == fingerprint
    np.testing.assert_array_equal(classifier.predict(batch), said)
    for name, weight in weights_of(classifier).items():
        np.testing.assert_array_equal(weight, before[name])


def test_a_twin_shares_what_it_did_not_forget(classifier: Classifier) -> None:
    first = classifier.net.get_parameter("model.0.weight")
    twins = randomised_twins(classifier)
    shared = [twin.classifier.net.get_parameter("model.0.weight") for twin in twins]
    addresses = [weight.data_ptr() == first.data_ptr() for weight in shared]
    assert addresses == [True] * (len(twins) - 1) + [False]


def test_the_same_seed_gives_the_same_twins_in_equal_classifiers() -> None:
    first, second = make_classifier(1), make_classifier(1)
    names = [[t.classifier.fingerprint for t in randomised_twins(c)] for c in (first, second)]
    assert names[0] == names[1]
    other = [t.classifier.fingerprint for t in randomised_twins(first, seed=1)]
    assert not set(other) & set(names[0])
    assert randomised_twins(first) is randomised_twins(first)


def test_twins_have_a_canonical_form_of_their_own() -> None:
    classifier = make_classifier()
    batch = make_batch(2, 16, 16)
    own = classifier.canonical
    for twin in randomised_twins(classifier):
        form = twin.classifier.canonical
        assert form is not own
        with torch.inference_mode():
            np.testing.assert_allclose(
                form.net(batch).numpy(), twin.classifier.logits(batch).numpy(), atol=1e-4
            )


def test_twins_are_forgotten_with_their_classifier() -> None:
    classifier = make_classifier()
    known = weakref.ref(randomised_twins(classifier)[0].classifier)
    del classifier
    gc.collect()
    assert known() is None


class Backwards(nn.Module):
    """Its layers are defined in another order than they run in, and one is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(4, 2)
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.first = nn.Conv2d(3, 4, 4, stride=4)
        self.place = nn.Parameter(torch.zeros(1, 16, 4))

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        tokens = self.first(batch).flatten(2).mT + self.place
        return self.last(self.attention(tokens, tokens, tokens)[0].mean(1))


def test_layers_come_in_the_order_in_which_they_run() -> None:
    classifier = Classifier(Backwards().eval(), ("cat", "dog"), 16, device="cpu")
    layers = [names[0].split(".")[-2:] for names in layers_in_order(classifier)]
    assert [layer[0] for layer in layers][-2:] == ["out_proj", "last"]
    assert "place" in layers[0]
    assert "first" in layers[1]


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_weights_lie_in_memory_as_they_did(layout: torch.memory_format) -> None:
    classifier = make_classifier()
    classifier.net.to(memory_format=layout)
    for twin in randomised_twins(classifier):
        for name, weight in twin.classifier.net.named_parameters():
            assert weight.stride() == classifier.net.get_parameter(name).stride()
