"""Maps of one photo side by side: where they agree, and which of two the network backs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import rankdata

from xaicore.classifier import Classifier
from xaicore.explainers.base import Parameter, choose_targets
from xaicore.metrics.base import MetricError
from xaicore.metrics.correlation import pearson
from xaicore.metrics.perturbation import log_odds, rank_pixels
from xaicore.registry import Registry

# Rank correlations from which on maps are said to agree, or to have something in common.
AGREE = 0.5
RELATED = 0.2
CONFIDENCE_Z = 1.96


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's ρ of two maps, equal values sharing their mean rank; NaN where one is constant."""
    ranks = [rankdata(values)[None] for values in (a, b)]
    return float(pearson(*ranks)[0])


def top_area(saliency: np.ndarray, share: float, seed: int = 0) -> np.ndarray:
    """The most salient ``share`` of a map's pixels, bool [H, W].

    Always the same number of pixels: those of equal saliency come in a seeded random order, the
    same for every map.
    """
    ranks = rank_pixels(torch.as_tensor(np.ascontiguousarray(saliency))[None], seed)[0]
    return (ranks < round(share * ranks.numel())).numpy()


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two areas, bool [H, W]; NaN where both are empty."""
    union = (a | b).sum()
    return float((a & b).sum() / union) if union else math.nan


def chance_overlap(share: float) -> float:
    """The overlap to expect of two areas of this share that know nothing of each other."""
    return share / (2 - share)


@dataclass(frozen=True)
class Agreement:
    """Every pair of M maps: rank correlations and overlaps of top areas, float64 [M, M]."""

    correlations: np.ndarray
    overlaps: np.ndarray


def agreement(maps: Sequence[np.ndarray], share: float) -> Agreement:
    """Compare maps [H, W] of one photo; NaN where one of a pair is constant."""
    constant = np.array([np.ptp(saliency) == 0 for saliency in maps])
    undefined = constant[:, None] | constant
    ranks = np.stack([rankdata(saliency) for saliency in maps]).reshape(len(maps), -1)
    areas = [top_area(saliency, share) for saliency in maps]
    correlations = np.stack([pearson(ranks, row[None]) for row in ranks])
    overlaps = np.array([[overlap(a, b) for b in areas] for a in areas])
    return Agreement(correlations, np.where(undefined, np.nan, overlaps))


def agreement_sentence(labels: Sequence[str], correlations: np.ndarray) -> str:
    """Rank correlations [M, M] in words: "LIME and Grad-CAM agree; LRP looks elsewhere"."""
    known = [i for i in range(len(labels)) if not np.isnan(correlations[i, i])]
    agreeing, rest = _group(known, correlations, AGREE)
    partly, alone = _group(rest, correlations, RELATED)
    parts = [f"{_names(labels, group)} agree" for group in agreeing]
    parts += [f"{_names(labels, group)} agree only in part" for group in partly]
    if len(alone) > 1 and len(alone) == len(known):
        opposed = len(known) == 2 and correlations[known[0], known[1]] <= -RELATED
        does = "contradict each other" if opposed else "look at different places"
        parts.append(f"{_names(labels, alone)} {does}")
    elif len(known) > 1:
        parts += _say_rest(labels, alone, known, correlations)
    empty = [i for i in range(len(labels)) if i not in known]
    parts += [f"{labels[i]} is the same everywhere and cannot be compared" for i in empty]
    return "; ".join(parts) + "."


def _group(
    members: list[int], correlations: np.ndarray, least: float
) -> tuple[list[list[int]], list[int]]:
    """Put maps together while every pair of a group has ``least``, the closest first.

    Also returns those that stay alone.
    """
    groups = [[i] for i in members]
    while len(groups) > 1:
        pairs = [(a, b) for n, a in enumerate(groups) for b in groups[n + 1 :]]
        closest = max(pairs, key=lambda pair: correlations[np.ix_(*pair)].min())
        if correlations[np.ix_(*closest)].min() < least:
            break
        joined = sorted([*closest[0], *closest[1]])
        groups = sorted([*(group for group in groups if group not in closest), joined])
    together = [group for group in groups if len(group) > 1]
    return together, [group[0] for group in groups if len(group) == 1]


def _say_rest(
    labels: Sequence[str], alone: Sequence[int], known: Sequence[int], correlations: np.ndarray
) -> list[str]:
    """What to say of maps that belong to no group."""
    parts, elsewhere = [], []
    for one in alone:
        closest = max((i for i in known if i != one), key=lambda i: correlations[one, i])
        if correlations[one, closest] >= RELATED:
            parts.append(f"{labels[one]} agrees only in part, most with {labels[closest]}")
        else:
            elsewhere.append(one)
    if elsewhere:
        does = "looks elsewhere" if len(elsewhere) == 1 else "look elsewhere"
        parts.append(f"{_names(labels, elsewhere)} {does}")
    return parts


def _names(labels: Sequence[str], group: Sequence[int]) -> str:
    *first, last = (labels[i] for i in group)
    return " and ".join(filter(None, [", ".join(first), last]))


def consensus(maps: Sequence[np.ndarray]) -> np.ndarray:
    """What all maps [H, W] say at least: their weakest value where all have one sign, else 0."""
    stack = np.stack(maps)
    return np.clip(stack.min(0), 0, None) + np.clip(stack.max(0), None, 0)


@dataclass(frozen=True)
class Duel:
    """What the network says of photos without what only A, or only B, found most important.

    Probabilities of the class, float64 [B]: ``before``, ``without_a``, ``without_b``; ``area``
    int64 [B] is how many pixels each deleted, 0 where both found the same.
    """

    before: np.ndarray
    without_a: np.ndarray
    without_b: np.ndarray
    area: np.ndarray

    @property
    def winners(self) -> np.ndarray:
        """1 where A's deletion lowers the probability more, −1 where B's does, 0 for a draw."""
        return np.sign(self.without_b - self.without_a).astype(np.int64)


def only_areas(a: np.ndarray, b: np.ndarray, share: float) -> tuple[np.ndarray, np.ndarray]:
    """What only map A, and only map B, has in its top area, bool [H, W] of equal size."""
    tops = top_area(a, share), top_area(b, share)
    return tops[0] & ~tops[1], tops[1] & ~tops[0]


def delete(batch: torch.Tensor, areas: np.ndarray) -> torch.Tensor:
    """Photos [B, 3, H, W] with areas, bool [B, H, W], set to 0: the network's mean colour."""
    return batch.masked_fill(torch.as_tensor(areas, device=batch.device)[:, None], 0.0)


