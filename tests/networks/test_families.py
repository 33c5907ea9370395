"""A dozen families of torchvision and timm: rewritten equal, explained right or refused by name."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchvision.models
from torch import nn

import xaicore

SIZE = 64
ROUNDING = 1e-5
CNNS = (
    "resnet18",
    "vgg11_bn",
    "densenet121",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "efficientnet_b0",
    "shufflenet_v2_x0_5",
    "squeezenet1_1",
    "mnasnet0_5",
    "regnet_y_400mf",
    "convnext_tiny",
)
TIMM = ("repvgg_a0", "ghostnet_100", "tinynet_e")


def lively(net: nn.Module) -> nn.Module:
    """Uneven statistics and biases, as training leaves them."""
    torch.manual_seed(0)
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.get_buffer("running_mean"), 0, 0.1)
            nn.init.uniform_(layer.get_buffer("running_var"), 0.5, 2)
        elif isinstance(layer, nn.Conv2d) and layer.bias is not None:
            nn.init.normal_(layer.bias, 0, 0.1)
    return net.eval()


def network(name: str) -> nn.Module:
    torch.manual_seed(0)
    if name in TIMM:
        return lively(pytest.importorskip("timm").create_model(name, num_classes=3))
    return lively(torchvision.models.get_model(name, num_classes=3))


@pytest.mark.parametrize("name", [*CNNS, *TIMM])
def test_a_cnn_gets_all_methods_and_contributions_add_up(name: str) -> None:
    classifier = xaicore.Classifier(network(name), ["a", "b", "c"], SIZE, device="cpu")
    assert classifier.canonical.obstacles == ()
    assert classifier.canonical.difference < 1e-4
    torch.manual_seed(1)
    batch = torch.randn(2, 3, SIZE, SIZE)
    deeplift = xaicore.explain(classifier, batch, "deeplift", [0, 1])
    # With random weights some answer nearly the same to everything: there rounding is all there is.
    bound = 0.01 * np.abs(deeplift.checks["score_change"]) + ROUNDING
    assert (np.abs(deeplift.checks["convergence_delta"]) < bound).all()
    for method in ("lrp", "gradcam"):
        maps = xaicore.explain(classifier, batch, method, [0, 1]).maps
        assert np.isfinite(maps).all()
    assert np.ptp(xaicore.explain(classifier, batch, "lrp", [0, 1]).maps, axis=(1, 2)).min() > 0


@pytest.mark.parametrize("name", ["vit_b_32", "swin_t"])
def test_a_transformer_gets_what_is_right_and_the_rest_is_refused_by_name(name: str) -> None:
    settings = {"image_size": SIZE} if name.startswith("vit") else {}
    torch.manual_seed(0)
    net = torchvision.models.get_model(name, num_classes=3, **settings).eval()
    nn.init.normal_(list(net.parameters())[-2])  # torchvision begins some heads with zeros
    classifier = xaicore.Classifier(net, ["a", "b", "c"], SIZE, device="cpu")
    batch = torch.randn(1, 3, SIZE, SIZE)
    with pytest.raises(xaicore.ExplainerError, match="LRP cannot explain this network"):
        xaicore.explain(classifier, batch, "lrp")
    # Its convolution only cuts the photo into patches: a map of it would mean nothing.
    assert classifier.target_layer == {
        "vit_b_32": "encoder.layers.encoder_layer_11.ln_1",
        "swin_t": "features.7.1.norm1",
    }.get(name)
    assert xaicore.explain(classifier, batch, "gradcam", [1]).maps.shape == (1, SIZE, SIZE)
    assert np.ptp(xaicore.explain(classifier, batch, "occlusion", patch=32).maps) > 0
