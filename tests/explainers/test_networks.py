"""Other people's networks: torchvision's, and small ones that are wrong in one way each."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision.models
from torch import nn

import xaicore
from xaicore.networks.canonical import audit, canonicalize
from xaicore.networks.petnet import PetNet

SIZE = 64
LAST_CONVOLUTION = {
    "resnet18": "layer4.1.conv2",
    "vgg11_bn": "features.18",
    "mobilenet_v3_small": "features.12.0",
    "efficientnet_b0": "features.8.0",
}


def lively(net: nn.Module) -> nn.Module:
    """Random weights with the statistics of batch normalisation measured, as after training."""
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None
    with torch.no_grad():
        net.train()(torch.randn(8, 3, SIZE, SIZE))
    return net.eval()


@pytest.fixture(scope="module", params=["resnet18", "mobilenet_v3_small", "efficientnet_b0"])
def named(request):
    torch.manual_seed(0)
    net = lively(getattr(torchvision.models, request.param)(num_classes=5))
    return request.param, xaicore.Classifier(net, list("abcde"), size=SIZE, device="cpu")


@pytest.fixture(scope="module")
def photo():
    torch.manual_seed(1)
    return F.interpolate(torch.rand(1, 3, 8, 8), (SIZE, SIZE), mode="bilinear") * 4 - 2


def test_the_canonical_form_gives_the_same_logits(named, photo):
    _, classifier = named
    with torch.inference_mode():
        canonical = classifier.canonical.net(photo)
    assert canonical == pytest.approx(classifier.logits(photo), rel=1e-3, abs=1e-4)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in classifier.canonical.net.modules())
    assert classifier.canonical.obstacles == ()


@pytest.mark.parametrize("name", ["lrp", "gradcam", "deeplift", "lime"])
def test_the_four_methods_work(named, photo, name):
    settings = {"samples": 50, "superpixels": 10} if name == "lime" else {}
    e = xaicore.explain(named[1], photo, name, **settings)
    assert np.isfinite(e.maps).all()
    assert np.ptp(e.maps) > 0
    assert e.checks["weights_unchanged"].all()


def test_deeplift_adds_up_but_for_max_pooling(named, photo):
    name, classifier = named
    e = xaicore.explain(classifier, photo, "deeplift", baseline="black", targets=[2])
    share = np.abs(e.checks["convergence_delta"] / e.checks["score_change"]).item()
    assert share < (0.2 if name == "resnet18" else 1e-3)


def test_relevance_without_biases_is_conserved(named, photo):
    """Through additions and gates too; the biases are taken away in the canonical form itself."""
    without = copy.deepcopy(named[1])
    for name, weight in without.canonical.net.named_parameters():
        if name.endswith("bias"):
            weight.data = torch.zeros_like(weight)
    e = xaicore.explain(without, photo, "lrp", composite="epsilon")
    # ε lets go of a few millionths a layer.
    assert e.checks["relevance_sum"] == pytest.approx(e.checks["score"], rel=0.02)


def test_the_default_layer_is_the_last_convolution_with_a_map(named):
    name, classifier = named
    assert classifier.target_layer == LAST_CONVOLUTION[name]


def test_vgg_is_folded_and_its_pools_are_kept():
    torch.manual_seed(0)
    features = lively(torchvision.models.vgg11_bn(num_classes=2).features[:11])
    canonical = canonicalize(features, torch.zeros(1, 3, 32, 32))
    assert canonical.obstacles == ()
    batch = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        assert canonical.net(batch) == pytest.approx(features(batch), abs=1e-4)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in canonical.net.modules())


def test_petnet_keeps_its_weights_and_answers():
    net = PetNet()
    example = torch.zeros(1, 3, 64, 64)
    canonical = canonicalize(net, example)
    assert canonical.difference == 0
    ours = {weight.data_ptr() for weight in canonical.net.parameters()}
    assert ours == {weight.data_ptr() for weight in net.parameters()}
    assert audit(net, example) == []


class Functional(nn.Module):
    """ReLU as a function, called between modules where no hook can see it."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.last = nn.Linear(4, 2)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        hidden = self.norm(F.relu(self.first(batch)))
        return self.last(F.relu(hidden).mean((2, 3)))