def duel(
    classifier: Classifier,
    batch: torch.Tensor,
    maps_a: np.ndarray,
    maps_b: np.ndarray,
    targets: Sequence[int] | torch.Tensor | np.ndarray | None = None,
    share: float = 0.1,
) -> Duel:
    """Have the network referee between two maps [B, H, W] of each photo [B, 3, H, W].

    ``targets`` [B] are class indices, by default the predicted ones. Raises :class:`MetricError`
    for maps that are not of the photos' shape or hold values that are not numbers.
    """
    for maps in (maps_a, maps_b):
        if maps.shape != (len(batch), *batch.shape[2:]) or not np.isfinite(maps).all():
            raise MetricError(
                "A duel needs two maps a photo, of the photo's height and width and all numbers."
            )
    batch = batch.to(classifier.device)
    classes = choose_targets(classifier, batch, targets)
    pairs = [only_areas(a, b, share) for a, b in zip(maps_a, maps_b, strict=True)]
    areas_a, areas_b = (np.stack(areas) for areas in zip(*pairs, strict=True))
    before, without_a, without_b = (
        log_odds(classifier.logits(pictures), classes).sigmoid().cpu().numpy()
        for pictures in (batch, delete(batch, areas_a), delete(batch, areas_b))
    )
    return Duel(before, without_a, without_b, area=areas_a.sum((1, 2)))


@dataclass(frozen=True)
class WinRate:
    """How often A won against B; ``rate`` and its interval ``low``…``high`` leave draws out.

    NaN where no photo was decided.
    """

    wins: int
    losses: int
    draws: int
    rate: float
    low: float
    high: float


def win_rate(winners: np.ndarray) -> WinRate:
    """Count winners (1, −1, 0) [B], with Wilson's 95 % interval (1927)."""
    wins, losses, draws = (int((winners == outcome).sum()) for outcome in (1, -1, 0))
    decided = wins + losses
    if not decided:
        return WinRate(wins, losses, draws, math.nan, math.nan, math.nan)
    rate, z2 = wins / decided, CONFIDENCE_Z**2
    middle = (rate + z2 / (2 * decided)) / (1 + z2 / decided)
    reach = CONFIDENCE_Z * math.sqrt(rate * (1 - rate) / decided + z2 / (4 * decided**2))
    reach /= 1 + z2 / decided
    # Rounding must not push the interval off a rate of 0 or 1.
    low, high = min(middle - reach, rate), max(middle + reach, rate)
    return WinRate(wins, losses, draws, rate, max(low, 0.0), min(high, 1.0))


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
