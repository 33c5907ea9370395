"""Small changes to photos, and whether a map follows them as it should."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from xaicore.explainers.base import Parameter
from xaicore.metrics.base import MetricError
from xaicore.metrics.correlation import rank_correlation
from xaicore.networks.classifier import Classifier
from xaicore.registry import Registry


@dataclass(frozen=True)
class Change:
    """Registry entry of a small change to photos that a map should follow.

    ``apply(colours, amount)`` takes colours 0…1 [B, 3, H, W]; ``follow(maps, amount)`` moves maps
    [..., H, W] as the photo moves, NaN where there is no map; ``amount`` says how strong it may be.
    """

    name: str
    label: str
    apply: Callable[[torch.Tensor, float], torch.Tensor]
    follow: Callable[[np.ndarray, float], np.ndarray]
    amount: Parameter | None
    summary: str


def change_photos(
    classifier: Classifier, batch: torch.Tensor, change: Change, amount: float
) -> torch.Tensor:
    """Photos on the network's input scale [B, 3, H, W], changed; colours stay within 0…1."""
    colours = classifier.denormalise(batch).clamp(0, 1)
    return classifier.normalise(change.apply(colours, amount).clamp(0, 1))


def follows(moved: np.ndarray, after: np.ndarray) -> float:
    """Rank correlation of the map as it should have moved with the changed photo's map, [H, W].

    Only places that have both count.
    """
    known = np.isfinite(moved) & np.isfinite(after)
    return rank_correlation(moved[known], after[known])


def _add_noise(colours: torch.Tensor, amount: float) -> torch.Tensor:
    # Drawn on the processor, so that every device has the same noise, the same for every photo.
    noise = torch.randn(colours.shape[1:], generator=torch.Generator().manual_seed(0))
    return colours + amount * noise.to(colours.device)


def _brighten(colours: torch.Tensor, amount: float) -> torch.Tensor:
    return colours * amount


def _shift(colours: torch.Tensor, amount: float) -> torch.Tensor:
    """To the right and down; the border repeats itself where the photo has moved away."""
    pixels = int(amount)
    rows, columns = (
        (torch.arange(side, device=colours.device) - pixels).clamp(0, side - 1)
        for side in colours.shape[-2:]
    )
    return colours[..., rows, :][..., columns]


def _shift_map(maps: np.ndarray, amount: float) -> np.ndarray:
    pixels = int(amount)
    moved = np.full(maps.shape, np.nan)
    height, width = maps.shape[-2:]
    moved[..., pixels:, pixels:] = maps[..., : height - pixels, : width - pixels]
    return moved


def _mirror(colours: torch.Tensor, _amount: float) -> torch.Tensor:
    return colours.flip(-1)


def _mirror_map(maps: np.ndarray, _amount: float) -> np.ndarray:
    return maps[..., ::-1]


def _stay(maps: np.ndarray, _amount: float) -> np.ndarray:
    return maps


CHANGES: Registry[Change] = Registry(
    "change",
    MetricError,
    [
        Change(
            "noise",
            "Noise",
            _add_noise,
            _stay,
            Parameter(
                "noise",
                "How strong",
                0.05,
                "The σ of the noise; colours run from 0 to 1.",
                low=0.0,
                high=0.3,
                step=0.01,
            ),
            "Random noise on every pixel.",
        ),
        Change(
            "brightness",
            "Brightness",
            _brighten,
            _stay,
            Parameter(
                "brightness",
                "How bright",
                1.2,
                "What every colour is multiplied by.",
                low=0.5,
                high=1.5,
                step=0.05,
            ),
            "The photo brighter, or darker.",
        ),
        Change(
            "shift",
            "Shift",
            _shift,
            _shift_map,
            Parameter(
                "shift",
                "How far",
                4,
                "To the right and down, in pixels of what the network sees.",
                low=0,
                high=16,
                step=1,
            ),
            "The photo a few pixels to the right and down.",
        ),
        Change("flip", "Flip", _mirror, _mirror_map, None, "The photo in a mirror."),
    ],
)
