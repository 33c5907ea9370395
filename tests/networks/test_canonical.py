"""Networks written in many ways: the same scores in canonical form, and right maps or a refusal."""

import copy
import gc
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from captum.attr import DeepLift
from torch import nn

import xaicore
from tests.networks.nets import CURVED, PIECEWISE_LINEAR, around, conv, head, lively, photos
from xaicore.explainers import lrp
from xaicore.explainers.base import AttributionTask
from xaicore.networks import classifier as classifier_module
from xaicore.networks.canonical import audit, canonicalize
from xaicore.networks.operations import Gate

ROOT = Path(__file__).parents[2]
ALL = {**PIECEWISE_LINEAR, **CURVED}


def classifier_of(net: nn.Module, size: int = 32, **more) -> xaicore.Classifier:
    return xaicore.Classifier(net, size=size, device="cpu", **more)


def relevance(net: nn.Module, batch: torch.Tensor, composite: str = "epsilon") -> torch.Tensor:
    """LRP in double precision with the smallest ε."""
    classifier = classifier_of(net)
    # Other than a visitor's, whose weights are taken as 32-bit.
    classifier.net = net.double()
    classifier._canonical = canonicalize(classifier.net, batch.double())
    assert classifier.canonical.obstacles == ()
    targets = torch.ones(len(batch), dtype=torch.int64)
    task = AttributionTask(classifier, batch.double(), targets, "logit", canonical=True)
    return lrp.compute(task, composite, 2.0, 1e-13, "keep").maps


def gradient_times_input(net: nn.Module, batch: torch.Tensor) -> torch.Tensor:
    batch = batch.double().requires_grad_()
    (gradient,) = torch.autograd.grad(net.double()(batch)[:, 1].sum(), batch)
    return (gradient * batch).sum(1).detach()


