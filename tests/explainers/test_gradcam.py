"""Grad-CAM against captum, the grad-cam package, and a case worked by hand."""

import numpy as np
import pytest
import torch
import torchvision
from captum.attr import LayerAttribution, LayerGradCam
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn

import xaicore
from tests.networks.transformers import Tokens, lively


@pytest.mark.parametrize("layer", ["model.0", "model.10", "model.20"])
def test_equals_captum(classifier, batch, layer):
    e = xaicore.explain(classifier, batch, "gradcam", layer=layer)
    net = classifier.private_net()
    grad_cam = LayerGradCam(net, net.get_submodule(layer))
    raw = grad_cam.attribute(batch, target=torch.tensor(e.targets), relu_attributions=True)
    theirs = LayerAttribution.interpolate(raw, (64, 64), "bilinear")[:, 0].detach().numpy()
    assert np.abs(e.maps - theirs).max() <= 1e-5 * np.abs(theirs).max()


def test_equals_the_grad_cam_package_up_to_its_scaling(classifier, batch):
    """That package scales each map to 0…1 before it is resized, ours stays raw."""
    e = xaicore.explain(classifier, batch, "gradcam", layer="model.8")
    net = classifier.private_net()
    with GradCAM(net, [net.get_submodule("model.8")]) as package:
        theirs = package(
            batch.clone().requires_grad_(), [ClassifierOutputTarget(int(t)) for t in e.targets]
        )
    compared = 0
    for ours, reference in zip(e.maps, theirs, strict=True):
        if ours.max() > 0:
            compared += 1
            assert np.corrcoef(ours.ravel(), reference.ravel())[0, 1] > 0.999
    assert compared > 0


def worked_net(sign):
    """One convolution that passes the red channel on; the logit is ``sign`` times its mean."""
    net = nn.Sequential(
        nn.Conv2d(3, 1, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 2)
    )
    net[0].weight.data = torch.tensor([1.0, 0, 0]).view(1, 3, 1, 1)
    net[3].weight.data = torch.tensor([[sign], [0.0]])
    net[3].bias.data.zero_()
    return net


def test_worked_by_hand():
    """The gradient of the mean of four pixels is 1/4 each, so the map is red / 4."""
    classifier = xaicore.Classifier(worked_net(1.0), size=2, device="cpu")
    photo = torch.zeros(1, 3, 2, 2)
    photo[0, 0] = torch.tensor([[1.0, 2.0], [-4.0, 8.0]])
    e = xaicore.explain(classifier, photo, "gradcam", targets=[0])
    assert e.maps[0] == pytest.approx(np.array([[0.25, 0.5], [0.0, 2.0]]))
    assert e.checks["positive_fraction"].item() == 0.75


def test_no_positive_evidence_is_a_state():
    classifier = xaicore.Classifier(worked_net(-1.0), size=2, device="cpu")
    e = xaicore.explain(classifier, torch.ones(1, 3, 2, 2), "gradcam", targets=[0])
    assert (e.maps == 0).all()
    assert e.checks["constant"].item()
    proof = xaicore.EXPLAINERS["gradcam"].prove({k: v[0] for k, v in e.checks.items()})
    assert proof.text == "no positive evidence"
    assert not proof.good


def prove(classifier, batch, target, **settings):
    e = xaicore.explain(classifier, batch, "gradcam", targets=[target], **settings)
    checks = {name: values[0] for name, values in e.checks.items()}
    return checks, xaicore.EXPLAINERS["gradcam"].prove(checks)


@pytest.fixture
def bright():
    """A photo whose places differ, float32 [1, 3, 8, 8]."""
    torch.manual_seed(2)
    return torch.rand(1, 3, 8, 8) * 2


def test_behind_a_mean_and_a_linear_layer_the_gradients_explain_the_whole_change(bright):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 2))
    classifier = xaicore.Classifier(net, size=8, device="cpu")
    features = net[0](bright).mean((2, 3)).detach()
    change = (features @ net[3].weight.T).detach()[0]
    best = int(change.argmax())
    checks, proof = prove(classifier, bright, best)
    assert checks["score_change"] == pytest.approx(change[best].item(), abs=1e-5)
    assert checks["linear_estimate"] == pytest.approx(change[best].item(), abs=1e-5)
    assert proof.good
    assert proof.text.startswith("gradients explain 100% of the ")


