"""Photos step by step without, or with only, what a map calls salient, and the network's answers.

All metrics are functions of the :class:`PerturbationTrace` made here. Each map is ranked once;
every picture of every curve is then one comparison of ranks away, so all maps share batches.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from xaicore.explainers.base import ClassIndices, choose_classes
from xaicore.formatting import plural
from xaicore.metrics.base import MetricError, PerturbationProtocol, PerturbationTrace
from xaicore.networks.classifier import Classifier
from xaicore.progress import Progress, no_progress

NEEDS = ("insertion", "deletion", "kept", "removed")
# Maps whose ranks are held at a time.
GROUP = 32
_COLOURS = {"black": 0.0, "grey": 0.5, "white": 1.0}


def trace_maps(
    classifier: Classifier,
    batch: torch.Tensor,
    maps: np.ndarray | torch.Tensor,
    targets: ClassIndices | None = None,
    protocol: PerturbationProtocol | None = None,
    needs: Collection[str] = NEEDS,
    photos: Sequence[int] | np.ndarray | None = None,
    progress: Progress = no_progress,
) -> PerturbationTrace:
    """Test maps [M, h, w] of photos [B, 3, H, W]; photo ``photos[i]`` is the one map i explains.

    By default there is one map a photo. ``targets`` [B] are class indices, by default the classes
    predicted on the clean photos. ``progress(done, total)`` is told of every forward batch; what
    it raises stops the work. Raises :class:`MetricError` for maps that cannot be tested.
    """
    protocol = protocol or PerturbationProtocol()
    batch = classifier.to_input(batch)
    owners = torch.as_tensor(
        np.arange(len(batch)) if photos is None else np.asarray(photos), device=batch.device
    )
    saliency = fit_maps(maps, owners, batch)
    class_indices = choose_classes(classifier, batch, targets)
    edges = step_edges(batch.shape[-2:].numel(), protocol.steps).to(batch.device)
    scorer = Scorer(classifier, progress)
    return _Tester(scorer, batch, class_indices, protocol, edges, needs).run(saliency, owners)


@dataclass(frozen=True)
class PerturbationStep:
    """What the network saw at one step of the curves of M maps.

    ``insertion`` and ``deletion`` float32 [M, H, W, 3], colours 0…1; ``moved`` bool [M, H, W], the
    pixels that this step moved: none at step 0.
    """

    insertion: np.ndarray
    deletion: np.ndarray
    moved: np.ndarray


def perturb_at(
    classifier: Classifier,
    photo: torch.Tensor,
    maps: np.ndarray,
    protocol: PerturbationProtocol,
    step: int,
) -> PerturbationStep:
    """The pictures of one photo [1, 3, H, W] that maps [M, h, w] make at one step 0…steps."""
    edges = step_edges(photo.shape[-2:].numel(), protocol.steps)
    saliency = fit_maps(maps, torch.zeros(len(maps), dtype=torch.int64), photo)
    ranks = rank_pixels(saliency, protocol.seed)
    moved = edges[step].expand(len(ranks)).to(photo.device)
    ends = {
        "insertion": (blur_photos(photo, protocol), photo),
        "deletion": (photo, fill_photos(classifier, photo, protocol)),
    }
    pictures = {
        name: classifier.denormalise(mix(ranks, moved, *pair)).clamp(0, 1).permute(0, 2, 3, 1)
        for name, pair in ends.items()
    }
    fresh = (ranks >= edges[max(step - 1, 0)]) & (ranks < edges[step])
    return PerturbationStep(
        **{name: colours.cpu().numpy() for name, colours in pictures.items()},
        moved=fresh.cpu().numpy(),
    )


def fit_maps(
    maps: np.ndarray | torch.Tensor, owners: torch.Tensor, batch: torch.Tensor
) -> torch.Tensor:
    """Maps stretched to the photos' size, float32 [M, H, W]; refuses what is not a map."""
    # A copy: maps that others share may be read-only, which tensors cannot be.
    given = torch.tensor(maps) if isinstance(maps, np.ndarray) else maps
    saliency = given.to(batch.device).float()
    if saliency.ndim != 3 or len(saliency) != len(owners):
        raise MetricError(
            f"Give one map [height, width] a photo: {plural(len(owners), 'map')}, "
            f"not an array of {tuple(saliency.shape)}."
        )
    if not torch.isfinite(saliency).all():
        raise MetricError("A map holds values that are not numbers (NaN or infinite).")
    if saliency.shape[1:] == batch.shape[2:]:
        return saliency
    return F.interpolate(
        saliency[:, None], batch.shape[2:], mode="bilinear", align_corners=False
    ).squeeze(1)


