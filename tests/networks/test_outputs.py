"""Scores of every kind of answer: equal to the body's own, set aside, taken, doubled, refused."""

import copy
import threading

import pytest
import torch
from torch import nn

from tests.networks.everyday import (
    ANSWERS,
    FUNCTION_HEADS,
    LAYER_HEADS,
    Answering,
    Gated,
    OneSize,
    SelfNormalised,
    body,
)
from xaicore.networks.errors import NetworkError
from xaicore.networks.outputs import find_input, input_channels, score_network


@pytest.fixture(scope="module")
def batch():
    return torch.randn(4, 3, 24, 20, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def scores(batch):
    with torch.no_grad():
        return body(2)(batch)


def same(scored, batch, expected):
    with torch.no_grad():
        torch.testing.assert_close(scored.net(batch), expected, rtol=0, atol=1e-6)


def test_a_network_that_gives_scores_is_handed_back_itself(batch):
    net = body(3)
    scored = score_network(net, batch)
    assert scored.net is net
    assert (scored.classes, scored.notes, scored.prefix) == (3, (), "")


@pytest.mark.parametrize("name", ANSWERS)
def test_the_part_with_the_scores_is_taken(name, batch, scores):
    scored = score_network(Answering(ANSWERS[name]), batch)
    same(scored, batch, scores)
    assert scored.classes == 2
    assert scored.net.get_submodule(f"{scored.prefix}body.0").out_channels == 6


def test_what_is_taken_is_said(batch):
    taken = {name: score_network(Answering(ANSWERS[name]), batch).notes for name in ANSWERS}
    assert "part 2 is taken" in taken["a tuple"][0]
    assert "part 1 of part 2 is taken" in taken["a list in a tuple"][0]
    assert '"logits" is taken' in taken["a dictionary"][0]
    assert taken["a map of one place"] == ()


@pytest.mark.parametrize("kind", LAYER_HEADS)
def test_a_layer_head_passes_on_its_input_and_layers_keep_their_names(kind, batch, scores):
    net = nn.Sequential(*body(2), LAYER_HEADS[kind])
    scored = score_network(net, batch)
    same(scored, batch, scores)
    assert scored.prefix == ""
    assert f"a {kind}, is set aside" in scored.notes[0]
    assert type(net[-1]) is type(LAYER_HEADS[kind])
    assert scored.net[0].weight.data_ptr() == net[0].weight.data_ptr()


@pytest.mark.parametrize("name", FUNCTION_HEADS)
def test_a_function_head_is_passed_over(name, batch, scores):
    scored = score_network(Answering(FUNCTION_HEADS[name]), batch)
    same(scored, batch, scores)
    assert any("is set aside" in note for note in scored.notes)


def test_many_sigmoids_are_said_to_be_no_softmax(batch):
    notes = score_network(nn.Sequential(*body(2), nn.Sigmoid()), batch).notes
    assert "need not exclude each other" in notes[1]


@pytest.mark.parametrize(
    "form", [lambda y: y, lambda y: y[:, 0], torch.sigmoid, lambda y: y.sigmoid().squeeze(1)]
)
def test_one_output_is_two_classes_no_and_yes(form, batch):
    scored = score_network(Answering(form, outputs=1), batch)
    assert scored.one_output
    assert scored.classes == 2
    with torch.no_grad():
        yes = torch.sigmoid(body(1)(batch))[:, 0]
        probabilities = scored.net(batch).softmax(1)
    torch.testing.assert_close(probabilities[:, 1], yes)
    torch.testing.assert_close(probabilities[:, 0], 1 - yes)


def test_a_sigmoid_that_is_gate_and_head_goes_from_the_head_only(batch):
    net = Gated()
    scored = score_network(net, batch)
    with torch.no_grad():
        torch.testing.assert_close(scored.net(batch).softmax(1)[:, 1], net(batch))
        features = net.body(batch)
        y = net.last(features * features.sigmoid())
    same(scored, batch, torch.cat([-y / 2, y / 2], 1))


def test_a_softmax_inside_stays(batch):
    """Only what is the network's own output is a head."""
    net = Answering(lambda y: y * y.softmax(1))
    scored = score_network(net, batch)
    assert scored.net is net


def test_a_softmax_by_hand_keeps_its_probabilities(batch):
    net = SelfNormalised()
    scored = score_network(net, batch)
    with torch.no_grad():
        torch.testing.assert_close(scored.net(batch).softmax(1), net(batch))
    assert "logarithms" in scored.notes[0]


@pytest.mark.parametrize(
    "net", [Gated(), Answering(FUNCTION_HEADS["F.softmax"]), Answering(ANSWERS["a dictionary"])]
)
def test_scores_are_copied_hooked_and_exported(net, batch):
    scored = score_network(net, batch).net
    with torch.no_grad():
        expected = scored(batch)
        torch.testing.assert_close(copy.deepcopy(scored)(batch), expected)
        exported = torch.export.export(scored, (batch,)).module()
        torch.testing.assert_close(exported(batch), expected)
    seen = []
    private = copy.deepcopy(scored)
    private.get_submodule("net.body.0").register_forward_hook(lambda *_: seen.append(1))
    private(batch)
    assert seen == [1]


def test_threads_do_not_disturb_each_other(batch):
    """What is passed over is counted for each thread alone."""
    net = score_network(Gated(), batch).net
    with torch.no_grad():
        expected = net(batch)
    wrong = []

    def work():
        with torch.no_grad():
            wrong.extend(not torch.equal(net(batch), expected) for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wrong) == 200
    assert not any(wrong)


def test_gradients_reach_the_photo_through_a_head_set_aside(batch):
    photo = batch.clone().requires_grad_()
    score_network(Answering(FUNCTION_HEADS["torch.softmax"]), batch).net(photo)[
        :, 0
    ].sum().backward()
    other = batch.clone().requires_grad_()
    body(2)(other)[:, 0].sum().backward()
    torch.testing.assert_close(photo.grad, other.grad)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_become_32_bit_in_a_copy(dtype, batch, scores):
    net = body(2).to(dtype)
    scored = score_network(net, batch)
    assert "taken as 32-bit" in scored.notes[0]
    assert net[0].weight.dtype is dtype
    with torch.no_grad():
        torch.testing.assert_close(scored.net(batch), scores, atol=0.02, rtol=0.02)
        assert scored.net(batch).dtype is torch.float32


def broken(change):
    net = body(2)
    with torch.no_grad():
        change(net)
    return net


def with_weights_of(dtype):
    def change(net):
        net[0].weight = nn.Parameter(net[0].weight.to(dtype), requires_grad=False)

    return broken(change)


REFUSED = {
    "NaN": (broken(lambda net: net[2].bias[1].fill_(torch.nan)), "weights of 2.bias hold"),
    "infinite": (broken(lambda net: net[0].weight.fill_(torch.inf)), "weights of 0.weight hold"),
    "zero": (broken(lambda net: [w.zero_() for w in net.parameters()]), "weights are zero"),
    "whole": (with_weights_of(torch.int32), "0.weight are whole numbers"),
    "complex": (with_weights_of(torch.complex64), "are complex numbers"),
    "eight-bit": (with_weights_of(torch.float8_e4m3fn), "eight-bit floating-point"),
    "no forward": (nn.ModuleList(body(2)), "no forward pass"),
    "a picture": (body(2)[:4], "does not answer with class scores"),
    "whole answers": (Answering(lambda y: y.argmax(1)), "does not answer with class scores"),
    "nothing": (Answering(lambda y: None), "gives no tensor"),
    "softmax over photos": (Answering(lambda y: y.softmax(0)), "does not run over its classes"),
    "softmax of one": (Answering(lambda y: y.softmax(1), 1), "always answers 1"),
    "NaN scores": (Answering(lambda y: y / 0 * 0), "not finite"),
    "another size": (OneSize(), "3 channels at 24×20 pixels. Give the size .*size="),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_gives_no_scores_is_refused_in_a_sentence(name, batch):
    net, reason = REFUSED[name]
    with pytest.raises(NetworkError, match=reason):
        score_network(net, batch)


def test_the_size_is_found_by_trying():
    assert find_input(OneSize()) == (3, 32)
    assert find_input(body(2, channels=1)) == (1, 224)
    assert input_channels(body(2, channels=1), (32, 32)) == 1
    with pytest.raises(NetworkError, match="224×224, 48×48 pixels"):
        find_input(OneSize(), (224, 48))


class Reordered(nn.Module):
    """Blocks of 2×2 pixels become channels; a convolution of one channel comes later."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Conv2d(1, 1, 3, padding=1)
        self.stem = nn.Conv2d(12, 4, 1)

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        maps = self.stem(nn.functional.pixel_unshuffle(photos, 2))
        return (maps * self.gate(maps.mean(1, keepdim=True)).sigmoid()).mean((2, 3))


def test_channels_are_those_that_the_network_takes_not_those_of_some_convolution():
    assert input_channels(Reordered(), (32, 32)) == 3
    assert find_input(Reordered()) == (3, 224)
