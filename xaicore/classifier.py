"""A network with its labels, normalisation and fingerprint; loading, saving, predicting."""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load, load_file, save_file
from torch import nn

from xaicore.canonical import canonicalize
from xaicore.network import INPUT_SIZE, LABELS, MEAN, STD, PetNet
from xaicore.networks.preprocessing import Preprocessing

BUNDLED_WEIGHTS = Path(__file__).parents[1] / "assets" / "model" / "petnet.safetensors"


class ClassifierError(ValueError):
    """A network that cannot be used; the message says why and what to do."""


class Classifier:
    """Any network of class scores, ready to predict and to be explained, safe to share by threads.

    ``net`` maps float32 [B, 3, size, size] to logits [B, C]; ``labels`` names the C classes;
    ``mean`` and ``std`` are per colour channel, on the scale 0…1; so is ``dataset_mean``, the mean
    colour of the training photos. ``target_layer`` names the convolution Grad-CAM looks at; by
    default the last one. ``preprocessing`` stands for size, mean and std where photos are cropped,
    grey or not square; ``notes`` are sentences on what was done to the network.
    """

    def __init__(
        self,
        net: nn.Module,
        labels: Sequence[str] = LABELS,
        size: int = INPUT_SIZE,
        mean: Sequence[float] = MEAN,
        std: Sequence[float] = STD,
        target_layer: str | None = None,
        device: str | torch.device = "auto",
        dataset_mean: Sequence[float] = MEAN,
        preprocessing: Preprocessing | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        self.device = choose_device(device)
        self.net = net.eval().to(self.device).to(memory_format=torch.channels_last)
        self.labels = tuple(labels)
        self.preprocessing = preprocessing or Preprocessing(size, mean, std)
        self.notes = tuple(notes)
        self.size = self.preprocessing.height
        self.mean = tuple(cast(Sequence[float], self.preprocessing.mean))
        self.std = tuple(cast(Sequence[float], self.preprocessing.std))
        self.dataset_mean = tuple(dataset_mean)
        self.canonical = canonicalize(self.net)
        self.target_layer = target_layer or self._last_spatial_convolution()
        self.fingerprint = self.measure_fingerprint()

    def private_net(self, canonical: bool = False) -> nn.Module:
        """Copy the network's modules, not its weights: a place to hook and swap undisturbed.

        Explainers hook modules and swap weights while they run; on shared modules two threads
        would silently spoil each other's maps. The copy's tensors share the original's memory.
        ``canonical`` gives the form in which every operation is a module of its own.
        """
        original = self.canonical.net if canonical else self.net
        own: dict[int, torch.Tensor] = {}
        for weight in original.parameters():
            own[id(weight)] = nn.Parameter(weight.detach(), requires_grad=False)
        for buffer in original.buffers():
            own[id(buffer)] = buffer.detach()
        net = copy.deepcopy(original, own)
        for layer in net.modules():
            # An in-place activation would overwrite the feature maps that hooks keep.
            if hasattr(layer, "inplace"):
                setattr(layer, "inplace", False)  # noqa: B010 (unknown to the type checker)
        return net

    def _last_spatial_convolution(self) -> str:
        """The last convolution that runs and whose map has more than one place."""
        net = self.private_net()
        names = {layer: name for name, layer in net.named_modules() if isinstance(layer, nn.Conv2d)}
        ran: list[str] = []

        def note(layer: nn.Conv2d, _inputs: object, output: torch.Tensor) -> None:
            if output.shape[-2:].numel() > 1 or self.size == 1:
                ran.append(names[layer])

        for layer in names:
            layer.register_forward_hook(note)
        with torch.inference_mode():
            net(self._blank(1))
        if not ran:
            raise ClassifierError(
                "This network has no 2-D convolution, so there is none to explain."
            )
        return ran[-1]

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

    def measure_fingerprint(self) -> str:
        """Hash the weights as they are now: 16 hex digits of a SHA-256 over names and values."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.net.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy())
        return digest.hexdigest()[:16]

    def preprocess(self, photos: Sequence[Image.Image]) -> torch.Tensor:
        """Resize and normalise upright RGB photos → float32 [B, 3, size, size] on the device."""
        return self.preprocessing.preprocess(photos).to(self.device)

    def normalise(self, colours: torch.Tensor) -> torch.Tensor:
        """Colours 0…1 [B, 3, H, W] → the network's input scale."""
        return self.preprocessing.normalise(colours)

    def denormalise(self, batch: torch.Tensor) -> torch.Tensor:
        """The network's input scale → colours 0…1, the inverse of :meth:`normalise`."""
        return self.preprocessing.denormalise(batch)

    def logits(self, batch: torch.Tensor) -> torch.Tensor:
        """Class scores, float32 [B, C], without gradients."""
        with torch.inference_mode():
            return self.net(batch.to(self.device, memory_format=torch.channels_last))

    def predict(self, batch: torch.Tensor) -> np.ndarray:
        """Class probabilities, float64 [B, C]."""
        # In float32 a softmax reads exactly 1.0 from a logit gap of 17.
        return self.logits(batch).double().softmax(1).cpu().numpy()

    def predicted(self, batch: torch.Tensor) -> torch.Tensor:
        """Index of the most probable class of each photo, int64 [B] on the device."""
        return self.logits(batch).argmax(1)


def choose_device(device: str | torch.device = "auto") -> torch.device:
    """Resolve ``"auto"`` to the GPU where there is one, else the processor."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device)


def convolution_names(net: nn.Module) -> list[str]:
    """Names of all 2-D convolutions, in the order they are defined."""
    return [name for name, layer in net.named_modules() if isinstance(layer, nn.Conv2d)]


def save_weights(net: PetNet, path: str | Path) -> None:
    """Write a folded PetNet as safetensors."""
    weights = {name: tensor.contiguous() for name, tensor in net.state_dict().items()}
    save_file(weights, path, metadata={"architecture": "PetNet", "labels": json.dumps(LABELS)})


def load_classifier(
    weights: str | Path | bytes = BUNDLED_WEIGHTS, device: str | torch.device = "auto"
) -> Classifier:
    """Load a PetNet written by :func:`save_weights`; by default the bundled one.

    ``weights`` is a path or the file's bytes. The mean colour of the training photos is read from
    the model card beside the file, where there is one.
    Raises :class:`ClassifierError` when the file is missing or is not PetNet's weights.
    """
    name = "This file" if isinstance(weights, bytes) else str(weights)
    net = PetNet()
    try:
        net.load_state_dict(load(weights) if isinstance(weights, bytes) else load_file(weights))
    except FileNotFoundError as error:
        raise ClassifierError(f"There is no weights file at {name}.") from error
    except (SafetensorError, RuntimeError) as error:
        raise ClassifierError(
            f"{name} does not hold PetNet's weights. Choose a .safetensors file that "
            "'python -m xaicore train' wrote."
        ) from error
    return Classifier(net, device=device, dataset_mean=_dataset_mean(weights))


def _dataset_mean(weights: str | Path | bytes) -> Sequence[float]:
    if isinstance(weights, bytes):
        return MEAN
    card = Path(weights).with_suffix(".json")
    if not card.exists():
        return MEAN
    return json.loads(card.read_text(encoding="utf-8"))["data"]["dataset_mean"]
