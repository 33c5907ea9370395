"""What an evaluation is asked: which photos, methods and metrics, and what makes it itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from xaicore.errors import PetlensError
from xaicore.explainers import EXPLAINERS, USUAL
from xaicore.explainers.base import describe, refusal, refusal_in_words
from xaicore.formatting import join
from xaicore.identity import DIGITS, text_bytes
from xaicore.metrics import METRICS, choose_metrics
from xaicore.metrics import USUAL as USUAL_METRICS
from xaicore.metrics.base import PerturbationProtocol
from xaicore.networks.classifier import Classifier
from xaicore.training.dataset import ListedFile, find_files, find_photos, read_photos

# Photos that are only tried are kept this small.
_LOOK_SIZE = 8


class EvaluationError(PetlensError):
    """An evaluation that cannot run as asked; the message says why and what to do."""


class PhotoFile(Protocol):
    """One photo to evaluate: its true class, if known, the name it is shown by, and its bytes.

    ``clue`` is what can be told of its content without reading it.
    """

    @property
    def label(self) -> str | None: ...

    @property
    def name(self) -> str: ...

    @property
    def clue(self) -> bytes: ...

    def read(self) -> bytes: ...


@dataclass(frozen=True)
class Plan:
    """What is computed for every photo, with each method's own settings.

    ``mosaics`` is their number at each of the two sizes that Focus is measured at; ``title`` is
    what the run is called, and no part of what makes it the same run.
    """

    methods: tuple[str, ...] = USUAL
    metrics: tuple[str, ...] = USUAL_METRICS
    protocol: PerturbationProtocol = field(default_factory=PerturbationProtocol)
    controls: bool = False
    mosaics: int = 0
    title: str = ""

    def __post_init__(self) -> None:
        for method in self.methods:
            EXPLAINERS[method]
        choose_metrics(self.metrics)
        if not self.methods or not self.metrics:
            raise EvaluationError("Choose at least one method and one metric.")

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "methods": list(self.methods),
            "metrics": list(self.metrics),
            "protocol": self.protocol.settings,
            "controls": self.controls,
            "mosaics": self.mosaics,
        }


def choose_files(path: Path, split: str = "all", limit: int | None = None) -> list[ListedFile]:
    """The photos of a folder or zip, or those of one part of PetNet's data.

    With a ``limit`` they end with the photo that is the last of so many that can be read.
    """
    if split == "all":
        return _first(find_files(path), limit)
    files = [file for file in find_photos(path) if file.split == split]
    if not files:
        raise EvaluationError(f"None of the photos in {path} falls in the {split} part.")
    return _first(files, limit)


def _first(files: Sequence[ListedFile], limit: int | None) -> list[ListedFile]:
    if limit is None:
        return list(files)
    chosen: list[ListedFile] = []
    while limit and len(chosen) < len(files):
        tried = files[len(chosen) : len(chosen) + limit]
        chosen += tried
        limit -= sum(photo is not None for _, photo in read_photos(tried, _LOOK_SIZE))
    return chosen


def check_methods(classifier: Classifier, plan: Plan) -> None:
    """Raise :class:`EvaluationError` for the first method that the network does not get."""
    for explainer in (EXPLAINERS[name] for name in plan.methods):
        reason = refusal(explainer, classifier)
        if reason:
            raise EvaluationError(refusal_in_words(explainer, reason))


def make_spec(classifier: Classifier, files: Sequence[PhotoFile], plan: Plan) -> dict[str, Any]:
    """What makes two evaluations the same one: network, plan, versions and list of photos."""
    entries = {name: EXPLAINERS[name] for name in plan.methods}
    return {
        **plan.settings,
        "network": classifier.fingerprint,
        "weights": classifier.weights_hash,
        "labels": list(classifier.labels),
        "size": classifier.size,
        "explainers": {
            name: describe(entry, classifier, entry.settings({}), entry.scores[0])
            for name, entry in entries.items()
        },
        "photos": len(files),
        "list": hash_list(files),
    }


# What a run's settings must hold to be followed.
_FORM: dict[str, type | tuple[type, ...]] = {
    "methods": list,
    "metrics": list,
    "protocol": dict,
    "controls": bool,
    "mosaics": int,
    "weights": str,
    "labels": list,
    "size": (int, list),
    "explainers": dict,
    "photos": int,
}
# More than anybody has; a damaged number would be counted up to.
MOST_PHOTOS = 100_000_000


def spec_problem(spec: Mapping[str, Any]) -> str:
    """Why a run's settings cannot be followed here, as a sentence; empty if they can."""
    if not all(isinstance(spec.get(name), form) for name, form in _FORM.items()):
        return "Its settings are not those of an evaluation."
    if not 0 <= spec["photos"] <= MOST_PHOTOS or spec["mosaics"] < 0:
        return "Its settings are not those of an evaluation."
    for kind, known in (("methods", EXPLAINERS), ("metrics", METRICS)):
        unknown = [str(name) for name in spec[kind] if str(name) not in known]
        if unknown:
            return f"It has {kind} that this Petlens does not have: {join(unknown)}."
    if not all(isinstance(spec["explainers"].get(name), dict) for name in spec["methods"]):
        return "Its settings are not those of an evaluation."
    return ""


def hash_list(files: Sequence[PhotoFile]) -> str:
    """16 hex digits of the photos' labels and names, and of what is known of them unread.

    Two lists with one hash may still be of different photos, which shows when they are read.
    """
    listed = hashlib.sha256()
    for file in files:
        listed.update(text_bytes(f"{file.label}/{file.name}/"))
        listed.update(hashlib.sha256(file.clue).digest())
    return listed.hexdigest()[:DIGITS]
