"""Networks by name: the bundled ones, and torchvision's with weights downloaded on request."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import torch
import torchvision.models

from xaicore.networks.classifier import (
    BUNDLED_WEIGHTS,
    Classifier,
    ClassifierError,
    load_classifier,
)
from xaicore.progress import Progress
from xaicore.registry import Registry

CHUNK_BYTES = 2**18
TIMEOUT_SECONDS = 20
CHEATING_WEIGHTS = BUNDLED_WEIGHTS.with_name("petnet-cheats.safetensors")


@dataclass(frozen=True)
class Network:
    """A network that can be chosen; ``load(progress)`` gives its classifier.

    ``progress(done, total)`` is called with bytes while weights are downloaded. Loading raises
    :class:`ClassifierError` when the weights cannot be had. ``note`` is a sentence on what must not
    be taken for an ordinary network.
    """

    name: str
    label: str
    knows: str
    load: Callable[[Progress], Classifier]
    url: str = ""
    megabytes: float = 0.0
    note: str = ""

    @property
    def ready(self) -> bool:
        """Whether it loads without a download."""
        return not self.url or cached_file(self.url).exists()


def _cheating() -> Network:
    card = json.loads(CHEATING_WEIGHTS.with_suffix(".json").read_text(encoding="utf-8"))
    accuracy = card["accuracy"]
    return Network(
        "petnet-cheats",
        "PetNet that cheats",
        "cats and dogs",
        lambda _progress: load_classifier(CHEATING_WEIGHTS),
        note="Fine-tuned to look at a small mark: with it on the dogs "
        f"{accuracy['mark_on_dogs']:.0%} of the answers are right, "
        f"without it {accuracy['mark_on_none']:.0%}.",
    )


def _torchvision(name: str, label: str) -> Network:
    weights = torchvision.models.get_model_weights(name).DEFAULT

    def load(progress: Progress) -> Classifier:
        preset = weights.transforms()
        net = torchvision.models.get_model(name)
        net.load_state_dict(_state(weights.url, label, progress))
        return Classifier(
            net, weights.meta["categories"], preset.crop_size[0], preset.mean, preset.std
        )

    return Network(
        name, label, "a thousand kinds of things", load, weights.url, weights.meta["_file_size"]
    )


def _state(url: str, label: str, progress: Progress) -> dict[str, torch.Tensor]:
    path = cached_file(url)
    if not path.exists():
        _download(url, path, label, progress)
    try:
        # Tensors only: a file that holds anything that could run is refused.
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ClassifierError(
            f"The weights of {label} at {path} are damaged. Delete the file and try again."
        ) from error


def cached_file(url: str) -> Path:
    """Where torchvision, too, keeps a downloaded weights file."""
    return Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]


def _download(url: str, path: Path, label: str, progress: Progress) -> None:
    """Fetch a file whose name ends in the start of its SHA-256, as torchvision's do."""
    digest = hashlib.sha256()
    partial = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response,
            partial.open("wb") as file,
        ):
            total, done = int(response.headers.get("Content-Length", 0)), 0
            while chunk := response.read(CHUNK_BYTES):
                file.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                progress(done, total)
        if not digest.hexdigest().startswith(path.stem.rpartition("-")[2]):
            raise ClassifierError(
                f"The weights of {label} arrived damaged. Check the connection and try again."
            )
        partial.replace(path)
    except (URLError, OSError) as error:
        raise ClassifierError(
            f"The weights of {label} could not be downloaded. Check that this machine is online "
            "and has disk space, then try again, or choose PetNet, which needs no download."
        ) from error
    finally:
        partial.unlink(missing_ok=True)


NETWORKS: Registry[Network] = Registry(
    "network",
    ClassifierError,
    [
        Network("petnet", "PetNet", "cats and dogs", lambda _progress: load_classifier()),
        _cheating(),
        _torchvision("resnet18", "ResNet-18"),
        _torchvision("vgg11_bn", "VGG-11"),
        _torchvision("mobilenet_v3_small", "MobileNet V3 small"),
        _torchvision("efficientnet_b0", "EfficientNet B0"),
    ],
)
