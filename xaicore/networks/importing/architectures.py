"""Architectures by name: PetNet, torchvision's and timm's, with the photos that they expect."""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import torch
import torchvision.models
from torch import nn

from xaicore.networks.errors import NetworkError
from xaicore.networks.importing.facts import Facts, imagenet_labels
from xaicore.networks.petnet import INPUT_SIZE, LABELS, MEAN, STD, PetNet
from xaicore.networks.tracing import ONE_AT_A_TIME

IMAGENET_CLASSES = 1000
# Networks whose training has a second head, which weights for use may lack.
WITH_AUXILIARY_HEADS = ("googlenet", "inception_v3")


@dataclass(frozen=True)
class Architecture:
    """A way to build a network: ``build(classes, names of the weights)``, random weights."""

    name: str
    build: Callable[[int, Collection[str]], nn.Module]
    preset: Callable[[nn.Module], Facts]

    def blank(self, classes: int, names: Collection[str]) -> nn.Module:
        """The network without memory for its weights, to compare names and shapes with."""
        try:
            # Without memory torch works in Python, on settings that an export changes meanwhile.
            with ONE_AT_A_TIME, torch.device("meta"):
                return self.build(classes, names)
        except NotImplementedError:  # a few compute their widths with tensors
            return self.make(classes, names)

    def make(self, classes: int, names: Collection[str]) -> nn.Module:
        """The network with random weights; the caller's random numbers stay as they were."""
        with torch.random.fork_rng(devices=[]):
            return self.build(classes, names)


def find_architectures(facts: Facts) -> list[Architecture]:
    """All architectures of the name that facts give, or the network of one's own.

    Raises :class:`NetworkError` for a name that nobody knows, with those that are near it.
    """
    if facts.module is not None:
        own = facts.module
        name = type(own).__name__
        return [
            Architecture(name, lambda _classes, _names: copy.deepcopy(own), lambda _net: Facts())
        ]
    name = str(facts.architecture).removeprefix("timm/")
    if name.lower() == "petnet":
        return [Architecture("PetNet", _petnet, lambda _net: PETNET)]
    is_timms_own = str(facts.architecture).startswith("timm/")
    is_torchvisions = name in _torchvision_names() and not is_timms_own
    found = [_torchvision(name)] if is_torchvisions else []
    timm = _timm()
    if timm is not None and re.fullmatch(r"[\w.]+", name) and timm.is_model(name):
        found.append(_timm_architecture(timm, name))
    if not found:
        raise _unknown(name, timm)
    return found


PETNET = Facts(labels=LABELS, size=INPUT_SIZE, mean=MEAN, std=STD, resize="stretch")


def _petnet(_classes: int, names: Collection[str]) -> nn.Module:
    return PetNet(batch_norm=any(name.endswith("running_mean") for name in names))


def _torchvision_names() -> list[str]:
    return torchvision.models.list_models(module=torchvision.models)


def _torchvision(name: str) -> Architecture:
    def build(classes: int, names: Collection[str]) -> nn.Module:
        options: dict[str, Any] = {}
        if name in WITH_AUXILIARY_HEADS:
            has_second_head = any("aux" in weight.lower() for weight in names)
            # As torchvision does for its own weights, from which most training starts.
            options = {"aux_logits": has_second_head, "transform_input": True}
            options["init_weights"] = False
        return torchvision.models.get_model(name, weights=None, num_classes=classes, **options)

    def preset(_net: nn.Module) -> Facts:
        transforms = torchvision.models.get_model_weights(name).DEFAULT.transforms()
        return Facts(
            size=transforms.crop_size[0],
            mean=tuple(transforms.mean),
            std=tuple(transforms.std),
            resize=("crop", transforms.resize_size[0]),
            interpolation=transforms.interpolation.value,
        )

    return Architecture(name, build, preset)


def _timm() -> Any:
    try:
        import timm
    except ImportError:
        return None
    return timm


def _timm_architecture(timm: Any, name: str) -> Architecture:
    def build(classes: int, _names: Collection[str]) -> nn.Module:
        return timm.create_model(name, pretrained=False, num_classes=classes)

    def preset(net: nn.Module) -> Facts:
        wanted = timm.data.resolve_data_config({}, model=net)
        is_squashed = wanted["crop_mode"] == "squash"
        return Facts(
            size=tuple(wanted["input_size"][1:]),
            mean=tuple(wanted["mean"]),
            std=tuple(wanted["std"]),
            resize="stretch" if is_squashed else ("crop", wanted["crop_pct"]),
            interpolation=wanted["interpolation"],
        )

    return Architecture(name, build, preset)


def labels_for(classes: int) -> tuple[str, ...] | None:
    """A thousand classes are ImageNet's."""
    return imagenet_labels() if classes == IMAGENET_CLASSES else None


def _unknown(name: str, timm: Any) -> NetworkError:
    known = ["PetNet", *_torchvision_names(), *(timm.list_models() if timm else ())]
    near = difflib.get_close_matches(name, known, n=3)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    where = "torchvision nor timm has" if timm else "torchvision does not have"
    more = "" if timm else ' For timm\'s networks, pip install "petlens[timm]".'
    if timm:
        return NetworkError(f"Neither {where} a network named {name[:60]!r}.{hint}")
    return NetworkError(f"The library {where} a network named {name[:60]!r}.{hint}{more}")
