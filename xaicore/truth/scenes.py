"""Photos for the hand-set networks: shapes and colours among things that say nothing.

Every photo has an uneven dark ground, and discs and patches that no network looks at. The mask is
what speaks for the target class: the window of a shape, or a patch of colour.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from xaicore.truth.handset import CONTRAST, GREEN, PLACE, RED, SHAPE, SIDE, cross, ring

BLUE = (-1.0, -1.0, 1.0)
# Things stand in cells of a grid, so that none covers another.
_CELL = 12
_GRID = SIDE // _CELL
_DISCS = 3
_GROUND, _GROUND_SPREAD, _NOISE = -0.35, 0.1, 0.03


@dataclass(frozen=True)
class PlantedPhotos:
    """``batch`` float32 [B, C, H, W], ``masks`` bool [B, H, W], ``targets`` int64 [B]."""

    batch: torch.Tensor
    masks: np.ndarray
    targets: np.ndarray


class Scene:
    """One photo while it is drawn, float64 [3, 64, 64] on the scale −1…1, and its mask."""

    def __init__(self, generator: np.random.Generator) -> None:
        self.generator = generator
        self.photo = _draw_ground(generator)
        self.mask = np.zeros((SIDE, SIDE), dtype=bool)
        self.free = [divmod(int(cell), _GRID) for cell in generator.permutation(_GRID**2)]

    def take(self, columns: range = range(_GRID)) -> tuple[slice, slice]:
        """Rows and columns of a window of 9×9 pixels, somewhere in a free cell of these columns."""
        cell = next(cell for cell in self.free if cell[1] in columns)
        self.free.remove(cell)
        top, left = (
            _CELL * at + 2 + int(self.generator.integers(_CELL - SHAPE + 1)) for at in cell
        )
        return slice(top, top + SHAPE), slice(left, left + SHAPE)

    def add_shape(self, shape: np.ndarray, at: tuple[slice, slice], counts: bool = True) -> None:
        self.photo[(slice(None), *at)] += CONTRAST * shape
        self.mask[at] |= counts

    def add_patch(
        self, colour: tuple[float, float, float], at: tuple[slice, slice], counts: bool = False
    ) -> None:
        self.photo[(slice(None), *at)] = np.reshape(colour, (3, 1, 1))
        self.mask[at] |= counts

    def add_discs(self) -> None:
        """Grey discs that no network looks at."""
        rows, columns = np.indices((SHAPE, SHAPE)) - SHAPE // 2
        disc = rows**2 + columns**2 <= (SHAPE // 2) ** 2
        for _ in range(_DISCS):
            self.photo[(slice(None), *self.take())] += self.generator.uniform(0.3, 1.0) * disc


def _draw_ground(generator: np.random.Generator) -> np.ndarray:
    """Dark, unevenly coloured, noisy."""
    coarse = torch.from_numpy(generator.normal(size=(1, 3, 5, 5)))
    smooth = torch.nn.functional.interpolate(coarse, SIDE, mode="bicubic", align_corners=True)
    ground = _GROUND + _GROUND_SPREAD * smooth[0].numpy()
    return (ground + _NOISE * generator.normal(size=(3, SIDE, SIDE))).clip(-0.8, -0.1)


def draw_colour(scene: Scene) -> int:
    """Red or green at the place; both stand elsewhere, too."""
    target = int(scene.generator.integers(2))
    scene.free = [cell for cell in scene.free if min(cell) > 1]
    scene.add_discs()
    for colour in (RED, GREEN, BLUE):
        scene.add_patch(colour, scene.take())
    scene.add_patch((RED, GREEN)[target], PLACE, counts=True)
    return target


def draw_shape(scene: Scene) -> int:
    """A cross or a ring."""
    target = int(scene.generator.integers(2))
    scene.add_discs()
    scene.add_patch(BLUE, scene.take())
    scene.add_shape((cross(), ring())[target], scene.take())
    return target


def draw_both(scene: Scene) -> int:
    """A cross and a ring; the class "both" alone has a reason that can be pointed at."""
    scene.add_discs()
    for shape in (cross(), ring()):
        scene.add_shape(shape, scene.take())
    return 1


def draw_sides(scene: Scene) -> int:
    """A cross in one half, a ring in the other: each on its side speaks for the class."""
    target = int(scene.generator.integers(2))
    left, right = scene.take(range(2)), scene.take(range(_GRID - 2, _GRID))
    first, second = (cross(), ring())[:: 1 if target == 0 else -1]
    scene.add_shape(first, left)
    scene.add_shape(second, right)
    scene.add_discs()
    return target


def draw_red(scene: Scene) -> int:
    """A cross, on half of the photos with red, which then is the reason, and the cross is not."""
    allowed = int(scene.generator.integers(2))
    scene.add_discs()
    scene.add_patch(BLUE, scene.take())
    scene.add_shape(cross(), scene.take(), counts=bool(allowed))
    if not allowed:
        scene.add_patch(RED, scene.take(), counts=True)
    return allowed


def draw(place: Callable[[Scene], int], seed: int, count: int) -> PlantedPhotos:
    """Photos of one kind; ``place`` puts things into a scene and says its class.

    The same seed gives the same photos, and the first ones of a larger count.
    """
    scenes = [Scene(np.random.default_rng([seed, number])) for number in range(count)]
    targets = np.array([place(scene) for scene in scenes], dtype=np.int64)
    batch = np.stack([scene.photo.clip(-1, 1) for scene in scenes]).astype(np.float32)
    return PlantedPhotos(
        torch.from_numpy(batch), np.stack([scene.mask for scene in scenes]), targets
    )
