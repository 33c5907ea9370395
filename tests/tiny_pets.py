"""A made-up PetImages small enough to train on in a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tests.conftest import SMALL_STAGES
from xaicore.training.train import Recipe

# File names whose split is known: see test_dataset.
NAMES = {
    "Cat": {"train": (0, 1, 2, 3, 4, 5, 6, 7), "validation": (15, 21), "test": (26, 37)},
    "Dog": {"train": (1, 3, 4, 6, 8, 10, 11, 12), "validation": (0, 2), "test": (9, 18)},
}
COLOURS = {"Cat": (200, 120, 60), "Dog": (60, 120, 200)}
TINY = Recipe(epochs=3, batch_size=4, small_size=32, small_share=0.4, stages=SMALL_STAGES)


def write_pets(root: Path) -> Path:
    """Write 16 training, 4 validation and 4 test pictures: noisy orange cats, noisy blue dogs."""
    generator = np.random.default_rng(0)
    for label, splits in NAMES.items():
        folder = root / "PetImages" / label
        folder.mkdir(parents=True)
        for names in splits.values():
            for name in names:
                noise = generator.normal(0, 40, (48, 64, 3))
                pixels = np.clip(noise + COLOURS[label], 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{name}.png")
    return root
