"""What an explanation costs, against the bare network and against the libraries' own loops."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from lime.lime_image import LimeImageExplainer

import xaicore
from benchmarks.timing import Row, compare, side_by_side

GRADIENT_METHODS = ("lrp", "gradcam", "deeplift")
SAMPLES = 1000
BATCH = 16


def forward_and_backward(classifier: xaicore.Classifier, batch: torch.Tensor) -> None:
    """The network's own cost of one gradient with respect to the photo."""
    photos = batch.clone().requires_grad_()
    torch.autograd.grad(classifier.net(photos).max(1).values.sum(), photos)


def gradient_methods(classifier: xaicore.Classifier, photo: torch.Tensor) -> list[Row]:
    """Each method on one photo, against one forward and backward pass of the network."""
    work: dict[str, Callable[[], object]] = {
        name: partial(xaicore.explain, classifier, photo, name, [0]) for name in GRADIENT_METHODS
    }
    work["bare"] = lambda: forward_and_backward(classifier, photo)
    seconds = side_by_side(work, rounds=40)
    return [
        compare(f"{xaicore.EXPLAINERS[name].label} / forward and backward", seconds, name, "bare",
                "at most 6")
        for name in GRADIENT_METHODS
    ]  # fmt: skip


def one_by_one(classifier: xaicore.Classifier, photos: torch.Tensor, name: str) -> None:
    for photo in photos.split(1):
        xaicore.explain(classifier, photo, name)


def batches(classifier: xaicore.Classifier, photo: torch.Tensor) -> list[Row]:
    """A batch of photos at once, against one by one."""
    rows = []
    photos = photo.repeat(BATCH, 1, 1, 1)
    for name in GRADIENT_METHODS:
        seconds = side_by_side(
            {
                "together": partial(xaicore.explain, classifier, photos, name),
                "alone": partial(one_by_one, classifier, photos, name),
            },
            rounds=8,
        )
        what = f"{xaicore.EXPLAINERS[name].label}, {BATCH} photos at once / one by one"
        rows.append(compare(what, seconds, "together", "alone", "below 1"))
    return rows


def lime(classifier: xaicore.Classifier, photo: torch.Tensor) -> list[Row]:
    """LIME against the forwards it cannot do without, and against lime's own loop."""
    size = classifier.batch_size
    forwards = photo.repeat(size, 1, 1, 1)
    segments = xaicore.explain(classifier, photo, "lime", samples=50).extras["segments"][0]
    image = classifier.denormalise(photo)[0].clamp(0, 1).permute(1, 2, 0).cpu().double().numpy()

    def bare() -> None:
        for _ in range(SAMPLES // size):
            classifier.logits(forwards)
        classifier.logits(forwards[: SAMPLES % size]) if SAMPLES % size else None

    def predict(images: list[np.ndarray]) -> np.ndarray:
        photos = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
        return classifier.predict(classifier.normalise(photos))

    def own_loop() -> None:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
            LimeImageExplainer(random_state=0).explain_instance(
                image, predict, labels=(0,), hide_color=0, top_labels=None, num_samples=SAMPLES,
                segmentation_fn=lambda _image: segments,
            )  # fmt: skip

    seconds = side_by_side(
        {
            "ours": lambda: xaicore.explain(classifier, photo, "lime", samples=SAMPLES),
            "bare": bare,
            "own loop": own_loop,
        },
        rounds=7,
    )
    label = f"LIME, {SAMPLES:,} samples"
    return [
        compare(f"{label} / bare forwards, batch {size}", seconds, "ours", "bare", "at most 1.15"),
        compare(f"lime's own loop / {label}", seconds, "own loop", "ours", "above 1"),
    ]


def run(classifier: xaicore.Classifier, photo: torch.Tensor) -> list[Row]:
    return [
        *gradient_methods(classifier, photo),
        *batches(classifier, photo),
        *lime(classifier, photo),
    ]
