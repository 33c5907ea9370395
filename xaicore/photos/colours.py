"""A picture of any mode and profile → 8-bit sRGB, on white."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageCms

# What a profile must be of for each mode that it can stand in.
SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab "}
SRGB = ImageCms.createProfile("sRGB")
INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
# Along each axis, of the colours on which a profile is compared with sRGB.
STEPS = 17

Convert = Callable[[Image.Image], Image.Image]


def to_srgb(picture: Image.Image) -> Convert:
    """How pieces of this 8-bit picture become RGB pictures without transparency, in sRGB.

    A profile that is damaged, or of another kind of colours than the picture, counts as sRGB.
    """
    convert = _by_profile(picture)
    return lambda piece: (
        _on_white(piece, convert) if piece.has_transparency_data else convert(piece)
    )


def _on_white(piece: Image.Image, convert: Convert) -> Image.Image:
    """The colours where the piece is opaque, white where one sees through it."""
    piece = piece.convert("LA" if piece.mode in ("L", "LA", "La") else "RGBA")
    opaque = convert(piece.convert(piece.mode[:-1]))
    return Image.composite(opaque, Image.new("RGB", piece.size, "white"), piece.getchannel("A"))


def _by_profile(picture: Image.Image) -> Convert:
    mode = _opaque_mode(picture)
    profile: Any = picture.info.get("icc_profile")
    if mode == "LAB":
        # Pillow itself cannot convert them. As a rule they carry no profile.
        profile = ImageCms.createProfile("LAB")
    with contextlib.suppress(Exception):  # a damaged profile fails in many ways
        transform = _transform(mode, profile)
        if transform is not None:
            return lambda piece: _apply(transform, piece.convert(mode))
    return lambda piece: piece.convert("RGB")


def _opaque_mode(picture: Image.Image) -> str:
    """The mode of the picture's colours as its profile describes them."""
    if picture.mode in ("L", "LA", "La", "1"):
        return "L"
    return picture.mode if picture.mode in SPACES else "RGB"


def _transform(mode: str, profile: Any) -> ImageCms.ImageCmsTransform | None:
    """What brings colours into sRGB; none where there is nothing to do."""
    if profile is None:
        return None
    if isinstance(profile, bytes):
        profile = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if profile.profile.xcolor_space != SPACES[mode]:
            return None
    transform = ImageCms.buildTransform(profile, SRGB, mode, "RGB", INTENT, FLAGS)
    return None if mode in ("RGB", "L") and _changes_nothing(transform, mode) else transform


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether the profile is one of the many of sRGB: what they differ by is rounding."""
    axis = np.linspace(0, 255, STEPS).round().astype(np.uint8)
    if mode == "L":
        colours = np.arange(256, dtype=np.uint8)[None]
    else:
        colours = np.stack(np.meshgrid(axis, axis, axis), -1).reshape(1, -1, 3)
    before = Image.fromarray(colours)
    after = _apply(transform, before)
    difference = np.asarray(after, np.int16) - np.asarray(before.convert("RGB"), np.int16)
    return int(np.abs(difference).max()) <= 1


def _apply(transform: ImageCms.ImageCmsTransform, picture: Image.Image) -> Image.Image:
    changed = ImageCms.applyTransform(picture, transform)
    assert changed is not None
    return changed