def far(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


@pytest.mark.parametrize("name", ALL)
def test_the_scores_are_the_same_for_any_number_of_photos(name):
    net = lively(ALL[name])
    canonical = canonicalize(net, photos(1))
    assert canonical.difference < 1e-5
    for count in (1, 2, 5):
        batch = photos(count).to(memory_format=torch.channels_last)
        with torch.inference_mode():
            assert canonical.net(batch) == pytest.approx(net(batch), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize("name", PIECEWISE_LINEAR)
def test_relevance_is_gradient_times_input_where_a_network_is_piecewise_linear(name):
    net = lively(PIECEWISE_LINEAR[name])
    assert far(relevance(net, photos()), gradient_times_input(net, photos())) < 1e-6


@pytest.mark.parametrize("name", ALL)
def test_contributions_add_up(name):
    classifier = classifier_of(lively(ALL[name]))
    assert [o for o in classifier.canonical.obstacles if o.method == "deeplift"] == []
    checks = xaicore.explain(classifier, photos(), "deeplift", [0, 1], baseline="black").checks
    misses = np.abs(checks["convergence_delta"] / checks["score_change"])
    assert (misses < 1e-3).all()


@pytest.mark.parametrize("name", CURVED)
@pytest.mark.parametrize("composite", ["epsilon-alpha2-beta1-flat", "epsilon-gamma-box"])
def test_curved_networks_have_maps(name, composite):
    e = xaicore.explain(classifier_of(lively(CURVED[name])), photos(), "lrp", composite=composite)
    assert np.isfinite(e.maps).all()
    assert np.ptp(e.maps) > 0


def test_relevance_passes_a_normalisation_with_its_spread_held():
    def held(net, x):
        x = F.relu(net.stem(x)).permute(0, 2, 3, 1)
        spread = (x.var(-1, correction=0, keepdim=True) + 1e-5).sqrt().detach()
        y = (x - x.mean(-1, keepdim=True)) / spread * net.norm.weight + net.norm.bias
        return net.head(F.leaky_relu(y).permute(0, 3, 1, 2))

    net = lively(
        lambda: around(
            lambda net, x: F.leaky_relu(net.norm(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2),
            norm=nn.LayerNorm(6),
        )
    )
    ours = relevance(net, photos())
    net.steps = held
    assert far(ours, gradient_times_input(net, photos())) < 1e-6
    notes = canonicalize(lively(CURVED["layer normalisation, channels last"]), photos()).notes
    assert notes == ("Normalisations by the photo's own spread hold that spread fixed.",)


@pytest.mark.parametrize("gate_first", [False, True])
def test_relevance_takes_the_signal_and_not_the_gate(gate_first):
    def product(net, x):
        signal, gate = net.signal(x), torch.sigmoid(net.gate(x))
        return gate * signal if gate_first else signal * gate

    def held(net, x):
        x = F.relu(net.stem(x))
        return net.head(net.signal(x) * torch.sigmoid(net.gate(x)).detach())

    net = lively(lambda: around(product, signal=conv(6, 6), gate=conv(6, 6)))
    ours = relevance(net, photos())
    net.steps = held
    assert far(ours, gradient_times_input(net, photos())) < 1e-6


def test_the_first_layer_is_the_first_to_run_and_no_scale_before_it():
    net = lively(PIECEWISE_LINEAR["layers defined in another order"])
    canonical = canonicalize(net, photos())
    (first,) = canonical.first
    assert torch.equal(canonical.net.get_submodule(first).weight, net.first.weight)
    net = lively(PIECEWISE_LINEAR["scale and shift of the photo"])
    canonical = canonicalize(net, photos())
    (first,) = canonical.first
    assert torch.equal(canonical.net.get_submodule(first).weight, net.stem.weight)


@pytest.mark.parametrize("composite", ["epsilon-alpha2-beta1-flat", "epsilon-gamma-box"])
def test_a_shift_of_the_photo_may_stand_within_the_network(composite):
    """Colours 0…1 go in, and the network makes −1…1 of them; or −1…1 goes in."""
    inside = lively(PIECEWISE_LINEAR["scale and shift of the photo"])
    outside = copy.deepcopy(inside)
    outside.steps = lambda net, x: net.head(F.relu(net.stem(x)))
    colours = (photos() + 2) / 4
    colours[:, :, 4, 5] = 0.5  # becomes zero, by which relevance must not be divided
    maps = []
    for net, mean, batch in ((inside, 0, colours), (outside, 0.5, colours * 2 - 1)):
        std = 0.5 if mean else 1.0
        classifier = xaicore.Classifier(net, size=32, mean=mean, std=std, device="cpu")
        maps.append(xaicore.explain(classifier, batch, "lrp", [0, 1], composite=composite).maps)
    assert np.abs(maps[0] - maps[1]).max() < 1e-4 * np.abs(maps[1]).max()


def test_two_equal_factors_are_a_square_and_two_unbounded_ones_are_refused():
    square = canonicalize(lively(lambda: around(lambda net, x: x * x)), photos())
    assert square.obstacles == ()
    assert not any(isinstance(layer, Gate) for layer in square.net.modules())
    net = lively(lambda: around(lambda net, x: net.one(x) * net.two(x), one=conv(6, 6),
                                two=conv(6, 6)))  # fmt: skip
    (obstacle,) = canonicalize(net, photos()).obstacles
    assert obstacle.method == "lrp"
    assert "multiplies two computed tensors" in obstacle.reason
    checks = xaicore.explain(classifier_of(net), photos(), "deeplift", [0, 1]).checks
    assert np.abs(checks["convergence_delta"] / checks["score_change"]).max() < 1e-3


class Attending(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.attention(x, x, x, need_weights=False)[0]


REFUSED = {
    "attention": (
        lambda: around(
            lambda net, x: net.block(x.flatten(2).transpose(1, 2)).transpose(1, 2)[..., None],
            block=Attending(),
        ),
        r"block\.attention",
        "attention|computed matrices",
    ),
    "weights that the photo decides": (
        lambda: around(
            lambda net, x: F.conv2d(x, net.make(x.mean((0, 2, 3))).view(6, 6, 1, 1)),
            make=nn.Linear(6, 36),
        ),
        "Steps",
        "mixes",
    ),
    "weights that each photo decides": (
        lambda: around(
            lambda net, x: F.conv2d(
                x.flatten(0, 1)[None], net.make(x.mean((2, 3))).view(-1, 6, 1, 1), groups=len(x)
            ).unflatten(1, (len(x), 6))[0],
            make=nn.Linear(6, 36),
        ),
        "Steps",
        "computed from the photo",
    ),
    "sorting": (lambda: around(lambda net, x: x.sort(2)[0]), "Steps", "'sort'"),
    "a mean over the photos": (lambda: around(lambda net, x: x - x.mean()), "Steps", "mixes"),
    "a branch": (
        lambda: around(lambda net, x: x * 0 if x.mean() > 9 else x), "Steps", "branches on"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_rule_is_refused_by_name_in_a_plain_sentence(name, capfd):
    make, layer, reason = REFUSED[name]
    obstacles = audit(lively(make), photos())
    for method in ("lrp", "deeplift"):
        found = [o for o in obstacles if o.method == method]
        assert found
        with pytest.raises(xaicore.ExplainerError, match=f"(?s){layer}.*({reason})"):
            xaicore.explain(classifier_of(lively(make)), photos(), method)
        for o in found:
            assert "\n" not in o.reason
            assert "torch." not in o.reason
    assert capfd.readouterr().err == ""


def test_a_maximum_is_owed_to_where_it_stood():
    """Two values, the photo's largest first and the baseline's second: 3 − 0 and 0 − 2 by hand."""
    net = nn.Sequential(nn.MaxPool2d((1, 2)), nn.Flatten(), nn.Linear(6, 2))
    nn.init.ones_(net[2].weight)
    classifier = xaicore.Classifier(net, size=2, device="cpu")
    photo = torch.tensor([[3.0, 0.0], [0.0, 0.0]]).expand(1, 3, 2, 2).contiguous()
    e = xaicore.explain(classifier, photo, "deeplift", [0])
    assert e.maps[0] == pytest.approx(np.array([[9.0, 0.0], [0.0, 0.0]]))


def test_where_no_activation_follows_another_contributions_are_captums():
    torch.manual_seed(0)
    layers = [conv(), nn.MaxPool2d(2), conv(6, 6), nn.ELU(), conv(6, 6), nn.LeakyReLU(), head()]
    classifier = classifier_of(nn.Sequential(*layers).eval())
    e = xaicore.explain(classifier, photos(), "deeplift", [0, 1], baseline="zero")
    theirs = DeepLift(classifier.private_net()).attribute(
        photos().requires_grad_(), torch.zeros_like(photos()), target=torch.tensor([0, 1])
    )
    theirs = theirs.sum(1).detach().numpy()
    assert np.abs(e.maps - theirs).max() < 1e-5 * np.abs(theirs).max()


FORKED = """
import os, torch
from xaicore.networks.canonical import audit

def propagate():
    torch.ones(1, requires_grad=True).sum().backward()

audit(torch.nn.Sequential(torch.nn.Conv2d(3, 2, 3), torch.nn.ReLU()), torch.zeros(1, 3, 8, 8))
propagate()
child = os.fork()
if child == 0:
    propagate()
    os._exit(0)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_process_can_explain_after_a_network_was_rewritten():
    """Left alone, torch.export would have autograd start threads that do not survive a fork."""
    process = subprocess.run([sys.executable, "-c", FORKED], cwd=ROOT, capture_output=True)
    assert process.returncode == 0


def ask_at_once(*classifiers):
    """The canonical forms that threads get which ask at the same time."""
    with ThreadPoolExecutor(len(classifiers)) as pool:
        return list(pool.map(lambda classifier: classifier.canonical, classifiers))


@pytest.fixture
def lowered(monkeypatch):
    """The networks that were really rewritten."""
    rewritten = []

    def counted(net, example):
        rewritten.append(net)
        return canonicalize(net, example)

    monkeypatch.setattr(classifier_module, "canonicalize", counted)
    return rewritten


def test_weights_are_shared_and_threads_make_one_form(lowered):
    classifier = classifier_of(lively(PIECEWISE_LINEAR["layers defined in another order"]))
    assert len({id(form) for form in ask_at_once(*[classifier] * 4)}) == 1
    assert lowered == [classifier.net]
    held = {weight.data_ptr() for weight in classifier.net.parameters()}
    assert {weight.data_ptr() for weight in classifier.private_net(True).parameters()} == held


def test_equal_networks_share_one_form_and_others_have_their_own(lowered):
    equals = [classifier_of(lively(CURVED["many activations"])) for _ in range(3)]
    other = classifier_of(lively(CURVED["many activations"]), labels=("dog", "cat"))
    assert not any(classifier.has_canonical for classifier in (*equals, other))
    first, second = ask_at_once(*equals[:2])
    assert first is second
    assert equals[2].has_canonical
    assert equals[2].canonical is first
    assert len(lowered) == 1
    assert not other.has_canonical
    assert other.canonical is not first
    maps = [xaicore.explain(one, photos(), "lrp", [0, 1]).maps for one in (*equals, other)]
    for one in maps[1:]:
        np.testing.assert_array_equal(one, maps[0])


def test_a_network_whose_weights_were_changed_shares_nothing(lowered):
    first, second = (classifier_of(lively(CURVED["many activations"])) for _ in range(2))
    assert first.canonical.obstacles == ()
    with torch.no_grad():
        next(first.net.parameters()).mul_(2)
    assert not second.has_canonical
    assert torch.allclose(second.private_net(True)(photos()), second.net(photos()), rtol=1e-4)
    assert lowered == [first.net, second.net]


def test_a_form_is_forgotten_with_the_last_who_uses_it():
    first, second = (classifier_of(lively(CURVED["many activations"])) for _ in range(2))
    form = weakref.ref(first.canonical)
    assert second.canonical is form()
    del first
    gc.collect()
    assert form() is not None
    del second
    gc.collect()
    assert form() is None


def test_a_network_used_while_it_is_rewritten_answers_as_ever():
    classifier = classifier_of(lively(CURVED["many activations"]))
    batch = photos()
    before = classifier.logits(batch)
    rewriting = threading.Thread(target=lambda: classifier.canonical)
    rewriting.start()
    answers = [classifier.logits(batch)]
    while rewriting.is_alive():
        answers.append(classifier.logits(batch))
    # Threads that share the cores may add in another order: the last bit, and no more.
    apart = max((answer - before).abs().max() for answer in answers)
    assert apart <= 1e-6 * before.abs().max()
