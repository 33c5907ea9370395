"""The classifier: normalisation, probabilities, copies, saving and loading."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import xaicore
from tests.explainers.conftest import small_net
from xaicore.networks.classifier import weights_of
from xaicore.networks.petnet import PetNet


def constant_net(logits):
    """A network that always gives these logits."""
    net = nn.Sequential(
        nn.Conv2d(3, 1, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, len(logits))
    )
    net[3].weight.data.zero_()
    net[3].bias.data = torch.tensor(logits)
    return net


def test_preprocess_resizes_and_normalises_each_colour():
    mean, std = (0.5, 0.4, 0.3), (0.25, 0.2, 0.1)
    classifier = xaicore.Classifier(
        constant_net([0.0, 0.0]), size=8, mean=mean, std=std, device="cpu"
    )
    photo = Image.new("RGB", (40, 20), (255, 102, 51))
    batch = classifier.preprocess([photo, photo])
    assert batch.shape == (2, 3, 8, 8)
    assert batch.dtype == torch.float32
    assert batch[1, :, 3, 5].tolist() == pytest.approx([2.0, 0.0, -1.0], abs=1e-6)
    back = classifier.denormalise(batch)[0, :, 0, 0]
    assert back.tolist() == pytest.approx([1.0, 0.4, 0.2], abs=1e-6)


def test_probabilities_are_softmax_in_double_precision():
    """At a logit gap of 20 a float32 softmax would say exactly 1."""
    classifier = xaicore.Classifier(constant_net([20.0, 0.0]), size=8, device="cpu")
    p = classifier.predict(torch.zeros(1, 3, 8, 8))
    assert p.dtype == np.float64
    assert p[0, 0] < 1
    assert p[0, 1] == pytest.approx(np.exp(-20) / (1 + np.exp(-20)))


def test_a_private_net_shares_weights_but_nothing_else():
    classifier = xaicore.Classifier(small_net(), size=64, device="cpu")
    copy = classifier.private_net()
    ours, theirs = classifier.net.model[0], copy.model[0]
    assert ours is not theirs
    assert ours.weight is not theirs.weight
    assert ours.weight.data_ptr() == theirs.weight.data_ptr()
    theirs.weight.data = torch.zeros_like(theirs.weight)
    theirs.register_forward_hook(lambda *_: None)
    assert ours.weight.abs().sum() > 0
    assert not ours._forward_hooks


def test_fingerprint_follows_the_weights():
    first = xaicore.Classifier(small_net(seed=0), size=64, device="cpu")
    same = xaicore.Classifier(small_net(seed=0), size=64, device="cpu")
    other = xaicore.Classifier(small_net(seed=1), size=64, device="cpu")
    assert first.fingerprint == same.fingerprint
    assert first.fingerprint != other.fingerprint


def test_the_last_convolution_is_the_default_layer():
    assert xaicore.Classifier(PetNet(), device="cpu").target_layer == "model.20"
    assert xaicore.Classifier(PetNet(), target_layer="model.3", device="cpu").target_layer == (
        "model.3"
    )


def test_without_convolutions_only_grad_cam_is_refused():
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    classifier = xaicore.Classifier(net, size=2, device="cpu")
    assert classifier.target_layer is None
    batch = torch.randn(1, 3, 2, 2)
    with pytest.raises(xaicore.ExplainerError, match="Grad-CAM cannot explain this network"):
        xaicore.explain(classifier, batch, "gradcam")
    maps = xaicore.explain(classifier, batch, "deeplift", [1]).maps
    expected = (net[1].weight[1].view(3, 2, 2) * batch[0]).sum(0)
    np.testing.assert_allclose(maps[0], expected.detach(), rtol=1e-4)


def test_saved_weights_come_back(tmp_path):
    torch.manual_seed(5)
    net = PetNet()
    (tmp_path / "net.safetensors").write_bytes(weights_of(net))
    loaded = xaicore.load_classifier(tmp_path / "net.safetensors", device="cpu")
    batch = torch.randn(2, 3, 128, 128)
    with torch.inference_mode():
        expected = net.eval()(batch)
    assert loaded.logits(batch) == pytest.approx(expected, abs=1e-5)
    data = (tmp_path / "net.safetensors").read_bytes()
    assert xaicore.load_classifier(data, device="cpu").fingerprint == loaded.fingerprint


def test_a_missing_or_foreign_weights_file_is_one_sentence(tmp_path):
    with pytest.raises(xaicore.ClassifierError, match="no weights file"):
        xaicore.load_classifier(tmp_path / "none.safetensors")
    with pytest.raises(xaicore.ClassifierError, match="no weights file"):
        xaicore.load_classifier(tmp_path)
    with pytest.raises(xaicore.ClassifierError, match="This file does not hold PetNet's weights"):
        xaicore.load_classifier(b"not weights")
    (tmp_path / "text.safetensors").write_text("not weights")
    with pytest.raises(xaicore.ClassifierError, match="does not hold PetNet's weights"):
        xaicore.load_classifier(tmp_path / "text.safetensors")
    (tmp_path / "small.safetensors").write_bytes(weights_of(small_net()))
    with pytest.raises(xaicore.ClassifierError, match="does not hold PetNet's weights"):
        xaicore.load_classifier(tmp_path / "small.safetensors")


def test_the_bundled_network_knows_the_sample_photos(classifier_bundled, samples):
    for photo, label in samples:
        probabilities = classifier_bundled.predict(classifier_bundled.preprocess([photo]))[0]
        assert classifier_bundled.labels[probabilities.argmax()] == label
        assert np.float32(probabilities.max()) < 1


@pytest.fixture(scope="module")
def classifier_bundled():
    return xaicore.load_classifier(device="cpu")


@pytest.fixture(scope="module")
def samples():
    names = {"chelsea": "cat", "kitten-with-yarn": "cat", "german-shepherd": "dog"}
    return [(xaicore.load_photo(f"assets/samples/{n}.jpg"), label) for n, label in names.items()]


class WithVolume(nn.Module):
    """A convolution over places and keys, as lambda layers have it: weights of five dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.lambdas = nn.Conv3d(1, 2, (1, 3, 3), padding=(0, 1, 1))

    def forward(self, photos: torch.Tensor) -> torch.Tensor:
        return self.lambdas(self.stem(photos)[:, None]).mean((2, 3, 4))


def test_a_network_with_weights_of_five_dimensions_keeps_its_own_layout():
    net = WithVolume()
    batch = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        expected = net(batch)
    classifier = xaicore.Classifier(net, ["no", "yes"], size=32)
    assert classifier.layout is torch.contiguous_format
    torch.testing.assert_close(classifier.logits(batch), expected)
