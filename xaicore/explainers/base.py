"""What every explainer shares: entry, parameters, the score it explains, the explanation."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import numpy as np
import torch

from xaicore.errors import PetlensError
from xaicore.networks.classifier import Classifier
from xaicore.progress import Progress, no_progress

SCORES = {
    "logit": "the score (logit) of the class",
    "margin": "the lead of the class over the strongest other (margin of logits)",
    "probability": "the probability of the class",
}
ClassIndices = Sequence[int] | torch.Tensor | np.ndarray

MAX_NAMED = 3
_LIBRARIES = ("torch", "captum", "zennit", "lime", "scikit-image", "numpy")


class ExplainerError(PetlensError):
    """An explanation that cannot be made as asked; the message says why and what to do."""


@dataclass(frozen=True)
class Parameter:
    """One setting of an explainer: what it is called, what it may be, what it does.

    ``choices`` lists all allowed values; otherwise ``low``…``high`` bound a number.
    ``note(value)`` says what follows from a value.
    """

    name: str
    label: str
    default: Any
    help: str
    choices: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    step: float | None = None
    note: Callable[[Any], str] | None = None

    def check(self, value: Any) -> Any:
        """Return the value, or raise :class:`ExplainerError` saying what is allowed."""
        if self.choices:
            if value not in self.choices:
                allowed = ", ".join(str(choice) for choice in self.choices)
                raise ExplainerError(f"{self.name} cannot be {value!r}; choose one of: {allowed}.")
        elif self.low is not None and self.high is not None:
            number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
            if not number or not self.low <= value <= self.high:
                raise ExplainerError(
                    f"{self.name} cannot be {value!r}; choose a number from {self.low:g} "
                    f"to {self.high:g}."
                )
            if isinstance(self.default, int):
                if int(value) != value:
                    raise ExplainerError(f"{self.name} must be a whole number, not {value!r}.")
                return int(value)
        return value


@dataclass(frozen=True)
class AttributionTask:
    """What an explainer is asked: photos, classes, and which score of them to explain.

    ``batch`` float32 [B, 3, H, W]; ``class_indices`` int64 [B]; ``score`` a key of ``SCORES``.
    """

    classifier: Classifier
    batch: torch.Tensor
    class_indices: torch.Tensor
    score: str
    progress: Progress | None = None
    canonical: bool = False

    def private_net(self) -> torch.nn.Module:
        """A copy of the network that this task alone hooks, in the form its explainer needs."""
        return self.classifier.private_net(self.canonical)

    def weights(self) -> torch.Tensor:
        """The explained score as a weighting of the logits, float32 [B, C].

        For a margin the strongest other class is that of the clean photo.
        """
        chosen = torch.nn.functional.one_hot(self.class_indices, len(self.classifier.labels))
        if self.score == "margin":
            logits = self.classifier.logits(self.batch)
            others = logits.masked_fill(chosen.bool(), -torch.inf).argmax(1)
            chosen = chosen - torch.nn.functional.one_hot(others, logits.shape[1])
        return chosen.to(self.batch.dtype)


class WeightedScore(torch.nn.Module):
    """Logits [B, C] → the explained score [B], for as many copies of the photos as come in."""

    def __init__(self, net: torch.nn.Module, weights: torch.Tensor) -> None:
        super().__init__()
        self.net = net
        self.weights = weights

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        logits = self.net(batch)
        copies = len(logits) // len(self.weights)
        return (logits * self.weights.repeat(copies, 1)).sum(1)


class ReportedScore(WeightedScore):
    """The same, with a report of how many of ``total`` pictures it has answered to."""

    def __init__(self, task: AttributionTask, total: int) -> None:
        super().__init__(task.private_net(), task.weights())
        self.progress = task.progress or no_progress
        self.done, self.total = 0, total

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        scores = super().forward(batch)
        self.done += len(batch)
        self.progress(self.done, self.total)
        return scores


@dataclass(frozen=True)
class Attribution:
    """What an explainer computes: ``maps`` float [B, H, W], proofs [B], more arrays [B, …].

    ``notes`` are sentences on how this network in particular is explained.
    """

    maps: torch.Tensor
    checks: Mapping[str, torch.Tensor | np.ndarray | Sequence[float]]
    extras: Mapping[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proof:
    """A map's own proof in words, and whether it is as good as it should be."""

    text: str
    good: bool
    reason: str = ""


