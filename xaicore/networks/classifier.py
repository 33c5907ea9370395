"""A network with its labels, normalisation and fingerprint; loading, saving, predicting."""

from __future__ import annotations

import copy
import dataclasses
import functools
import json
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load, load_file, save
from skimage import data
from torch import nn

from xaicore.errors import reason_of
from xaicore.networks.canonical import Canonical, canonicalize
from xaicore.networks.cards import card_beside, entry_of
from xaicore.networks.copies import share_weights
from xaicore.networks.errors import ClassifierError, NetworkError
from xaicore.networks.feature_maps import find_feature_maps
from xaicore.networks.fingerprint import WeightWatch, fingerprint_of, hash_weights
from xaicore.networks.outputs import ScoreNetwork, input_channels, score_network
from xaicore.networks.petnet import INPUT_SIZE, LABELS, MEAN, STD, PetNet
from xaicore.networks.petnet_facts import BUNDLED_WEIGHTS
from xaicore.networks.preprocessing import Preprocessing, Size

# Two threads that ask for one network's canonical form wait for the same.
_MAKING_CANONICAL = threading.Lock()
_LOOKING_FOR_CANONICAL = threading.Lock()


class Classifier:
    """Any network of class scores, ready to predict and to be explained, safe to share by threads.

    ``net`` maps float32 [B, channels, height, width] to class scores [B, C], or to what
    :func:`score_network` can bring into that form; ``labels`` names the C classes, "no" before
    "yes" where the network has one output. ``size`` is a side or (height, width); ``mean`` and
    ``std`` are one number or one a colour channel, on the scale 0…1, by default ImageNet's, or 0.5
    in grey; so is ``dataset_mean``, the mean colour of the training photos. ``preprocessing``
    stands for size, mean and std where photos are cropped or their channels in another order.
    ``target_layer`` names the layer Grad-CAM looks at, by default the last of ``feature_maps``.
    ``fingerprint`` names all of this, ``weights_hash`` the weights alone; ``notes`` are sentences
    on what was done to the network. Raises :class:`ClassifierError` for one that cannot be used.
    """

    def __init__(
        self,
        net: nn.Module,
        labels: Sequence[str] = LABELS,
        size: Size = INPUT_SIZE,
        mean: float | Sequence[float] | None = None,
        std: float | Sequence[float] | None = None,
        target_layer: str | None = None,
        device: str | torch.device = "auto",
        dataset_mean: float | Sequence[float] | None = None,
        preprocessing: Preprocessing | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self.device = choose_device(device)
        if self.device.type == "cuda":
            _keep_all_digits()
        self.preprocessing = preprocessing or prepare_for(net, size, mean, std)
        scored = score_network(net.to(self.device), self._blank(1))
        self.labels = check_labels(labels, scored)
        self.notes = (*scored.notes, *notes)
        self.net = scored.net
        self.layout = choose_layout(self.net, torch.rand_like(self._blank(2)))
        self.net.to(memory_format=self.layout)
        self.dataset_mean = self.preprocessing.a_channel(
            "dataset_mean", self.preprocessing.mean if dataset_mean is None else dataset_mean
        )
        # On noise: on a blank photo all places are alike.
        noise = torch.rand(self._blank(2).shape, generator=torch.Generator().manual_seed(0))
        self.feature_maps = find_feature_maps(self.private_net(), self.to_input(noise))
        self.target_layer = self._choose_target_layer(target_layer, scored.prefix)
        self.weights_hash = hash_weights(self.net)
        self.fingerprint = fingerprint_of(self.net, self._preparation(), self.weights_hash)
        self._watch = WeightWatch(self.net, self.weights_hash)
        self._canonical: Canonical | None = None

    @property
    def size(self) -> int:
        """The height, in pixels, of the photos that the network sees."""
        return self.preprocessing.height

    @property
    def mean(self) -> tuple[float, ...]:
        """What is taken off each colour channel, on the scale 0…1."""
        return self.preprocessing.a_channel("mean", self.preprocessing.mean)

    @property
    def std(self) -> tuple[float, ...]:
        """What each colour channel is divided by, on the scale 0…1."""
        return self.preprocessing.a_channel("std", self.preprocessing.std)

    @property
    def canonical(self) -> Canonical:
        """The form that LRP and DeepLIFT follow, one for all equal classifiers.

        Made when it is first asked for, which takes seconds.
        """
        if not self.has_canonical:
            with _MAKING_CANONICAL:
                # Another thread may have made it while this one waited.
                if not self.has_canonical:
                    self._keep_canonical(self._make_canonical())
        assert self._canonical is not None
        return self._canonical

    @property
    def has_canonical(self) -> bool:
        """Whether the canonical form is made, for this classifier or an equal one in use."""
        if self._canonical is None and self.is_unchanged():
            with _LOOKING_FOR_CANONICAL:
                equals = [other for other in _WITH_CANONICAL if self._equals(other)]
            for other in filter(Classifier.is_unchanged, equals):
                self._keep_canonical(other.canonical)
        return self._canonical is not None

    def _keep_canonical(self, canonical: Canonical) -> None:
        self._canonical = canonical
        with _LOOKING_FOR_CANONICAL:
            _WITH_CANONICAL.add(self)

    def _equals(self, other: Classifier) -> bool:
        return (self.fingerprint, self.device) == (other.fingerprint, other.device)

    def _make_canonical(self) -> Canonical:
        # Two photos that a dependency ships: the rewritten network must answer real ones alike.
        photos = [Image.fromarray(picture) for picture in (data.astronaut(), data.chelsea())]
        return canonicalize(self.net, self.preprocess(photos))

    def private_net(self, canonical: bool = False) -> nn.Module:
        """Copy the network's modules, not its weights: a place to hook and swap undisturbed.

        Explainers hook modules and swap weights while they run; on shared modules two threads
        would silently spoil each other's maps. The copy's tensors share the original's memory.
        ``canonical`` gives the form in which every operation is a module of its own.
        """
        net = share_weights(self.canonical.net if canonical else self.net)
        for layer in net.modules():
            # An in-place activation would overwrite the feature maps that hooks keep.
            if hasattr(layer, "inplace"):
                setattr(layer, "inplace", False)  # noqa: B010 (unknown to the type checker)
        return net

    def with_net(self, net: nn.Module) -> Classifier:
        """This classifier around another network of the same modules, such as a random twin."""
        twin = copy.copy(self)
        twin.net = net
        twin.weights_hash = hash_weights(net)
        twin.fingerprint = fingerprint_of(net, self._preparation(), twin.weights_hash)
        twin._watch = WeightWatch(net, twin.weights_hash)
        twin._canonical = None
        return twin

    def _choose_target_layer(self, name: str | None, prefix: str) -> str | None:
        """The layer of that name, by default the last that holds a map; none if there is none.

        ``prefix`` is what now stands before the names that the layers had.
        """
        names = dict(self.net.named_modules())
        last = self.feature_maps.last
        if name is None:
            return last
        for candidate in (prefix + name, name):
            if candidate in names:
                return candidate
        rest = f" Its last one with a map is {last.removeprefix(prefix)}." if last else ""
        raise ClassifierError(f"This network has no layer named {name!r}.{rest}")

    def _blank(self, photos: int) -> torch.Tensor:
        prepared = self.preprocessing
        shape = (photos, prepared.channels, prepared.height, prepared.width)
        return torch.zeros(shape, device=self.device)

    @functools.cached_property
    def batch_size(self) -> int:
        """Photos a forward pass that go through fastest, measured once on this device."""
        sizes = (8, 16, 32) if self.device.type == "cpu" else (64, 256, 1024)
        photos = self._blank(sizes[-1])
        speeds = {}
        for size in sizes:
            self._seconds(photos[:size])
            speeds[size] = size / min(self._seconds(photos[:size]) for _ in range(3))
        return max(speeds, key=lambda size: speeds[size])

    def _seconds(self, photos: torch.Tensor) -> float:
        started = time.perf_counter()
        self.logits(photos)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter() - started

    def _preparation(self) -> dict[str, Any]:
        """All around the network that changes an answer or a map."""
        return {
            "labels": list(self.labels),
            "photos": dataclasses.asdict(self.preprocessing),
            "dataset_mean": list(self.dataset_mean),
            "target_layer": self.target_layer,
        }

    def is_unchanged(self) -> bool:
        """Whether weights and buffers are still those that the classifier was made with."""
        return self._watch.is_unchanged()

    def preprocess(self, photos: Sequence[Image.Image]) -> torch.Tensor:
        """Upright photos → float32 [B, channels, height, width] on the device."""
        return self.to_input(self.preprocessing.preprocess(photos))

    def to_input(self, batch: torch.Tensor) -> torch.Tensor:
        """Photos on the device, laid out in memory as the network takes them."""
        return batch.to(self.device, memory_format=self.layout)

    def normalise(self, colours: torch.Tensor) -> torch.Tensor:
        """Colours 0…1 [B, channels, H, W] → the network's input scale."""
        return self.preprocessing.normalise(colours)

    def denormalise(self, batch: torch.Tensor) -> torch.Tensor:
        """The network's input scale → colours 0…1, the inverse of :meth:`normalise`."""
        return self.preprocessing.denormalise(batch)

    def logits(self, batch: torch.Tensor) -> torch.Tensor:
        """Class scores, float32 [B, C], without gradients."""
        with torch.inference_mode():
            return self.net(self.to_input(batch))

    def takes(self, batch: torch.Tensor) -> bool:
        """Whether the network runs on photos of another size than its own."""
        if batch.shape[1:] == self._blank(1).shape[1:]:
            return True
        try:
            self.logits(batch[:1])
        except RuntimeError:  # what torch raises where shapes do not fit
            return False
        return True

    def predict(self, batch: torch.Tensor) -> np.ndarray:
        """Class probabilities, float64 [B, C]."""
        # In float32 a softmax reads exactly 1.0 from a logit gap of 17.
        return self.logits(batch).double().softmax(1).cpu().numpy()

    def predicted(self, batch: torch.Tensor) -> torch.Tensor:
        """Index of the most probable class of each photo, int64 [B] on the device."""
        return self.logits(batch).argmax(1)


# Weak, so that a network is forgotten, canonical form and all, with the last who uses it.
_WITH_CANONICAL: weakref.WeakSet[Classifier] = weakref.WeakSet()


def prepare_for(
    net: nn.Module,
    size: Size,
    mean: float | Sequence[float] | None,
    std: float | Sequence[float] | None,
) -> Preprocessing:
    """How photos become a network's input, in as many channels as it takes."""
    channels = input_channels(net, size)
    usual = (MEAN, STD) if channels == 3 else (0.5, 0.5)
    return Preprocessing(
        size,
        usual[0] if mean is None else mean,
        usual[1] if std is None else std,
        channels=channels,
    )


def check_labels(labels: Sequence[str], scored: ScoreNetwork) -> tuple[str, ...]:
    """One label a class; without any, classes are numbered."""
    if not labels:
        return tuple(f"class {number}" for number in range(scored.classes))
    if len(labels) != scored.classes:
        raise NetworkError(
            f"This network has {scored.classes} classes, but {len(labels)} labels are given. Give "
            "one label a class, in the order of its outputs."
        )
    return tuple(labels)


def choose_layout(net: nn.Module, batch: torch.Tensor) -> torch.memory_format:
    """Channels last, which is faster, where the network runs under it and says the same."""
    with torch.inference_mode():
        expected = net(batch)
    try:
        net.to(memory_format=torch.channels_last)
        with torch.inference_mode():
            found = net(batch.to(memory_format=torch.channels_last))
    # A network that views memory as it lies, or that has weights of five dimensions.
    except (RuntimeError, TypeError):
        return torch.contiguous_format
    same = torch.allclose(found, expected, rtol=1e-4, atol=1e-5)
    return torch.channels_last if same else torch.contiguous_format


def choose_device(device: str | torch.device = "auto") -> torch.device:
    """Resolve ``"auto"`` to the GPU where there is one, else the processor."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)


def _keep_all_digits() -> None:
    """Have a GPU multiply with all 24 bits of a number's mantissa, as a processor does.

    With TensorFloat-32's 11 bits, maps of one photo differ by a hundredth from device to device.
    """
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cuda.matmul.allow_tf32 = False


def weights_of(net: PetNet) -> bytes:
    """A folded PetNet as a safetensors file."""
    weights = {name: tensor.contiguous() for name, tensor in net.state_dict().items()}
    return save(weights, metadata={"architecture": "PetNet", "labels": json.dumps(LABELS)})


def load_classifier(
    weights: str | Path | bytes = BUNDLED_WEIGHTS, device: str | torch.device = "auto"
) -> Classifier:
    """Load a PetNet as :func:`weights_of` gives it; by default the bundled one.

    ``weights`` is a path or the file's bytes. The mean colour of the training photos is read from
    the model card beside the file, where there is one.
    Raises :class:`ClassifierError` when the file is missing or is not PetNet's weights.
    """
    name = "This file" if isinstance(weights, bytes) else str(weights)
    if not isinstance(weights, bytes) and not Path(weights).is_file():
        raise ClassifierError(f"There is no weights file at {name}.")
    net = PetNet()
    try:
        net.load_state_dict(load(weights) if isinstance(weights, bytes) else load_file(weights))
    except OSError as error:
        raise ClassifierError(f"{name} cannot be used: {reason_of(error)}.") from error
    except (SafetensorError, RuntimeError) as error:
        raise ClassifierError(
            f"{name} does not hold PetNet's weights. Choose a .safetensors file that "
            "'python -m xaicore train' wrote."
        ) from error
    return Classifier(net, device=device, dataset_mean=_dataset_mean(weights))


def _dataset_mean(weights: str | Path | bytes) -> Sequence[float]:
    if isinstance(weights, bytes) or not card_beside(weights).exists():
        return MEAN
    return entry_of(weights, list, "data", "dataset_mean")
