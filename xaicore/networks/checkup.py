"""A check-up before first use: what a network is, what it gets, what it says of some photos."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image

from xaicore.explainers import EXPLAINERS
from xaicore.explainers.base import refusal
from xaicore.networks.classifier import Classifier

ROUNDS = 3


@dataclass(frozen=True)
class Method:
    """One explainer by name, and why this network does not get it; None where it does."""

    name: str
    label: str
    reason: str | None = None


@dataclass(frozen=True)
class Answer:
    """What the network says of one photo: its most probable class, and how probable it is."""

    label: str
    probability: float


@dataclass(frozen=True)
class CheckUp:
    """What is found before a network is used first; ``sentences`` say it all."""

    kind: str
    weights: int
    classes: int
    channels: int
    height: int
    width: int
    notes: tuple[str, ...]
    methods: tuple[Method, ...]
    answers: tuple[Answer, ...]
    seconds: float

    @property
    def about(self) -> tuple[str, ...]:
        """What the network is and takes, and how long a photo takes."""
        colours = "grey" if self.channels == 1 else "coloured"
        return (
            f"A {self.kind} of {_count(self.weights)} weights; it knows {self.classes} classes.",
            f"It sees {colours} photos of {self.height}×{self.width} pixels.",
            f"One photo takes {self.seconds * 1000:.0f} ms here.",
        )

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of it, but for the answers."""
        gets = ", ".join(method.label for method in self.methods if method.reason is None)
        refused = [f"{one.label}: {one.reason}" for one in self.methods if one.reason is not None]
        return (*self.about, *self.notes, f"It gets {gets}.", *refused)


def check_up(classifier: Classifier, photos: Sequence[Image.Image]) -> CheckUp:
    """Look a network over; ``photos`` are some that it answers to, upright and RGB."""
    batch = classifier.preprocess(photos)
    probabilities = classifier.predict(batch)
    answers = [Answer(classifier.labels[row.argmax()], float(row.max())) for row in probabilities]
    return CheckUp(
        # What was done to its answer is told by the notes.
        kind=type(getattr(classifier.net, "net", classifier.net)).__name__,
        weights=sum(tensor.numel() for tensor in classifier.net.parameters()),
        classes=probabilities.shape[1],
        channels=batch.shape[1],
        height=batch.shape[2],
        width=batch.shape[3],
        notes=classifier.notes,
        methods=tuple(_methods(classifier)),
        answers=tuple(answers),
        seconds=_seconds(classifier, batch[:1]),
    )


def _methods(classifier: Classifier) -> list[Method]:
    return [
        Method(one.name, one.label, _sentence(refusal(one, classifier)))
        for one in EXPLAINERS.values()
    ]


def _sentence(reason: str) -> str | None:
    return f"{reason}." if reason else None


def _seconds(classifier: Classifier, photo: torch.Tensor) -> float:
    """The middle time of a few forward passes, after one to warm up."""
    times = []
    for _ in range(ROUNDS + 1):
        started = time.perf_counter()
        # The answer is read on the processor, so a GPU has finished by then.
        classifier.predict(photo)
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def _count(number: int) -> str:
    return f"{number / 1e6:.1f} million" if number >= 1e6 else f"{number:,}"