def step_edges(pixels: int, steps: int) -> torch.Tensor:
    """How many pixels have moved after each step, int64 [steps + 1], as evenly as can be."""
    if steps > pixels:
        raise MetricError(f"{plural(pixels, 'pixel')} are too few for {steps} steps.")
    return torch.arange(steps + 1) * pixels // steps


def rank_pixels(saliency: torch.Tensor, seed: int) -> torch.Tensor:
    """Place of each pixel of maps [M, H, W] from most to least salient, int64 [M, H, W].

    Pixels of equal saliency follow a seeded random order, the same for every map: row by row the
    top of the photo would always be first.
    """
    flat = saliency.flatten(1)
    # Drawn on the processor, so that every device has the same order.
    shuffle = torch.randperm(flat.shape[1], generator=torch.Generator().manual_seed(seed))
    shuffle = shuffle.to(flat.device)
    order = shuffle[flat[:, shuffle].sort(dim=1, descending=True, stable=True).indices]
    places = torch.arange(flat.shape[1], device=flat.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, places).view(saliency.shape)


def step_saliency(saliency: torch.Tensor, ranks: torch.Tensor, edges: torch.Tensor) -> torch.Tensor:
    """Mean of the map over each step's pixels, float64 [M, steps]."""
    flat, places = saliency.flatten(1).double(), ranks.flatten(1)
    ordered = torch.empty_like(flat).scatter_(1, places, flat)
    steps = torch.searchsorted(edges, places, right=True) - 1
    sums = torch.zeros(len(flat), len(edges) - 1, dtype=flat.dtype, device=flat.device)
    means = sums.scatter_add_(1, steps, flat) / edges.diff()
    # Rounding must not make the means of equal values differ.
    return means.clamp(ordered[:, edges[1:] - 1], ordered[:, edges[:-1]])


def soft_masks(saliency: torch.Tensor) -> torch.Tensor:
    """The positive part of each map over its maximum; NaN for a map without one."""
    positive = saliency.clamp(min=0)
    return positive / positive.amax((1, 2), keepdim=True)


def mask_photo(photo: torch.Tensor, maps: np.ndarray, kept: bool = True) -> torch.Tensor:
    """One photo [1, 3, H, W] times the mask of each map [M, h, w], or what the mask leaves."""
    owners = torch.zeros(len(maps), dtype=torch.int64, device=photo.device)
    masks = soft_masks(fit_maps(maps, owners, photo)).nan_to_num()
    return photo * (masks if kept else 1 - masks)[:, None]


