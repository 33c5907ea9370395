"""Photos → what a network takes in: size, crop, colours and their scale."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Literal, cast

import numpy as np
import torch
from PIL import Image

from xaicore.names import MAX_SIDE, SMALLEST_SHARE
from xaicore.networks.errors import NetworkError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
MAX_SCALED_PIXELS = 50_000_000
FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

Size = int | tuple[int, int]
Resize = Literal["stretch"] | tuple[Literal["crop"], float]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Preprocessing:
    """How photos become a network's input, float32 [B, channels, height, width].

    ``size`` is a side or (height, width). ``resize`` is ``"stretch"``, straight to that size, or
    ``("crop", amount)``: the photo is scaled until it covers a box around the size, and the middle
    is cut out; an amount of at most 1 is the share of the box that is kept, a larger one the box's
    side in pixels. ``mean`` and ``std`` are one number or one a channel, on the scale 0…1, in the
    network's own ``order`` of colours. One channel is luminance (ITU-R 601).
    Raises :class:`NetworkError` for what no network can want.
    """

    size: Size = 224
    mean: float | Sequence[float] = IMAGENET_MEAN
    std: float | Sequence[float] = IMAGENET_STD
    resize: Resize = "stretch"
    channels: int = 3
    interpolation: str = "bilinear"
    order: str = "RGB"

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise NetworkError(
                f"This network wants {self.channels} colour channels; photos have three, or one "
                "when they are grey."
            )
        if self.order not in ("RGB", "BGR"):
            raise NetworkError('The order of colours is "RGB" or "BGR".')
        if self.interpolation not in FILTERS:
            raise NetworkError(f"The interpolation is one of: {', '.join(FILTERS)}.")
        object.__setattr__(self, "size", sides_of(self.size))
        object.__setattr__(self, "mean", self.a_channel("mean", self.mean))
        object.__setattr__(self, "std", self.a_channel("std", self.std))
        if not all(value > 0 for value in cast(tuple[float, ...], self.std)):
            raise NetworkError("Every std must be greater than 0.")
        object.__setattr__(self, "resize", self._checked_resize())

    @property
    def height(self) -> int:
        return cast(tuple[int, int], self.size)[0]

    @property
    def width(self) -> int:
        return cast(tuple[int, int], self.size)[1]

    def view(self, photo: Image.Image) -> Image.Image:
        """What the network sees of a photo: resized and cropped, in grey where it sees grey."""
        photo = photo.convert("L" if self.channels == 1 else "RGB")
        kind = FILTERS[self.interpolation]
        width, height = self._scaled(photo.size)
        if width * height > MAX_SCALED_PIXELS:
            # Only the seen part of a very long photo is scaled; its far ends would fill memory.
            return photo.resize((self.width, self.height), kind, box=self.seen_box(photo.size))
        left, top = _middle(width, self.width), _middle(height, self.height)
        scaled = photo.resize((width, height), kind)
        return scaled.crop((left, top, left + self.width, top + self.height))

    def put_back(self, photo: Image.Image, seen: Image.Image) -> Image.Image:
        """The photo with ``seen`` in the place of its :meth:`view`, which ``seen`` then is.

        Raises :class:`NetworkError` for a photo that is too long to be scaled as a whole.
        """
        width, height = self._scaled(photo.size)
        if width * height > MAX_SCALED_PIXELS:
            raise NetworkError("This photo is too long to be changed. Choose another one.")
        whole = photo.convert("RGB").resize((width, height), FILTERS[self.interpolation])
        whole.paste(seen, (_middle(width, self.width), _middle(height, self.height)))
        return whole

    def preprocess(self, photos: Sequence[Image.Image]) -> torch.Tensor:
        """Upright photos → float32 [B, channels, height, width], on the processor."""
        seen = np.stack([np.asarray(self.view(photo)) for photo in photos])
        colours = torch.from_numpy(seen).view(len(seen), self.height, self.width, self.channels)
        return self.normalise(colours.permute(0, 3, 1, 2).float() / 255)

    def normalise(self, colours: torch.Tensor) -> torch.Tensor:
        """Colours 0…1 [B, channels, H, W], red first → the network's input scale."""
        mean, std = self._scale(colours)
        return (self._reordered(colours) - mean) / std

    def denormalise(self, batch: torch.Tensor) -> torch.Tensor:
        """The network's input scale → colours 0…1, the inverse of :meth:`normalise`."""
        mean, std = self._scale(batch)
        return self._reordered(batch * std + mean)

    def seen_box(self, photo_size: tuple[int, int]) -> Box:
        """Where the network looks: left, top, right, bottom in the pixels of a (width, height)."""
        width, height = self._scaled(photo_size)
        across, down = photo_size[0] / width, photo_size[1] / height
        left, top = _middle(width, self.width), _middle(height, self.height)
        return (
            left * across,
            top * down,
            min((left + self.width) * across, photo_size[0]),
            min((top + self.height) * down, photo_size[1]),
        )

    def _scaled(self, photo_size: tuple[int, int]) -> tuple[int, int]:
        """Width and height of the whole photo when it is scaled for the network."""
        if self.resize == "stretch":
            return self.width, self.height
        box_width, box_height = self._box()
        width, height = photo_size
        # torchvision rounds the longer side down; so does this.
        if width * box_height <= height * box_width:
            return box_width, max(int(box_width * height / width), box_height)
        return max(int(box_height * width / height), box_width), box_height

    def _box(self) -> tuple[int, int]:
        """Width and height that the scaled photo has to cover."""
        amount = cast(tuple[str, float], self.resize)[1]
        if amount <= 1:
            return math.floor(self.width / amount), math.floor(self.height / amount)
        return int(amount), int(amount)

    def _checked_resize(self) -> Resize:
        if self.resize == "stretch":
            return "stretch"
        match self.resize:
            case ("crop" | ["crop"], *_) if len(self.resize) == 2:
                amount = self.resize[1]
            case _:
                amount = None
        most = max(self.height, self.width)
        if _is_number(amount) and (SMALLEST_SHARE <= amount <= 1 or most <= amount <= 4 * MAX_SIDE):
            return ("crop", amount)
        raise NetworkError(
            'resize is "stretch" or ("crop", amount), the amount a share from 0.1 to 1 or at least '
            f"{most} pixels."
        )

    def a_channel(self, name: str, given: float | Sequence[float]) -> tuple[float, ...]:
        """One number for each colour channel; raises :class:`NetworkError` under that name."""
        values = tuple(given) if isinstance(given, Iterable) else (given,) * self.channels
        if len(values) != self.channels or not all(_is_number(value) for value in values):
            raise NetworkError(
                f"{name} is one number, or one for each of the {self.channels} colour channels."
            )
        return tuple(float(value) for value in values)

    def _scale(self, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        mean = torch.tensor(self.mean, device=like.device).view(1, -1, 1, 1)
        std = torch.tensor(self.std, device=like.device).view(1, -1, 1, 1)
        return mean, std

    def _reordered(self, colours: torch.Tensor) -> torch.Tensor:
        return colours.flip(1) if self.order == "BGR" and self.channels == 3 else colours


def _middle(whole: int, part: int) -> int:
    """Where the middle part begins, rounded as torchvision's centre crop does."""
    return round((whole - part) / 2)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def sides_of(size: object) -> tuple[int, int]:
    """Height and width of a size; raises :class:`NetworkError` for what is none."""
    sides = (size, size) if isinstance(size, int) else size
    if isinstance(sides, Sequence) and len(sides) == 2:
        height, width = sides
        if all(type(side) is int and 1 <= side <= MAX_SIDE for side in sides):
            return height, width
    raise NetworkError(
        f"size is a side or (height, width) in whole pixels, from 1 to {MAX_SIDE} each."
    )
