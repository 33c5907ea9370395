"""What an evaluation is asked: which photos, methods and metrics, and what makes it itself."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from xaicore.errors import PetlensError
from xaicore.explainers import EXPLAINERS, USUAL
from xaicore.explainers.base import describe, refusal, refusal_in_words
from xaicore.identity import DIGITS
from xaicore.metrics import USUAL as USUAL_METRICS
from xaicore.metrics import choose_metrics
from xaicore.metrics.base import PerturbationProtocol
from xaicore.networks.classifier import Classifier
from xaicore.training.dataset import ListedFile, PhotoBytes, find_files, find_photos


class EvaluationError(PetlensError):
    """An evaluation that cannot run as asked; the message says why and what to do."""


class PhotoFile(Protocol):
    """One photo to evaluate: its true class, if known, the name it is shown by, and its bytes."""

    @property
    def label(self) -> str | None: ...

    @property
    def name(self) -> str: ...

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
    """The photos of a folder or zip, or those of one part of PetNet's data; the first ``limit``."""
    if split == "all":
        return find_files(path)[:limit]
    files = [file for file in find_photos(path) if file.split == split]
    if not files:
        raise EvaluationError(f"None of the photos in {path} falls in the {split} part.")
    return list(files[:limit])


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


def hash_list(files: Sequence[PhotoFile]) -> str:
    """16 hex digits of the photos' labels and names, and of the bytes of those at hand."""
    listed = hashlib.sha256()
    for file in files:
        own = file.data if isinstance(file, PhotoBytes) else b""
        listed.update(f"{file.label}/{file.name}/".encode() + hashlib.sha256(own).digest())
    return listed.hexdigest()[:DIGITS]
