"""Photo + map → overlay picture; the only place where maps are scaled for the eye."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.ndimage import binary_dilation
from skimage.filters import gaussian
from skimage.segmentation import find_boundaries

Colour = tuple[int, int, int]

FOR = (0xE6, 0x61, 0x00)
AGAINST = (0x5D, 0x3A, 0x9B)
# Means neither for nor against, and is seen on any photo.
MARK = (0x00, 0xE5, 0xFF)
MARKED_DIMMING = 0.6
RIM_PIXELS = 1
DISPLAY_PIXELS = 640
SCALE_PERCENTILE = 99


@dataclass(frozen=True)
class Look:
    """How maps are shown: ``opacity`` 0…1, ``smoothing`` the σ of a Gaussian in map pixels."""

    signed: bool = True
    opacity: float = 0.8
    smoothing: float = 0.0

    def apply(self, saliency: np.ndarray) -> np.ndarray:
        """Smooth a map [H, W], and drop evidence against where only evidence for is shown."""
        shown = np.asarray(saliency, dtype=np.float64)
        if self.smoothing > 0:
            # Mirrored borders keep the sum of the map.
            shown = gaussian(shown, self.smoothing, mode="reflect", preserve_range=True)
        return shown if self.signed else shown.clip(min=0)


def render(
    photo: Image.Image, saliency: np.ndarray, look: Look | None = None, scale: float | None = None
) -> Image.Image:
    """Lay a map [H, W] over its photo, in the photo's own aspect.

    Evidence for is orange, against purple, none transparent. ``scale`` is the value of full
    colour, by default the map's own :func:`measure_scale`. A map without evidence leaves the photo
    as it is; :func:`missing_evidence` says why.
    """
    look = look or Look()
    picture = to_display_size(photo)
    if missing_evidence(saliency, look):
        return picture
    shown = look.apply(saliency)
    strength = resize_map(shown / (scale or measure_scale(saliency, look)), picture.size)
    return blend(picture, strength, look.opacity)


def measure_scale(saliency: np.ndarray, look: Look | None = None) -> float:
    """99th percentile of the |values| shown; their maximum where nearly all are zero."""
    magnitude = np.abs((look or Look()).apply(saliency))
    return float(np.percentile(magnitude, SCALE_PERCENTILE) or magnitude.max())


def common_scale(maps: Sequence[np.ndarray], look: Look | None = None) -> float:
    """The largest :func:`measure_scale` of maps [H, W] that share one; 1 where all are empty."""
    scales = [measure_scale(one, look) for one in maps if not missing_evidence(one, look)]
    return max(scales, default=1.0)


def missing_evidence(saliency: np.ndarray, look: Look | None = None) -> str:
    """Say why there is nothing to show of a map; empty where there is something."""
    if not np.isfinite(saliency).all():
        return "No map: some of its values are not numbers."
    if not np.any(saliency):
        return "No evidence: the map is zero everywhere."
    if np.ptp(saliency) == 0:
        return "No evidence: the map is the same everywhere."
    if not (look or Look()).signed and saliency.max() <= 0:
        return "No positive evidence: nothing in this map speaks for the class."
    return ""


def to_display_size(photo: Image.Image) -> Image.Image:
    """Resize a photo to the display size: its longest side 640 pixels, its aspect kept."""
    factor = DISPLAY_PIXELS / max(photo.size)
    if factor == 1:
        return photo
    width, height = (max(1, round(side * factor)) for side in photo.size)
    return photo.resize((width, height), Image.Resampling.LANCZOS)


def place_map(
    values: np.ndarray, box: tuple[float, float, float, float], size: tuple[int, int]
) -> np.ndarray:
    """A map [H, W] of a part of a photo as a map of the whole, with zeros where it says nothing.

    ``box`` is where the part lies: left, top, right, bottom in a photo of (width, height) ``size``.
    """
    left, top, right, bottom = box
    across, down = values.shape[1] / (right - left), values.shape[0] / (bottom - top)
    width, height = round(size[0] * across), round(size[1] * down)
    if (height, width) == values.shape:
        return values
    row = min(round(top * down), height - values.shape[0])
    column = min(round(left * across), width - values.shape[1])
    whole = np.zeros((height, width), dtype=values.dtype)
    whole[row : row + values.shape[0], column : column + values.shape[1]] = values
    return whole


def render_part(
    photo: Image.Image,
    saliency: np.ndarray,
    box: tuple[float, float, float, float],
    look: Look | None = None,
    scale: float | None = None,
) -> Image.Image:
    """Lay a map [H, W] of a part of a photo over the whole of it, on the scale of the part.

    ``box`` is where the part lies, as for :func:`place_map`; the rest is as for :func:`render`.
    """
    if missing_evidence(saliency, look):
        return to_display_size(photo)
    scale = scale or measure_scale(saliency, look)
    return render(photo, place_map(saliency, box, photo.size), look, scale)


def resize_map(saliency: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Stretch a map [H, W] to a picture's (width, height), bilinearly."""
    picture = Image.fromarray(saliency.astype(np.float32))
    return np.asarray(picture.resize(size, Image.Resampling.BILINEAR))