def test_a_network_that_saturates_behind_the_layer_changes_by_more_than_its_gradients_say(bright):
    """tanh hardly rises where it is sure, though without the layer it falls to nothing."""
    net = nn.Sequential(
        nn.Conv2d(3, 1, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Tanh(), nn.Linear(1, 2),
    )  # fmt: skip
    nn.init.constant_(net[0].weight, 2.0)
    net[4].weight.data = torch.tensor([[3.0], [0.0]])
    checks, proof = prove(xaicore.Classifier(net, size=8, device="cpu"), bright, 0)
    assert checks["score_change"] == pytest.approx(3, rel=1e-3)
    assert 0 < checks["linear_estimate"] < 0.1
    assert not proof.good
    assert "quite otherwise" in proof.reason


def test_unknown_layer_lists_those_there_are(classifier, batch):
    with pytest.raises(
        xaicore.ExplainerError, match=r"no layer with a map named 'model\.1'.*model\.20"
    ):
        xaicore.explain(classifier, batch, "gradcam", layer="model.1")


def test_inplace_activations_do_not_spoil_the_features(batch):
    """An in-place ReLU after the layer would overwrite what the hook kept."""
    from tests.explainers.conftest import small_net

    plain, inplace = small_net(), small_net()
    for layer in inplace.modules():
        if isinstance(layer, nn.ReLU):
            layer.inplace = True
    maps = [
        xaicore.explain(
            xaicore.Classifier(net, size=64, device="cpu"), batch, "gradcam", layer="model.8"
        ).maps
        for net in (plain, inplace)
    ]
    assert (maps[0] == maps[1]).all()


def test_every_layer_with_a_map_can_be_looked_at(classifier, batch):
    convolutions = [name for name, m in classifier.net.named_modules() if isinstance(m, nn.Conv2d)]
    assert list(classifier.feature_maps.layers) == convolutions
    for name in convolutions:
        assert np.isfinite(xaicore.explain(classifier, batch, "gradcam", layer=name).maps).all()


def restated(net, layer, photo, target, first, height, width):
    """Selvaraju et al. 2017, equations 1 and 2, written out over tokens [1, N, K] on a grid."""
    kept = []
    handle = net.get_submodule(layer).register_forward_hook(lambda *call: kept.append(call[2]))
    scores = net(photo)
    handle.remove()
    (gradient,) = torch.autograd.grad(scores[0, target], kept[0])
    evidence = np.zeros((height, width))
    for channel in range(kept[0].shape[2]):
        slopes, values = (
            [
                [tensor[0, first + row * width + column, channel].item() for column in range(width)]
                for row in range(height)
            ]
            for tensor in (gradient, kept[0])
        )
        importance = sum(sum(row) for row in slopes) / (height * width)
        evidence += importance * np.array(values)
    return evidence.clip(min=0)


@pytest.mark.parametrize(("before", "pooled"), [(0, True), (1, False), (3, False)])
@pytest.mark.parametrize("layer", ["", "blocks.0.norm2"])
def test_tokens_are_a_grid_without_those_before_it(before, pooled, layer):
    net = lively(Tokens(before, pooled or bool(layer)))
    classifier = xaicore.Classifier(net, size=(24, 40), device="cpu")
    photo = torch.randn(1, 3, 24, 40, generator=torch.Generator().manual_seed(2))
    e = xaicore.explain(classifier, photo, "gradcam", [1], layer=layer)
    found = restated(net, layer or "blocks.1.norm1", photo, 1, before, 3, 5)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(found)[None, None], (24, 40), mode="bilinear"
    )[0, 0].numpy()
    assert expected.max() > 0
    assert e.maps[0] == pytest.approx(expected, rel=1e-4, abs=1e-7)
    assert e.checks["positive_fraction"].item() == pytest.approx((found > 0).mean())


def test_a_swin_s_map_has_its_channels_last():
    torch.manual_seed(0)
    settings = {"embed_dim": 12, "depths": [2, 2], "num_heads": [2, 4], "window_size": [4, 4]}
    net = lively(torchvision.models.SwinTransformer([4, 4], num_classes=3, **settings))
    classifier = xaicore.Classifier(net, ("a", "b", "c"), size=32, device="cpu")
    photo = torch.randn(2, 3, 32, 32)
    e = xaicore.explain(classifier, photo, "gradcam", [0, 2])
    layer = net.get_submodule(classifier.target_layer)
    kept = []
    handle = layer.register_forward_hook(lambda *call: kept.append(call[2]))
    scores = net(photo)
    handle.remove()
    (gradient,) = torch.autograd.grad(scores[0, 0] + scores[1, 2], kept[0])
    evidence = torch.einsum("bk,bhwk->bhw", gradient.mean((1, 2)), kept[0]).relu()
    assert evidence.shape == (2, 4, 4)
    expected = LayerAttribution.interpolate(evidence[:, None], (32, 32), "bilinear")[:, 0]
    assert e.maps == pytest.approx(expected.detach().numpy(), rel=1e-4, abs=1e-7)
