"""Overlays, maps and scores as files to keep: PNG for people, NPZ and JSON for further work."""

from __future__ import annotations

import io
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from xaicore.explainers import EXPLAINERS, explain
from xaicore.explainers.base import ExplainerError, Explanation
from xaicore.files import replace_files
from xaicore.identity import hash_bytes
from xaicore.metrics import USUAL, score_maps
from xaicore.metrics.base import PerturbationProtocol
from xaicore.networks.classifier import Classifier
from xaicore.photos import load_photo
from xaicore.progress import Progress, name_step, no_progress
from xaicore.render import Look, render_part


def to_png(picture: Image.Image) -> bytes:
    """Encode a picture without loss."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def to_npz(
    explanations: Mapping[str, Explanation], photo_hash: str, labels: Sequence[str]
) -> bytes:
    """Pack the explanations of one photo, raw and with all that made them.

    ``numpy.load`` reads it with ``allow_pickle=False``. Arrays: ``<name>_maps`` float32 [B, H, W],
    ``<name>_targets`` int64 [B], ``<name>_check_<check>`` [B], ``<name>_<extra>`` [B, …]; strings:
    ``settings`` (JSON, by explainer), ``photo_hash``, ``labels``.
    """
    arrays: dict[str, np.ndarray] = {
        "settings": np.array(json.dumps({n: e.settings for n, e in explanations.items()})),
        "photo_hash": np.array(photo_hash),
        "labels": np.array(labels),
    }
    for name, explanation in explanations.items():
        arrays[f"{name}_maps"] = explanation.maps
        arrays[f"{name}_targets"] = explanation.targets
        for check, values in explanation.checks.items():
            arrays[f"{name}_check_{check}"] = values
        for extra, values in explanation.extras.items():
            arrays[f"{name}_{extra}"] = values
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def explain_to_files(
    classifier: Classifier,
    data: bytes,
    methods: Sequence[str],
    protocol: PerturbationProtocol,
    folder: Path,
    progress: Progress = no_progress,
) -> dict[str, str]:
    """Explain a photo's bytes and write ``<method>.png``, ``maps.npz`` and ``scores.json``.

    All are written at the end, together. ``progress(done, total)`` is called before each
    method's map and scores, and at their end. Returns why methods are left out that the network
    does not get, by name; where it gets none, the first one's :class:`ExplainerError` is raised.
    Raises what its parts raise, such as :class:`PhotoError`; a score that is undefined is null.
    """
    photo = load_photo(data)
    batch = classifier.preprocess([photo])
    found, refused = _explain_all(classifier, batch, methods, progress)
    scores = _score_all(classifier, batch, found, protocol, progress)
    box = classifier.preprocessing.seen_box(photo.size)
    pictures = {
        f"{name}.png": to_png(render_part(photo, explanation.maps[0], box, _look(name)))
        for name, explanation in found.items()
    }
    photo_hash = hash_bytes(data)
    probabilities = classifier.predict(batch)[0]
    words = {
        "photo": photo_hash,
        "predicted": classifier.labels[int(probabilities.argmax())],
        "probabilities": dict(zip(_names(classifier.labels), probabilities.tolist(), strict=True)),
        "protocol": protocol.settings,
        "methods": {
            name: {
                "scores": scores[name],
                "proof": {check: values[0].item() for check, values in explanation.checks.items()},
                "settings": explanation.settings,
            }
            for name, explanation in found.items()
        },
        "refused": refused,
    }
    arrays = to_npz(found, photo_hash, classifier.labels)
    text = json.dumps(words, indent=2) + "\n"
    replace_files(folder, {**pictures, "maps.npz": arrays, "scores.json": text})
    return refused


def _look(name: str) -> Look:
    return Look(signed=EXPLAINERS[name].signed)


def _explain_all(
    classifier: Classifier, batch: torch.Tensor, methods: Sequence[str], progress: Progress
) -> tuple[dict[str, Explanation], dict[str, str]]:
    """What methods find, by name, and why those that cannot are left out."""
    found: dict[str, Explanation] = {}
    refused: dict[str, str] = {}
    for done, name in enumerate(methods):
        progress(done, 2 * len(methods))
        name_step(f"{EXPLAINERS[name].label}, map")
        try:
            found[name] = explain(classifier, batch, name)
        except ExplainerError as error:
            refused[name] = str(error)
    if not found:
        raise ExplainerError(next(iter(refused.values())))
    return found, refused


def _names(labels: Sequence[str]) -> list[str]:
    """Labels, each once: those that several classes share, as ImageNet's cranes, get numbers."""
    counts = Counter(labels)
    return [
        f"{label} ({number})" if counts[label] > 1 else label for number, label in enumerate(labels)
    ]


def _score_all(
    classifier: Classifier,
    batch: torch.Tensor,
    found: Mapping[str, Explanation],
    protocol: PerturbationProtocol,
    progress: Progress,
) -> dict[str, dict[str, float | None]]:
    """The scores of every method's map, by name; an undefined one is None."""
    scores = {}
    for done, (name, explanation) in enumerate(found.items(), start=len(found)):
        progress(done, 2 * len(found))
        name_step(f"{EXPLAINERS[name].label}, scores")
        rows = score_maps(classifier, batch, explanation.maps, explanation.targets, USUAL, protocol)
        scores[name] = {
            metric: None if math.isnan(value) else float(value)
            for metric, value in rows.iloc[0].items()
        }
    progress(2 * len(found), 2 * len(found))
    return scores
