"""A network is traced while others are used and rewritten: all of them are what they would be."""

import sys
import threading

import pytest
import torch
from torch import nn

from tests.networks.nets import CURVED, lively, photos
from xaicore.networks.canonical import canonicalize
from xaicore.networks.fingerprint import fingerprint_of
from xaicore.networks.importing.architectures import find_architectures
from xaicore.networks.importing.facts import Facts
from xaicore.networks.tracing import ONE_AT_A_TIME, trace


class Stacked(nn.Module):
    """Layers and a parameter of its own, enough of them to be long in tracing."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(60))
        self.shift = nn.Parameter(torch.ones(4))

    def forward(self, values):
        for layer in self.layers:
            values = torch.relu(layer(values)) + self.shift
        return values


@pytest.fixture
def traced():
    """What tracing gives, again and again, on another thread while the test runs."""
    net, found, stop = Stacked(), [], threading.Event()

    def work():
        while not stop.is_set():
            found.append(fingerprint_of(net, {}, ""))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    thread = threading.Thread(target=work)
    thread.start()
    yield found, fingerprint_of(net, {}, "")
    stop.set()
    thread.join()
    sys.setswitchinterval(interval)
    assert len(found) > 1
    assert set(found) == {found[0]}


def test_the_graph_is_torch_fx_s():
    net = Stacked()
    assert str(trace(net).graph) == str(torch.fx.symbolic_trace(net).graph)


def test_a_network_answers_while_another_is_traced(traced):
    found, alone = traced
    net = lively(CURVED["many activations"])
    answers = []
    while len(found) < 20:
        with torch.inference_mode():
            answers.append(net(photos()))
    assert all(torch.equal(answer, answers[0]) for answer in answers)
    assert set(found) == {alone}


def test_a_network_is_rewritten_while_another_is_traced(traced):
    canonical = canonicalize(lively(CURVED["many activations"]), photos())
    assert canonical.obstacles == ()
    assert canonical.difference < 1e-5


def test_a_network_without_memory_is_built_when_no_other_is_exported():
    """On torch 2.14 either of the two stopped with KeyError: 'custom'."""
    architecture = find_architectures(Facts(architecture="squeezenet1_1"))[0]
    built = []
    thread = threading.Thread(target=lambda: built.append(architecture.blank(2, ())))
    with ONE_AT_A_TIME:
        thread.start()
        thread.join(0.5)
        assert not built
    thread.join()
    assert all(weight.is_meta for weight in built[0].parameters())
