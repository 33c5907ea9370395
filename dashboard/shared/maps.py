"""A map asked for: of which network and photo, by which method, of which class, as pages set it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

import xaicore
from dashboard.shared import state
from dashboard.shared.holders import Holder, holder_of
from dashboard.shared.jobs import Job
from dashboard.shared.photos import Photo, picture_of, to_batch
from dashboard.shared.preparing import prepare_for
from dashboard.shared.state import Choices, NetworkChoice
from dashboard.shared.turns import Kind
from xaicore import EXPLAINERS, Classifier, Explainer, Explanation, Parameter, PetlensError
from xaicore.identity import canonical
from xaicore.progress import Progress
from xaicore.render import Look, place_map, render_part


@dataclass(frozen=True)
class MapRequest:
    """One map: network, photo, method with its parameters, class index, and which score."""

    classifier: Classifier
    photo: Photo
    explainer: str
    parameters: dict[str, Any]
    class_index: int
    score: str | None = None

    @property
    def key(self) -> str:
        """Everything the map depends on, as one short string."""
        return canonical(
            [
                self.classifier.fingerprint,
                self.photo.hash,
                self.explainer,
                self.parameters,
                self.class_index,
                self.score,
            ]
        )

    @property
    def holder(self) -> Holder:
        """Where the map is kept."""
        return holder_of(self.photo.holder, self.classifier)

    @property
    def kind(self) -> Kind:
        return Kind.SLOW_MAP if EXPLAINERS[self.explainer].slow else Kind.MAP

    def prepare(self) -> Callable[[Progress], Explanation]:
        batch = to_batch(self.classifier, self.photo)

        def perform(progress: Progress) -> Explanation:
            return xaicore.explain(
                self.classifier,
                batch,
                self.explainer,
                [self.class_index],
                target=self.score,
                progress=progress,
                **self.parameters,
            )

        return perform


def place(request: MapRequest, values: np.ndarray) -> np.ndarray:
    """Values of what the network sees, [h, w], as values of the whole photo, zero around them."""
    size = picture_of(request.photo).size
    return place_map(values, request.classifier.preprocessing.seen_box(size), size)


def draw(
    request: MapRequest, saliency: np.ndarray, look: Look, scale: float | None = None
) -> Image.Image:
    """A map of what the network sees over the whole photo, on the scale of its own part of it."""
    picture = picture_of(request.photo)
    box = request.classifier.preprocessing.seen_box(picture.size)
    return render_part(picture, saliency, box, look, scale)


def place_segments(request: MapRequest, segments: np.ndarray) -> np.ndarray:
    """Superpixels of what the network sees as superpixels of the whole photo; around them one."""
    placed = place(request, segments + 1)
    return segments if placed.shape == segments.shape else placed


def request_map(choices: Choices, explainer: str, parameters: dict[str, Any]) -> MapRequest:
    """The map of the shared photo and class by one method."""
    classifier = choices.network.classifier
    return MapRequest(
        classifier, choices.photo, explainer, parameters, choices.class_index, choices.score
    )


def obtain(request: MapRequest, kind: str, place: str) -> Explanation | Job[Explanation]:
    """The map, at once by a quick method; of a slow one, or where it failed, the job.

    So it is the job where the network is still being made ready for the method. ``kind`` and
    ``place`` name the seat at which this visitor waits for it.
    """
    seat = state.seat(kind, place)
    explainer = EXPLAINERS[request.explainer]
    preparing = prepare_for(explainer, request.classifier)
    if preparing:
        seat.take(request.key, preparing)
        return preparing
    if explainer.slow:
        return request.holder.memory.follow(request, seat)
    seat.leave()
    try:
        return request.holder.memory.answer(request)
    except PetlensError as error:
        return Job.failed(error)


def offered(classifier: Classifier, parameter: Parameter) -> Parameter:
    """A parameter as this network has it: layers to choose from are those that hold a map."""
    if parameter.name != "layer":
        return parameter
    # A network without any has nothing to choose from, which the method says.
    default = classifier.target_layer or ""
    names = tuple(classifier.feature_maps.layers) if default else ("",)
    return replace(parameter, choices=names, default=default)


def parameter_keys(explainer: Explainer, network: NetworkChoice) -> dict[str, str]:
    """The keys of the widgets that set a method's parameters, by parameter."""
    return {
        # Layers go by other names in other networks.
        parameter.name: state.parameter_key(
            explainer, parameter.name, network.key if parameter.name == "layer" else ""
        )
        for parameter in explainer.parameters
    }


def kept_parameters(explainer: Explainer, network: NetworkChoice) -> dict[str, Any]:
    """A method's settings as they were left on Explain, or as the link has them."""
    keys = parameter_keys(explainer, network)
    return {
        parameter.name: state.kept(keys[parameter.name], offered(network.classifier, parameter))
        for parameter in explainer.parameters
    }
