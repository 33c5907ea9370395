"""What is known of a network from outside, and what somebody still has to say."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from torch import nn

from xaicore.networks.errors import NetworkError
from xaicore.networks.preprocessing import Preprocessing, Resize, Size

MAX_LABELS = 100_000
MAX_LABEL_LENGTH = 200


@dataclass(frozen=True)
class Facts:
    """What is known of a network; None is what is not known.

    ``format`` is "weights" or "ONNX"; ``architecture`` is a name, ``module`` a network of one's
    own that the weights are for; ``classes`` counts the labels it wants, ``labels`` names them;
    the rest is as in :class:`Preprocessing` and :class:`Classifier`. ``card`` is the text of a
    model card that came along.
    """

    format: str | None = None
    architecture: str | None = None
    module: nn.Module | None = field(default=None, repr=False)
    classes: int | None = None
    labels: tuple[str, ...] | None = None
    size: Size | None = None
    channels: int | None = None
    order: str | None = None
    mean: float | Sequence[float] | None = None
    std: float | Sequence[float] | None = None
    resize: Resize | None = None
    interpolation: str | None = None
    target_layer: str | None = None
    card: str | None = None

    def filled(self, other: Facts) -> Facts:
        """These facts; what they do not say is taken from others."""
        new = {
            entry.name: getattr(other, entry.name)
            for entry in fields(self)
            if getattr(self, entry.name) is None
        }
        return replace(self, **new)

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of what somebody should say before the network is used."""
        wanted = ["labels", "size", "mean", "std"]
        if self.format == "weights":
            wanted.insert(0, "architecture")
        return tuple(name for name in wanted if getattr(self, name) is None)

    def preprocessing(self) -> Preprocessing:
        """How photos become the input; what is not known is as usual for ImageNet's networks."""
        names = ("size", "mean", "std", "resize", "channels", "interpolation", "order")
        known = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        if self.channels == 1:
            known = {"mean": 0.5, "std": 0.5, **known}
        return Preprocessing(**known)


@dataclass(frozen=True)
class NetworkFile:
    """A network from outside that was read: what is known of it, and how to make it.

    ``make`` is None while it is not known which architecture the weights are for.
    """

    facts: Facts
    make: Callable[[], nn.Module] | None


def facts_from(settings: Mapping[str, object], place: str) -> Facts:
    """Facts from the entries of a file; ``place`` names it in sentences.

    Raises :class:`NetworkError` for an entry that is unknown or has no such value.
    """
    unknown = sorted(set(settings) - set(READERS))
    if unknown:
        raise NetworkError(
            f"{place} has an entry {unknown[0]!r} that is not known; known are: "
            f"{', '.join(READERS)}."
        )
    read = {}
    for name, value in settings.items():
        try:
            read[name] = READERS[name](value)
        except NetworkError as error:
            raise NetworkError(f"{place}: {error}") from error
        except (TypeError, ValueError, OverflowError) as error:
            raise NetworkError(
                f"{place}: the entry {name!r} cannot be {str(value)[:80]!r}."
            ) from error
    crop, positive = read.pop("crop", None), read.pop("positive", None)
    if crop is not None:
        read["resize"] = ("crop", crop)
    if positive is not None:
        read["labels"] = positive_last(read.get("labels"), positive)
    facts = Facts(**read)
    facts.preprocessing()
    return facts


def positive_last(labels: Sequence[str] | None, positive: str) -> tuple[str, ...]:
    """Two labels in the order "no", "yes", where ``positive`` is what one output says yes to."""
    if labels is None or len(labels) != 2 or positive not in labels:
        raise NetworkError('"positive" has to be one of two labels.')
    return tuple(sorted(labels, key=lambda label: label == positive))


def checked_labels(labels: object) -> tuple[str, ...]:
    """Labels as they are given from outside: a list of names, or "imagenet" for its thousand."""
    if isinstance(labels, str):
        if labels.lower() == "imagenet":
            return imagenet_labels()
        raise NetworkError('labels is a list of names, such as ["cat", "dog"], or "imagenet".')
    names = tuple(labels) if isinstance(labels, Sequence) else ()
    if not all(isinstance(name, str) and name.strip() for name in names):
        names = ()
    if not 2 <= len(names) <= MAX_LABELS or max(map(len, names)) > MAX_LABEL_LENGTH:
        raise NetworkError(
            f"labels is a list of at least two names of at most {MAX_LABEL_LENGTH} letters each."
        )
    return tuple(name.strip() for name in names)


@functools.cache
def imagenet_labels() -> tuple[str, ...]:
    """The thousand classes of ImageNet, in the order that torchvision and timm share."""
    from torchvision.models import ResNet18_Weights

    return tuple(ResNet18_Weights.DEFAULT.meta["categories"])


def _text(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_LABEL_LENGTH:
        raise TypeError
    return value


def _as_it_is(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


READERS: dict[str, Callable[[Any], Any]] = {
    "architecture": _text,
    "labels": checked_labels,
    "positive": _text,
    "size": _as_it_is,
    "channels": int,
    "order": _text,
    "mean": _as_it_is,
    "std": _as_it_is,
    "resize": _text,
    "crop": float,
    "interpolation": _text,
    "target_layer": _text,
}