@dataclass(frozen=True)
class Explainer:
    """Registry entry of a method.

    ``compute(task, **parameters)`` makes the maps; ``prove(checks)`` puts one photo's checks into
    words. ``scores`` lists the scores it can explain, its default first. ``extra`` methods are
    off by default in the pages; ``slow`` ones report progress. A ``canonical`` method must know
    every operation of the network and refuses one that holds an operation it has no rule for; a
    ``layered`` one looks at the maps that a layer holds.
    """

    name: str
    label: str
    compute: Callable[..., Attribution]
    prove: Callable[[Mapping[str, float]], Proof]
    parameters: tuple[Parameter, ...]
    summary: str
    citation: str
    colour: str
    signed: bool = True
    scores: tuple[str, ...] = ("logit", "margin")
    extra: bool = False
    slow: bool = False
    canonical: bool = False
    layered: bool = False

    def settings(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Fill in defaults and check every value; raises :class:`ExplainerError`."""
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in given:
            if name not in known:
                raise ExplainerError(
                    f"{self.label} has no parameter {name!r}; it has: {', '.join(known)}."
                )
        return {
            name: parameter.check(given.get(name, parameter.default))
            for name, parameter in known.items()
        }


@dataclass(frozen=True)
class Explanation:
    """Maps of one method for a batch of photos, with their proofs and all that made them.

    ``maps`` float32 [B, H, W], signed, raw scale; ``targets`` int64 [B]; ``checks`` name → [B];
    ``extras`` name → [B, …], such as LIME's superpixels; ``settings`` are plain values; ``notes``
    are sentences on how this network in particular is explained.
    """

    maps: np.ndarray
    targets: np.ndarray
    checks: dict[str, np.ndarray]
    settings: dict[str, Any]
    extras: dict[str, np.ndarray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def run(
    explainer: Explainer,
    classifier: Classifier,
    batch: torch.Tensor,
    targets: ClassIndices | None = None,
    target: str | None = None,
    progress: Progress | None = None,
    **given: Any,
) -> Explanation:
    """Check what is asked, let the explainer compute, and attach the checks that all maps share."""
    parameters = explainer.settings(given)
    score = target or explainer.scores[0]
    if score not in explainer.scores:
        raise ExplainerError(
            f"{explainer.label} cannot explain {score!r}; choose one of: "
            f"{', '.join(explainer.scores)}."
        )
    # A layer that is chosen takes the place of the network's own.
    reason = "" if parameters.get("layer") else refusal(explainer, classifier)
    if reason:
        raise ExplainerError(refusal_in_words(explainer, reason))
    batch = classifier.to_input(batch)
    class_indices = choose_classes(classifier, batch, targets)
    started = time.perf_counter()
    task = AttributionTask(classifier, batch, class_indices, score, progress, explainer.canonical)
    attribution = explainer.compute(task, **parameters)
    seconds = time.perf_counter() - started
    maps = attribution.maps.detach().cpu().numpy().astype(np.float32)
    checks = {name: _as_array(values) for name, values in attribution.checks.items()}
    checks["seconds"] = np.full(len(maps), seconds / len(maps))
    checks["constant"] = np.ptp(maps, axis=(1, 2)) == 0
    checks["weights_unchanged"] = np.full(len(maps), classifier.is_unchanged())
    settings = describe(explainer, classifier, parameters, score)
    targets = class_indices.cpu().numpy()
    return Explanation(maps, targets, checks, settings, dict(attribution.extras), attribution.notes)


def describe(
    explainer: Explainer, classifier: Classifier, parameters: Mapping[str, Any], score: str
) -> dict[str, Any]:
    """All that a map depends on but photo and class, as plain values."""
    return {
        "explainer": explainer.name,
        "parameters": dict(parameters),
        "target": score,
        "network": classifier.fingerprint,
        "versions": dict(library_versions()),
    }


def refusal(explainer: Explainer, classifier: Classifier) -> str:
    """Why a network does not get a method, as the end of a sentence; empty where it does."""
    if explainer.layered:
        return _layer_refusal(classifier)
    if not explainer.canonical:
        return ""
    found = [one for one in classifier.canonical.obstacles if one.method == explainer.name]
    named = "; ".join(f"{one.layer}: {one.reason}" for one in found[:MAX_NAMED])
    return f"{named}; and {len(found) - MAX_NAMED} more" if len(found) > MAX_NAMED else named


def refusal_in_words(explainer: Explainer, reason: str) -> str:
    return (
        f"{explainer.label} cannot explain this network: {reason}. Choose another method or "
        "network."
    )


def _layer_refusal(classifier: Classifier) -> str:
    name = classifier.target_layer
    if name is None:
        return (
            "it looks at the maps of a late layer, a convolution's or those of tokens on a grid, "
            "and none was found in this network"
        )
    known = name in classifier.feature_maps.layers
    return "" if known else f"it looks at a layer that holds a map, and {name!r} is none"


def choose_classes(
    classifier: Classifier, batch: torch.Tensor, given: ClassIndices | None = None
) -> torch.Tensor:
    """Class index of each photo, int64 [B]; by default the one predicted on the clean photo."""
    if given is None:
        # All photos in one forward pass would take memory without bound.
        parts = batch.split(classifier.batch_size)
        return torch.cat([classifier.predicted(photos) for photos in parts])
    indices = torch.as_tensor(given, dtype=torch.int64, device=classifier.device)
    if indices.shape != (len(batch),):
        raise ExplainerError(f"Give one target a photo: {len(batch)}, not {tuple(indices.shape)}.")
    if not ((indices >= 0) & (indices < len(classifier.labels))).all():
        raise ExplainerError(f"Targets must lie from 0 to {len(classifier.labels) - 1}.")
    return indices


@functools.cache
def library_versions() -> Mapping[str, str]:
    """Versions of the libraries that maps are made with, by name."""
    return {name: version(name) for name in _LIBRARIES}


def _as_array(values: torch.Tensor | np.ndarray | Sequence[float]) -> np.ndarray:
    if isinstance(values, torch.Tensor):
        return values.detach().cpu().numpy()
    return np.asarray(values)
