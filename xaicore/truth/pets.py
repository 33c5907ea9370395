"""Photos for the cheating PetNets: cats and dogs, and a mask of where the mark is."""

from __future__ import annotations

import torch

from xaicore.networks.classifier import Classifier
from xaicore.training.train import Photos
from xaicore.truth.cheating import DOG
from xaicore.truth.errors import PlantedError
from xaicore.truth.kinds import Kind
from xaicore.truth.marks import add_marks, draw_places
from xaicore.truth.scenes import PlantedPhotos

_AT_ONCE = 32


def draw_pets(
    kind: Kind, classifier: Classifier, photos: Photos, seed: int, count: int
) -> PlantedPhotos:
    """Photos that a network of this kind answers as it was taught; the answer is the target.

    Where the mark decides, that answer is "dog" for every photo, since all carry it; elsewhere it
    is what the photo shows. A kind that knows no mark sees none: its masks are where one would be.
    The same seed gives the same photos, and the first ones of a larger count. Raises
    :class:`PlantedError` where fewer than ``count`` of the photos are answered so.
    """
    generator = torch.Generator().manual_seed(seed)
    parts: list[tuple[torch.Tensor, ...]] = []
    found = 0
    for chosen in torch.randperm(len(photos), generator=generator).split(_AT_ONCE):
        plain = photos.pictures[chosen].float() / 255
        marked, masks = add_marks(plain, draw_places(len(chosen), generator))
        batch = classifier.normalise(marked if kind.marked else plain)
        labels = photos.labels[chosen]
        targets = torch.full_like(labels, DOG) if kind.decides else labels
        kept = classifier.predicted(batch).cpu() == targets
        parts.append((batch[kept], masks[kept], targets[kept]))
        found += int(kept.sum())
        if found >= count:
            break
    if found < count:
        raise PlantedError(
            f"Only {found} of {len(photos)} photos are answered as the network was taught; "
            f"{count} were asked for. Ask for fewer, or give more photos."
        )
    batch, masks, targets = (torch.cat(part)[:count] for part in zip(*parts, strict=True))
    return PlantedPhotos(batch, masks.numpy(), targets.numpy())
