"""A check-up says what a network is, gets, and answers."""

import pytest
import torch
from torch import nn

from tests.networks.everyday import Answering, body
from tests.networks.importing_files import torch_file
from xaicore.networks.checkup import check_up
from xaicore.networks.importing.load import load_network


def test_a_network_that_gets_all(photos):
    classifier = load_network(torch_file(body(2).state_dict()), body(2), ("cat", "dog"), 32, 0, 1)
    found = check_up(classifier, photos)
    assert (found.classes, found.channels, found.height, found.width) == (2, 3, 32, 32)
    assert found.weights == sum(weight.numel() for weight in body(2).parameters())
    assert all(method.reason is None for method in found.methods)
    assert found.seconds > 0
    probabilities = classifier.predict(classifier.preprocess(photos))
    assert [answer.probability for answer in found.answers] == pytest.approx(probabilities.max(1))
    assert found.answers[0].label == classifier.labels[probabilities[0].argmax()]
    assert found.sentences[0] == "A Sequential of 626 weights; it knows 2 classes."
    assert found.sentences[1] == "It sees coloured photos of 32×32 pixels."
    assert found.sentences[2].startswith("One photo takes ")
    assert found.sentences[3].startswith("It gets ")


def test_what_a_network_does_not_get_is_named_with_its_reason(photos):
    net = Answering(lambda y: torch.sort(y, 1)[0])
    classifier = load_network(torch_file(net.state_dict()), net, ("cat", "dog"), 32, 0, 1)
    found = check_up(classifier, photos[:1])
    reasons = {method.name: method.reason for method in found.methods}
    assert "sort" in reasons["lrp"]
    assert reasons["gradcam"] is None
    assert any(sentence.startswith("LRP: ") for sentence in found.sentences)


def test_notes_are_told(photos):
    net = nn.Sequential(*body(1), nn.Sigmoid())
    classifier = load_network(torch_file(net.state_dict()), net, ("cat", "dog"), 32, 0, 1)
    found = check_up(classifier, photos[:1])
    assert found.classes == 2
    assert any("sigmoid, is set aside" in sentence for sentence in found.sentences)
    assert any("one output" in sentence for sentence in found.sentences)
