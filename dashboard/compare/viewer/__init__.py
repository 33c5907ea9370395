"""The panel: pictures over maps that are read where one points, all panels linked."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import streamlit as st

HERE = Path(__file__).parent

_panel = st.components.v2.component(
    "petlens_panel",
    html=(HERE / "panel.html").read_text("utf-8"),
    css=(HERE / "panel.css").read_text("utf-8"),
    js=(HERE / "panel.js").read_text("utf-8"),
)

Mode = Literal["still", "blink", "slide"]


@dataclass(frozen=True)
class Picture:
    """An address that holds a picture, and what it shows."""

    source: str
    label: str


@dataclass(frozen=True)
class Reading:
    """A map [H, W] on the common scale; ``scale`` is the raw value of 1.

    ``blocks`` int [H, W] are its superpixels, where it has any.
    """

    label: str
    colour: str
    values: np.ndarray
    scale: float
    blocks: np.ndarray | None = None

    def pack(self) -> dict[str, object]:
        height, width = self.values.shape
        return {
            "label": self.label,
            "colour": self.colour,
            "width": width,
            "height": height,
            "values": _pack(self.values, "<f4"),
            "scale": self.scale,
            "blocks": None if self.blocks is None else _pack(self.blocks, "<u2"),
        }


def show_panel(
    key: str,
    label: str,
    aspect: float,
    pictures: list[Picture],
    readings: list[Reading],
    mode: Mode = "still",
) -> None:
    """One panel of ``aspect`` width / height; two pictures where it blinks or slides."""
    data = {
        "label": label,
        "aspect": aspect,
        "mode": mode,
        "pictures": [{"source": p.source, "label": p.label} for p in pictures],
        "maps": [reading.pack() for reading in readings],
    }
    _panel(key=key, data=data)


def _pack(values: np.ndarray, kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(values, dtype=kind).tobytes()).decode()
