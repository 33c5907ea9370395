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
from xaicore.identity import hash_bytes
from xaicore.metrics import USUAL, score_maps
from xaicore.metrics.base import PerturbationProtocol
from xaicore.networks.classifier import Classifier
from xaicore.photos import load_photo
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
    file: Path,
    methods: Sequence[str],
    protocol: PerturbationProtocol,
    folder: Path,
) -> dict[str, str]:
    """Explain one photo and write ``<method>.png``, ``maps.npz`` and ``scores.json``.

    Returns why methods are left out that the network does not get, by name; where it gets none,
    the first one's :class:`ExplainerError` is raised. Raises what its parts raise, such as
    :class:`PhotoError`; a score that is undefined is null.
    """
    photo = load_photo(file)
    batch = classifier.preprocess([photo])
    found, refused = _explain_all(classifier, batch, methods)
    box = classifier.preprocessing.seen_box(photo.size)
    for name, explanation in found.items():
        look = Look(signed=EXPLAINERS[name].signed)
        picture = render_part(photo, explanation.maps[0], box, look)
        (folder / f"{name}.png").write_bytes(to_png(picture))
    photo_hash = hash_bytes(file.read_bytes())
    (folder / "maps.npz").write_bytes(to_npz(found, photo_hash, classifier.labels))
    probabilities = classifier.predict(batch)[0]
    words = {
        "photo": photo_hash,
        "predicted": classifier.labels[int(probabilities.argmax())],
        "probabilities": dict(zip(_names(classifier.labels), probabilities.tolist(), strict=True)),
        "protocol": protocol.settings,
        "methods": {
            name: {
                "scores": _scores(classifier, batch, explanation, protocol),
                "proof": {check: values[0].item() for check, values in explanation.checks.items()},
                "settings": explanation.settings,
            }
            for name, explanation in found.items()
        },
        "refused": refused,
    }
    (folder / "scores.json").write_text(json.dumps(words, indent=2) + "\n", encoding="utf-8")
    return refused


def _explain_all(
    classifier: Classifier, batch: torch.Tensor, methods: Sequence[str]
) -> tuple[dict[str, Explanation], dict[str, str]]:
    """What methods find, by name, and why those that cannot are left out."""
    found: dict[str, Explanation] = {}
    refused: dict[str, str] = {}
    for name in methods:
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


def _scores(
    classifier: Classifier,
    batch: torch.Tensor,
    explanation: Explanation,
    protocol: PerturbationProtocol,
) -> dict[str, float | None]:
    rows = score_maps(classifier, batch, explanation.maps, explanation.targets, USUAL, protocol)
    return {
        name: None if math.isnan(value) else float(value) for name, value in rows.iloc[0].items()
    }