def blend(
    picture: Image.Image,
    strength: np.ndarray,
    opacity: float,
    ends: tuple[Colour, Colour] = (AGAINST, FOR),
) -> Image.Image:
    """Colour a picture by ``strength`` [height, width]: −1 fully against, 0 untouched, 1 for.

    ``ends`` are the colours of −1 and 1 where a strength means something else.
    """
    colours = np.where(strength[..., None] >= 0, ends[1], ends[0])
    cover = opacity * np.abs(strength).clip(max=1)[..., None]
    pixels = np.asarray(picture, dtype=np.float64)
    return Image.fromarray(np.uint8(np.rint(pixels + cover * (colours - pixels))))


def keep_best(saliency: np.ndarray, segments: np.ndarray, count: int) -> np.ndarray:
    """Zero a map outside the ``count`` superpixels that speak most strongly for the class.

    ``segments`` int [H, W]; superpixels that speak against are never kept.
    """
    labels = np.unique(segments)
    means = np.array([saliency[segments == label].mean() for label in labels])
    ranked = labels[np.argsort(-means, kind="stable")]
    best = ranked[: min(count, int((means > 0).sum()))]
    return np.where(np.isin(segments, best), saliency, 0)


def draw_outlines(picture: Image.Image, segments: np.ndarray) -> Image.Image:
    """Draw the borders of superpixels, int [H, W], in white over a picture of any size."""
    labels = Image.fromarray(segments.astype(np.int32))
    stretched = np.asarray(labels.resize(picture.size, Image.Resampling.NEAREST))
    pixels = np.array(picture)
    pixels[find_boundaries(stretched, mode="thick")] = 255
    return Image.fromarray(pixels)


def draw_areas(
    picture: Image.Image, areas: Sequence[np.ndarray], colours: Sequence[Colour]
) -> Image.Image:
    """Outline areas, bool [H, W], in a colour each on a black rim, over a picture of any size."""
    pixels = np.array(picture)
    stretched = [
        np.asarray(Image.fromarray(area).resize(picture.size, Image.Resampling.NEAREST))
        for area in areas
    ]
    for area in stretched:
        pixels[binary_dilation(find_boundaries(area), iterations=RIM_PIXELS)] = 0
    for area, colour in zip(stretched, colours, strict=True):
        pixels[find_boundaries(area)] = colour
    return Image.fromarray(pixels)


def subdue(picture: Image.Image) -> Image.Image:
    """A picture in dim grey, on which every colour is seen for what it is."""
    return picture.convert("L").point(lambda level: MARKED_DIMMING * level).convert("RGB")


def to_picture(colours: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """Colours 0…1 [H, W, 1 or 3] as a picture of (width, height), every pixel a sharp box."""
    pixels = np.uint8(np.rint(255 * np.asarray(colours, dtype=np.float64)))
    return Image.fromarray(np.broadcast_to(pixels, (*pixels.shape[:2], 3))).resize(
        size, Image.Resampling.NEAREST
    )


def mark_pixels(picture: Image.Image, marked: np.ndarray) -> Image.Image:
    """Grey a picture but for the pixels ``marked``, bool [H, W], which turn cyan."""
    stretched = Image.fromarray(marked).resize(picture.size, Image.Resampling.NEAREST)
    grey = np.asarray(picture.convert("L"), dtype=np.float64)[..., None]
    pixels = np.where(np.asarray(stretched)[..., None], MARK, MARKED_DIMMING * grey)
    return Image.fromarray(np.uint8(np.rint(pixels)))


def legend(look: Look, width: int = 240, height: int = 16) -> Image.Image:
    """Draw the colour strip as RGBA: against to for, or none to for, transparent at no evidence."""
    start = -1.0 if look.signed else 0.0
    strength = np.linspace(start, 1, width)
    pixels = np.empty((height, width, 4), dtype=np.uint8)
    pixels[..., :3] = np.where(strength[:, None] >= 0, FOR, AGAINST)
    pixels[..., 3] = np.rint(255 * np.abs(strength))
    return Image.fromarray(pixels)
