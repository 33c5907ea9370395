"""Overlays and maps as files to keep: PNG for people, NPZ for further work."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from xaicore.explainers.base import Explanation


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
