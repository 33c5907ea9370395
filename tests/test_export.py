"""Files to keep, read back as their reader would."""

from __future__ import annotations

import io
import json

import numpy as np
from PIL import Image

from xaicore.explainers.base import Explanation
from xaicore.export import to_npz, to_png


def make_explanation(name: str, value: float, **extras: np.ndarray) -> Explanation:
    return Explanation(
        maps=np.full((1, 2, 3), value, dtype=np.float32),
        targets=np.array([1]),
        checks={"relevance_sum": np.array([4.1]), "constant": np.array([False])},
        settings={"explainer": name, "parameters": {"alpha": 2.0, "ε": 1e-6}},
        extras=extras,
    )


def test_png_is_lossless() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    data = to_png(Image.fromarray(noise))
    with Image.open(io.BytesIO(data)) as read:
        assert read.format == "PNG"
        np.testing.assert_array_equal(np.asarray(read), noise)


def test_npz_holds_raw_maps_with_all_that_made_them() -> None:
    segments = np.array([[[0, 0, 1], [2, 2, 1]]])
    explanations = {
        "lrp": make_explanation("lrp", -7.5),
        "lime": make_explanation("lime", 0.25, segments=segments),
    }
    file = io.BytesIO(to_npz(explanations, "0123abcd", ("cat", "dog")))
    with np.load(file, allow_pickle=False) as kept:
        assert kept["lrp_maps"].dtype == np.float32
        np.testing.assert_array_equal(kept["lrp_maps"], np.full((1, 2, 3), -7.5))
        np.testing.assert_array_equal(kept["lime_maps"], np.full((1, 2, 3), 0.25))
        np.testing.assert_array_equal(kept["lime_segments"], segments)
        assert kept["lrp_targets"].tolist() == [1]
        assert kept["lrp_check_relevance_sum"].tolist() == [4.1]
        assert kept["lrp_check_constant"].tolist() == [False]
        assert kept["labels"].tolist() == ["cat", "dog"]
        assert str(kept["photo_hash"]) == "0123abcd"
        settings = json.loads(str(kept["settings"]))
        assert settings == {name: e.settings for name, e in explanations.items()}
