"""What the metrics cost, against the bare network, Quantus and a plain loop a step."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

import xaicore
from benchmarks.timing import Row, compare, side_by_side
from xaicore.metrics import choose_metrics, needs_of
from xaicore.metrics.perturbation import blur_photos, trace_maps

STEPS = 128
LOOP_BATCH = 20
# Quantus flips the values of three colours, not pixels: 128 a step make 384 steps of 128×128.
VALUES_A_STEP = 128
GPU_PHOTOS = 200
GPU_METHODS = 4


def plain_curve(
    net: nn.Module,
    start: torch.Tensor,
    end: torch.Tensor,
    saliency: torch.Tensor,
    target: int,
) -> tuple[list[float], list[float]]:
    """A curve as it is usually written: at each step top-k of all that has moved, then a blend.

    Probabilities of all steps, and the mean saliency of each.
    """
    flat = saliency.flatten()
    pixels = len(flat) // STEPS
    pictures, means = [start], []
    for step in range(1, STEPS + 1):
        values, moved = flat.topk(pixels * step)
        means.append(values[-pixels:].mean().item())
        stays = torch.ones_like(flat)
        stays[moved] = 0
        mask = stays.view(1, 1, *saliency.shape)
        pictures.append(start * mask + end * (1 - mask))
    scores: list[float] = []
    for batch in torch.cat(pictures).split(LOOP_BATCH):
        scores += net(batch).softmax(1)[:, target].tolist()
    return scores, means


def plain_scores(net: nn.Module, photo: torch.Tensor, saliency: torch.Tensor, target: int) -> None:
    """What the six metrics need with the plain loop: both curves, then the masked photo."""
    with torch.inference_mode():
        blurred = blur_photos(photo, xaicore.Protocol())
        plain_curve(net, photo, torch.zeros_like(photo), saliency, target)
        plain_curve(net, blurred, photo, saliency, target)
        mask = saliency.clamp(min=0) / saliency.max()
        net(torch.cat([photo, photo * mask]))


def quantus_deletion(
    classifier: xaicore.Classifier, photo: torch.Tensor, saliency: np.ndarray, target: int
) -> Callable[[], object]:
    """Quantus's pixel flipping with our fill: ``photo.numel() / VALUES_A_STEP`` steps."""
    import quantus

    # Quantus takes a number, though it declares text.
    fill: Any = 0.0
    metric = quantus.PixelFlipping(
        features_in_step=VALUES_A_STEP,
        perturb_baseline=fill,
        abs=False,
        normalise=False,
        disable_warnings=True,
        display_progressbar=False,
    )
    x, a = photo.cpu().numpy(), saliency[:, None]

    def run() -> object:
        return metric(
            model=classifier.net,
            x_batch=x,
            y_batch=np.array([target]),
            a_batch=a,
            device=str(classifier.device),
        )

    return run


def bare(classifier: xaicore.Classifier, photo: torch.Tensor, pictures: int) -> None:
    """As many forwards as a score needs, at the best batch size."""
    size = classifier.batch_size
    batch = photo.repeat(size, 1, 1, 1)
    for _ in range(pictures // size):
        classifier.logits(batch)
    if pictures % size:
        classifier.logits(batch[: pictures % size])


def run(classifier: xaicore.Classifier, photo: torch.Tensor) -> list[Row]:
    target = int(classifier.predicted(photo)[0])
    maps = xaicore.explain(classifier, photo, "lrp", [target]).maps
    saliency = torch.from_numpy(maps[0]).to(classifier.device)
    # The network as PyTorch loads it; a classifier keeps it in the layout that is fastest.
    plain = copy.deepcopy(classifier.net).to(memory_format=torch.contiguous_format)
    # As many steps as Quantus takes.
    fine = xaicore.Protocol(steps=photo.numel() // VALUES_A_STEP)
    # Two curves with their inner pictures, three ends, and the masked photo.
    pictures = 2 * (STEPS - 1) + 3 + 1
    work: dict[str, Callable[[], object]] = {
        "six": lambda: xaicore.score_maps(classifier, photo, maps, [target]),
        "bare": lambda: bare(classifier, photo, pictures),
        "deletion": lambda: trace_maps(classifier, photo, maps, [target], fine, needs={"deletion"}),
        "loop": lambda: plain_scores(plain, photo, saliency, target),
        "quantus": quantus_deletion(classifier, photo, maps, target),
    }
    seconds = side_by_side(work, rounds=9)
    on_gpu = classifier.device.type == "cuda"
    rows = [
        compare("the six metrics / bare forwards, best batch", seconds, "six", "bare",
                "at most 1.10"),
        compare("plain network and loop, top-k a step, batch 20 / the six metrics", seconds,
                "loop", "six", "at least 15" if on_gpu else "at least 2.2"),
        compare(f"Quantus's pixel flipping / deletion curve, {fine.steps} steps each", seconds,
                "quantus", "deletion", "at least 3.5"),
    ]  # fmt: skip
    if on_gpu:
        rows.append(_many(classifier, photo, maps, target))
    return rows


def _many(
    classifier: xaicore.Classifier, photo: torch.Tensor, maps: np.ndarray, target: int
) -> Row:
    """Seconds for the six metrics of 200 photos and four methods, on a GPU."""
    photos = photo.repeat(GPU_PHOTOS, 1, 1, 1)
    every = np.repeat(maps, GPU_PHOTOS * GPU_METHODS, axis=0)
    owners = np.repeat(np.arange(GPU_PHOTOS), GPU_METHODS)
    needs = needs_of(choose_metrics())
    seconds = side_by_side(
        {
            "all": lambda: trace_maps(
                classifier, photos, every, [target] * GPU_PHOTOS, needs=needs, photos=owners
            )
        },
        rounds=3,
    )["all"]
    return Row(
        "seconds for six metrics, 200 photos, 4 methods",
        sorted(seconds)[1],
        min(seconds),
        max(seconds),
        "at most 10",
    )
