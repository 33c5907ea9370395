"""Networks whose reasons are known, because they were put there, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from xaicore.errors import PetlensError
from xaicore.networks.classifier import Classifier
from xaicore.registry import Registry
from xaicore.truth import handset, scenes
from xaicore.truth.scenes import PlantedPhotos, Scene


class PlantedError(PetlensError):
    """A planted network that there is not; the message names those there are."""


@dataclass(frozen=True)
class Planted:
    """Registry entry of a planted network.

    ``load()`` gives its classifier; ``draw(seed, count)`` photos of which the reasons are known.
    """

    name: str
    label: str
    summary: str
    load: Callable[[], Classifier]
    draw: Callable[[int, int], PlantedPhotos]


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
