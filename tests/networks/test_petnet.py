"""PetNet ships as the explainers need it: folded, plain layers only, small and cheap."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from xaicore.networks.petnet import INPUT_SIZE, PetNet

SHIPPED_LAYERS = {nn.Conv2d, nn.ReLU, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Flatten, nn.Linear}


@pytest.fixture
def trained() -> PetNet:
    """The form that is trained, with batch norm far from its neutral start."""
    torch.manual_seed(0)
    net = PetNet(batch_norm=True)
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            state = layer.state_dict()
            for name, low, high in [
                ("weight", 0.5, 1.5),
                ("bias", -0.5, 0.5),
                ("running_mean", -0.5, 0.5),
                ("running_var", 0.2, 1.0),
            ]:
                nn.init.uniform_(state[name], low, high)
    return net.eval()


def photos(count: int = 2) -> torch.Tensor:
    return torch.randn(count, 3, INPUT_SIZE, INPUT_SIZE, generator=torch.Generator().manual_seed(1))


def test_the_last_convolution_is_model_20_with_a_map_of_8_by_8() -> None:
    net = PetNet()
    convolutions = [name for name, layer in net.named_modules() if isinstance(layer, nn.Conv2d)]
    assert convolutions[-1] == "model.20"
    assert net.model[:21](photos(1)).shape == (1, 256, 8, 8)
    assert net(photos()).shape == (2, 2)


@torch.inference_mode()
def test_folding_changes_no_output(trained: PetNet) -> None:
    before = trained(photos())
    after = trained.fold()(photos())
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)
    assert before.abs().max() > 0.01  # else agreement would say little


def test_folding_gives_the_form_that_ships(trained: PetNet) -> None:
    folded = trained.fold()
    PetNet().load_state_dict(folded.state_dict(), strict=True)
    assert not folded.training
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in folded.modules())


def test_folding_leaves_the_original_alone(trained: PetNet) -> None:
    trained.train()
    before = {name: tensor.clone() for name, tensor in trained.state_dict().items()}
    folded = trained.fold()
    with torch.no_grad():
        for weight in folded.parameters():
            weight.zero_()
    after = trained.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert trained.training


def test_only_layers_that_every_explainer_handles_ship() -> None:
    assert {type(layer) for layer in PetNet().model} == SHIPPED_LAYERS


def test_each_activation_is_its_own_module_and_follows_a_convolution() -> None:
    layers = list(PetNet().model)
    places = [place for place, layer in enumerate(layers) if isinstance(layer, nn.ReLU)]
    assert len({id(layers[place]) for place in places}) == len(places) == 9
    assert all(isinstance(layers[place - 1], nn.Conv2d) for place in places)


def test_one_photo_costs_at_most_0_6_gflop() -> None:
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        PetNet()(photos(1))
    assert 0.1e9 < counter.get_total_flops() <= 0.6e9


def test_the_weights_take_at_most_10_mb() -> None:
    size = sum(tensor.numel() * tensor.element_size() for tensor in PetNet().state_dict().values())
    assert 1e6 < size <= 10e6
