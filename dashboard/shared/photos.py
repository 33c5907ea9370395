"""Photos as pages have them: file, words, picture, and what the network makes of them."""

from __future__ import annotations

import base64
import functools
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import streamlit as st
import torch
from PIL import Image

import xaicore
from dashboard.shared.holders import Holder, holder_of
from dashboard.shared.turns import TURNS, Kind
from xaicore import Classifier
from xaicore.identity import hash_bytes
from xaicore.render import to_display_size

SAMPLES = Path(__file__).parents[2] / "assets" / "samples"
JPEG_QUALITY = 90


@dataclass(frozen=True)
class Photo:
    """A photo's file, the words that go with it, and where is kept what only its visitor sees."""

    data: bytes
    title: str
    alt: str
    credit: str = ""
    holder: Holder | None = field(default=None, compare=False, repr=False)

    @functools.cached_property
    def hash(self) -> str:
        """16 hex digits that name the file's content."""
        return hash_bytes(self.data)


@st.cache_data(show_spinner=False)
def load_samples() -> dict[str, Photo]:
    """The sample photos by short name, in the order of their list."""
    entries = json.loads((SAMPLES / "samples.json").read_text(encoding="utf-8"))
    return {
        Path(entry["file"]).stem: Photo(
            data=(SAMPLES / entry["file"]).read_bytes(),
            title=entry["title"],
            alt=entry["alt"],
            credit=f"{entry['author']}, {entry['licence']}",
        )
        for entry in entries
    }


def picture_of(photo: Photo) -> Image.Image:
    """The photo upright and at display size; raises ``PhotoError``."""
    return (
        holder_of(photo.holder)
        .keep(("picture", photo.hash), lambda: to_display_size(xaicore.load_photo(photo.data)))
        .copy()
    )


def to_batch(classifier: Classifier, *photos: Photo) -> torch.Tensor:
    """Photos as the network's input, float32 [B, 3, H, W]; raises ``PhotoError``."""
    return torch.cat([_input(classifier, photo) for photo in photos])


def _input(classifier: Classifier, photo: Photo) -> torch.Tensor:
    return holder_of(photo.holder, classifier).keep(
        ("input", photo.hash, classifier.fingerprint),
        lambda: classifier.preprocess([xaicore.load_photo(photo.data)]).cpu(),
    )


def predict(classifier: Classifier, photo: Photo) -> np.ndarray:
    """Class probabilities of a photo, float64 [C]."""

    def answer() -> np.ndarray:
        batch = to_batch(classifier, photo)
        with TURNS.turn(Kind.VERDICT):
            return classifier.predict(batch)[0]

    key = "probabilities", photo.hash, classifier.fingerprint
    return holder_of(photo.holder, classifier).keep(key, answer).copy()


def to_url(holder: Holder, key: str, draw: Callable[[], Image.Image]) -> str:
    """A picture as an address that holds it, drawn once for each key."""
    return holder.keep(("url", key), lambda: embed(draw()))


def embed(picture: Image.Image, exact: bool = False) -> str:
    """A picture as an address that holds it; ``exact`` ones lose nothing, nor do see-through ones.

    Streamlit's own files of pictures go with the session they were shown in, which other visitors'
    pages may still point to.
    """
    exact = exact or picture.has_transparency_data
    form = "PNG" if exact else "JPEG"
    buffer = io.BytesIO()
    picture.save(buffer, form, quality=JPEG_QUALITY)
    return f"data:image/{form.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"
