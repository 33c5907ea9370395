"""Which layers hold a map of places, found by running networks of every layout."""

import pytest
import timm
import torch
import torchvision
from torch import nn

from tests.networks.transformers import Tokens, lively
from xaicore import Classifier
from xaicore.networks.feature_maps import Places, find_feature_maps

SIZE = 32


def find(net: nn.Module, size: int | tuple[int, int] = SIZE):
    shape = (size, size) if isinstance(size, int) else size
    return find_feature_maps(
        lively(net), torch.rand(2, 3, *shape, generator=torch.Generator().manual_seed(0))
    )


@pytest.mark.parametrize(("before", "pooled"), [(0, True), (1, False), (1, True), (3, False)])
def test_tokens_are_told_from_what_stands_before_them(before, pooled):
    found = find(Tokens(before=before, pooled=pooled), (32, 48))
    # The first norm of the last block: what follows it mixes no places any more.
    assert found.last == "blocks.1.norm1"
    assert found.layers[found.last] == Places(4, 6, "tokens", before)
    assert list(found.layers)[:2] == ["patches", "blocks.0.norm1"]


def test_tokens_in_another_order_are_refused():
    shuffled = Tokens(
        before=1, order=torch.randperm(16, generator=torch.Generator().manual_seed(1))
    )
    assert find(shuffled).last is None
    columns = Tokens(before=1, order=torch.arange(16).view(4, 4).T.flatten())
    assert find(columns).last is None


def test_what_no_score_hears_of_is_not_chosen():
    """The last block runs, but the head hears the class token of the first one."""
    assert find(Tokens(before=1, deaf=True)).last == "blocks.0.norm1"


def swin() -> nn.Module:
    settings = {"embed_dim": 12, "depths": [2, 2], "num_heads": [2, 4], "window_size": [4, 4]}
    return torchvision.models.SwinTransformer([4, 4], num_classes=3, **settings)


def vit() -> nn.Module:
    return torchvision.models.VisionTransformer(64, 16, 2, 2, 16, 32, num_classes=3)


KNOWN = {
    "torchvision's ViT": (vit, 64, "encoder.layers.encoder_layer_1.ln_1", (4, 4, "tokens", 1)),
    "torchvision's Swin": (swin, 64, "features.3.1.norm1", (8, 8, "channels last")),
    "timm's ViT": ("test_vit", 160, "blocks.5.norm1", (10, 10, "tokens", 1)),
}


@pytest.mark.parametrize("name", KNOWN)
def test_known_transformers(name):
    make, size, last, places = KNOWN[name]
    torch.manual_seed(0)
    net = timm.create_model(make, num_classes=3) if isinstance(make, str) else make()
    found = find(net, size)
    assert found.last == last
    assert found.layers[last] == Places(*places)


def test_a_convolution_that_no_layer_mixes_stays_the_one():
    """ConvNeXt's normalisations have their channels last too, but mix nothing."""
    torch.manual_seed(0)
    setting = torchvision.models.convnext.CNBlockConfig
    net = torchvision.models.ConvNeXt([setting(8, 16, 2), setting(16, None, 2)], num_classes=3)
    assert find(net).last == "features.3.1.block.0"


def test_maps_of_tokens():
    values = torch.arange(2 * 7 * 5.0).view(2, 7, 5)
    maps = Places(2, 3, "tokens", 1).features(values)
    assert maps.shape == (2, 5, 2, 3)
    assert maps[1, 3].tolist() == [[43, 48, 53], [58, 63, 68]]
    last = torch.arange(24.0).view(1, 2, 3, 4)
    assert Places(2, 3, "channels last").features(last)[0, 1].tolist() == [[1, 5, 9], [13, 17, 21]]


def test_the_choice_is_the_classifier_s():
    classifier = Classifier(lively(Tokens(before=1)), size=SIZE, device="cpu")
    assert classifier.target_layer == "blocks.1.norm1"
    chosen = Classifier(
        lively(Tokens(before=1)), size=SIZE, device="cpu", target_layer="blocks.0.norm1"
    )
    assert chosen.target_layer == "blocks.0.norm1"
    assert chosen.fingerprint != classifier.fingerprint