class Modular(Functional):
    """The same network with a module for each step."""

    def __init__(self) -> None:
        super().__init__()
        self.relu, self.relu_again = nn.ReLU(), nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        hidden = self.relu_again(self.norm(self.relu(self.first(batch))))
        return self.last(self.pool(hidden).flatten(1))


class Shared(Modular):
    """The same network again, with one ReLU module used twice."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        hidden = self.relu(self.norm(self.relu(self.first(batch))))
        return self.last(self.pool(hidden).flatten(1))


def small(kind):
    torch.manual_seed(4)
    return xaicore.Classifier(lively(kind()), size=SIZE, device="cpu")


def test_a_shared_activation_is_explained_as_two(photo):
    """Hooked as one module, DeepLIFT would raise or turn into gradient times input."""
    for method in ("deeplift", "lrp"):
        shared, modular = (xaicore.explain(small(k), photo, method) for k in (Shared, Modular))
        assert np.abs(shared.maps - modular.maps).max() <= 1e-5 * np.abs(modular.maps).max()
    assert np.abs(shared.maps).max() > 0


def test_a_functional_activation_is_explained_as_a_module(photo):
    class Mixed(Modular):
        def forward(self, batch):
            hidden = F.relu(self.norm(F.relu(self.first(batch))))
            return self.last(self.pool(hidden).flatten(1))

    for method in ("deeplift", "lrp"):
        mixed, modular = (xaicore.explain(small(k), photo, method) for k in (Mixed, Modular))
        assert np.abs(mixed.maps - modular.maps).max() <= 1e-5 * np.abs(modular.maps).max()


def test_batch_normalisation_after_an_activation_is_not_lost(photo):
    """zennit merges it into no convolution, and says nothing."""
    canonical = small(Modular).canonical.net
    assert not any(isinstance(m, nn.BatchNorm2d) for m in canonical.modules())
    e = xaicore.explain(small(Modular), photo, "deeplift")
    assert np.abs(e.checks["convergence_delta"] / e.checks["score_change"]).item() < 1e-3


class Sorting(Functional):
    def forward(self, batch):
        return self.last(torch.sort(self.norm(self.first(batch)).flatten(2), 2)[0].mean(2))


@pytest.mark.parametrize("method", ["lrp", "deeplift"])
def test_an_operation_without_a_rule_is_refused_by_name(photo, method):
    with pytest.raises(xaicore.ExplainerError, match=r"cannot explain.*Sorting: .*no rule.*'sort'"):
        xaicore.explain(small(Sorting), photo, method)
    for other in ("gradcam", "lime"):
        settings = {"samples": 50} if other == "lime" else {}
        assert np.isfinite(xaicore.explain(small(Sorting), photo, other, **settings).maps).all()


def test_the_audit_names_layer_and_reason():
    net = nn.Sequential(nn.Conv2d(3, 2, 1), nn.LayerNorm([2, 8, 8]), nn.Softmax(1))
    named = {(obstacle.method, obstacle.layer) for obstacle in audit(net, torch.zeros(1, 3, 8, 8))}
    assert named == {("lrp", "2 (Softmax)")}


def test_a_network_that_cannot_be_traced_is_refused_for_what_must_see_inside(photo):
    class Fickle(Modular):
        def forward(self, batch):
            hidden = self.relu(self.first(batch))
            if hidden.sum() > 0:
                hidden = hidden * 2
            return self.last(self.pool(hidden).flatten(1))

    with pytest.raises(xaicore.ExplainerError, match=r"Fickle.*cannot be traced"):
        xaicore.explain(small(Fickle), photo, "lrp")
    assert np.isfinite(xaicore.explain(small(Fickle), photo, "gradcam").maps).all()