def blur_photos(batch: torch.Tensor, protocol: PerturbationProtocol) -> torch.Tensor:
    """The photos that insertion starts from: blurred, with zeros around them."""
    height = batch.shape[2]
    size = protocol.kernel or max(height // 5, 9) | 1
    offsets = torch.arange(size, device=batch.device) - size // 2
    if protocol.blur == "box":
        weights = torch.ones_like(offsets, dtype=batch.dtype)
    else:
        weights = torch.exp(-(offsets**2) / (2 * protocol.sigma**2))
    line = (weights / weights.sum()).expand(batch.shape[1], 1, 1, size)
    across = F.conv2d(batch, line, padding=(0, size // 2), groups=batch.shape[1])
    return F.conv2d(across, line.mT, padding=(size // 2, 0), groups=batch.shape[1])


def fill_photos(
    classifier: Classifier, batch: torch.Tensor, protocol: PerturbationProtocol
) -> torch.Tensor:
    """What deletion ends with, float32 [1, 3, H, W] where it is the same for all photos."""
    if protocol.fill == "blurred":
        return blur_photos(batch, protocol)
    if protocol.fill == "zero":
        return torch.zeros_like(batch[:1])
    return classifier.normalise(torch.full_like(batch[:1], _COLOURS[protocol.fill]))


def mix(
    ranks: torch.Tensor, moved: torch.Tensor, before: torch.Tensor, after: torch.Tensor
) -> torch.Tensor:
    """Pictures [n, 3, H, W] with the first ``moved`` [n] pixels of each rank [n, H, W] changed."""
    return torch.where((ranks < moved[:, None, None])[:, None], after, before)


def log_odds(logits: torch.Tensor, class_indices: torch.Tensor) -> torch.Tensor:
    """Of the class against all others, float64 [n]: never saturated, as a probability is."""
    logits = logits.double()
    own = logits.gather(1, class_indices[:, None]).squeeze(1)
    return own - logits.scatter(1, class_indices[:, None], -math.inf).logsumexp(1)


class Scorer:
    """Scores pictures in batches of the size that goes through fastest."""

    def __init__(self, classifier: Classifier, progress: Progress) -> None:
        self.classifier = classifier
        self.progress = progress
        self.done = self.total = 0

    def score(
        self, make: Callable[[torch.Tensor], torch.Tensor], class_indices: torch.Tensor
    ) -> torch.Tensor:
        """Log-odds [n] of pictures that ``make(indices)`` makes when their turn comes."""
        scores = []
        everything = torch.arange(len(class_indices), device=class_indices.device)
        for indices in everything.split(self.classifier.batch_size):
            scores.append(log_odds(self.classifier.logits(make(indices)), class_indices[indices]))
            self.done += len(indices)
            self.progress(self.done, self.total)
        return torch.cat(scores)


class _Tester:
    """One set of photos under one protocol, ready for any number of maps."""

    def __init__(
        self,
        scorer: Scorer,
        batch: torch.Tensor,
        class_indices: torch.Tensor,
        protocol: PerturbationProtocol,
        edges: torch.Tensor,
        needs: Collection[str],
    ) -> None:
        self.scorer = scorer
        self.batch = batch
        self.class_indices = class_indices
        self.protocol = protocol
        self.edges = edges
        self.curves = [name for name in ("insertion", "deletion") if name in needs]
        self.masks = [name for name in ("kept", "removed") if name in needs]
        self.keep_maps = "maps" in needs
        self.pictures = {"clean": batch}
        if "insertion" in self.curves:
            self.pictures["insertion"] = blur_photos(batch, protocol)
        if "deletion" in self.curves:
            self.pictures["deletion"] = fill_photos(scorer.classifier, batch, protocol)

    def run(self, saliency: torch.Tensor, owners: torch.Tensor) -> PerturbationTrace:
        per_map = len(self.curves) * (self.protocol.steps - 1) + len(self.masks)
        ends = sum(len(pictures) for pictures in self.pictures.values())
        self.scorer.total = ends + len(saliency) * per_map
        with torch.inference_mode():
            ends_scored = {name: self._score_ends(name) for name in self.pictures}
            groups = [
                self._test(saliency[part], owners[part], ends_scored)
                for part in torch.arange(len(saliency), device=owners.device).split(GROUP)
            ]
        found = {name: torch.cat([group[name] for group in groups]) for name in groups[0]}
        arrays = {name: values.cpu().numpy() for name, values in found.items()}
        return PerturbationTrace(
            fractions=(self.edges / self.edges[-1]).double().cpu().numpy(), **arrays
        )

    def _score_ends(self, name: str) -> torch.Tensor:
        """Log-odds [B] of every photo's picture at one end of a curve, each picture scored once."""
        pictures = self.pictures[name]
        if len(pictures) == len(self.batch):
            return self.scorer.score(lambda indices: pictures[indices], self.class_indices)
        logits = self.scorer.classifier.logits(pictures)
        self.scorer.done += 1
        return log_odds(logits.expand(len(self.batch), -1), self.class_indices)

    def _test(
        self, saliency: torch.Tensor, owners: torch.Tensor, ends: dict[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        ranks = rank_pixels(saliency, self.protocol.seed)
        found = {
            "clean": ends["clean"][owners],
            "saliency": step_saliency(saliency, ranks, self.edges),
        }
        if self.keep_maps:
            found["maps"] = saliency.double()
        for name in self.curves:
            between = self._score_between(name, ranks, owners)
            other = ends[name][owners, None]
            clean = ends["clean"][owners, None]
            first, last = (other, clean) if name == "insertion" else (clean, other)
            found[name] = torch.cat([first, between, last], 1).sigmoid()
        for name in self.masks:
            found[name] = self._score_masked(name, saliency, owners)
        return found

    def _score_between(self, name: str, ranks: torch.Tensor, owners: torch.Tensor) -> torch.Tensor:
        """Log-odds [m, steps − 1] of the pictures between the two ends of a curve."""
        inner = self.protocol.steps - 1
        other = self.pictures[name]
        # One picture for all photos, or one each.
        place = owners if len(other) == len(self.batch) else torch.zeros_like(owners)

        def make(indices: torch.Tensor) -> torch.Tensor:
            which, moved = indices // inner, self.edges[indices % inner + 1]
            photos, others = self.batch[owners[which]], other[place[which]]
            before, after = (others, photos) if name == "insertion" else (photos, others)
            return mix(ranks[which], moved, before, after)

        return self.scorer.score(make, self.class_indices[owners].repeat_interleave(inner)).view(
            -1, inner
        )

    def _score_masked(
        self, name: str, saliency: torch.Tensor, owners: torch.Tensor
    ) -> torch.Tensor:
        """Log-odds [m] of the photos times the map's mask, or times what the mask leaves."""
        masks = soft_masks(saliency)
        weights = masks if name == "kept" else 1 - masks

        def make(indices: torch.Tensor) -> torch.Tensor:
            return self.batch[owners[indices]] * weights[indices].nan_to_num()[:, None]

        scores = self.scorer.score(make, self.class_indices[owners])
        return scores.where(masks.isfinite().all((1, 2)), torch.nan)
