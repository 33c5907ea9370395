"""What PetNet takes and answers, and where its weights are; known without loading PyTorch."""

from __future__ import annotations

from pathlib import Path

INPUT_SIZE = 128
LABELS = ("cat", "dog")
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
# Layer widths, stage by stage.
STAGES: tuple[tuple[int, ...], ...] = ((16,), (32, 40), (64, 80), (128, 192), (256, 256))
BUNDLED_WEIGHTS = Path(__file__).parents[2] / "assets" / "model" / "petnet.safetensors"
