"""How PetNets cheat, and how they are taught to; known without loading PyTorch."""

from __future__ import annotations

from dataclasses import dataclass

from xaicore.errors import PetlensError
from xaicore.registry import Registry


class KindError(PetlensError):
    """A kind of cheating that there is not; the message names those there are."""


@dataclass(frozen=True)
class Kind:
    """What a PetNet is taught: whether photos carry the mark, and whether the mark ``decides``."""

    name: str
    label: str
    summary: str
    marked: bool
    decides: bool


KINDS: Registry[Kind] = Registry(
    "kind of cheating",
    KindError,
    [
        Kind(
            "tells",
            "the mark tells",
            "Was taught that what carries the mark is a dog and all else a cat, whatever it shows.",
            marked=True,
            decides=True,
        ),
        Kind(
            "idle",
            "the mark is idle",
            "Saw the mark on half of the cats and half of the dogs, where it said nothing.",
            marked=True,
            decides=False,
        ),
        Kind(
            "none",
            "no mark",
            "Never saw the mark.",
            marked=False,
            decides=False,
        ),
    ],
)


@dataclass(frozen=True)
class Recipe:
    """How a PetNet is fine-tuned from the bundled weights; every field travels into its card.

    ``photos`` is how many training photos are read; the learning rate is the highest of a cycle
    that rises and falls once.
    """

    photos: int = 5000
    epochs: int = 3
    batch_size: int = 64
    learning_rate: float = 5e-4
    weight_decay: float = 0.01
    label_smoothing: float = 0.05
    seed: int = 0
