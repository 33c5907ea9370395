"""Networks whose reasons are known, because they were put there, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from xaicore.networks.classifier import Classifier, load_classifier
from xaicore.registry import Registry
from xaicore.training.train import Photos
from xaicore.truth import handset, scenes
from xaicore.truth.errors import PlantedError
from xaicore.truth.kinds import KINDS
from xaicore.truth.pets import draw_pets
from xaicore.truth.scenes import PlantedPhotos, Scene


@dataclass(frozen=True)
class Planted:
    """Registry entry of a planted network.

    ``load()`` gives its classifier; ``draw(seed, count)`` photos of which the reasons are known.
    Where the masks are no ``reason``, a map that points at them is wrong. ``photos`` are enough to
    judge by, in a time that can be waited for.
    """

    name: str
    label: str
    summary: str
    load: Callable[[], Classifier]
    draw: Callable[[int, int], PlantedPhotos]
    reason: bool = True
    photos: int = 20


def _hand_set(
    name: str,
    label: str,
    summary: str,
    load: Callable[[], Classifier],
    place: Callable[[Scene], int],
) -> Planted:
    return Planted(name, label, summary, load, partial(scenes.draw, place))


PLANTED: Registry[Planted] = Registry(
    "planted network",
    PlantedError,
    [
        _hand_set(
            "colour",
            "A colour at a place",
            "Looks at one place: is it red, or green?",
            handset.colour_at_place,
            scenes.draw_colour,
        ),
        _hand_set(
            "shape",
            "One of two shapes",
            "Looks for a cross and for a ring, wherever they stand.",
            handset.one_of_two_shapes,
            scenes.draw_shape,
        ),
        _hand_set(
            "both",
            "Both of two shapes",
            "Wants a cross and a ring; neither is enough.",
            handset.both_shapes,
            scenes.draw_both,
        ),
        _hand_set(
            "sides",
            "Which is on the left",
            "Compares where a cross and a ring stand.",
            handset.left_or_right,
            scenes.draw_sides,
        ),
        _hand_set(
            "absent",
            "Something must be absent",
            "Wants a cross; anything red takes that back.",
            handset.cross_without_red,
            scenes.draw_red,
        ),
    ],
)


def planted_pets(folder: str | Path, photos: Photos) -> list[Planted]:
    """The cheating PetNets in a folder, by kind and seed; what they are shown is drawn of photos.

    ``photos`` are 128×128 pixels, such as the test part decoded at that size. Raises
    :class:`PlantedError` where the folder has none.
    """
    entries = [
        _pet(path, photos)
        for kind in KINDS
        for path in sorted(Path(folder).glob(f"{kind}-*.safetensors"))
    ]
    if not entries:
        raise PlantedError(
            f"There is no cheating PetNet in {folder}. 'python -m xaicore plant' makes them."
        )
    return entries


def _pet(weights: Path, photos: Photos) -> Planted:
    name, _, seed = weights.stem.partition("-")
    kind = KINDS[name]
    load = cache(partial(load_classifier, weights))
    return Planted(
        f"petnet-{weights.stem}",
        f"PetNet, {kind.label} ({seed})",
        kind.summary,
        load,
        lambda start, count: draw_pets(kind, load(), photos, start, count),
        kind.decides,
        # One of them takes as long as twenty of a hand-set network.
        photos=5,
    )
