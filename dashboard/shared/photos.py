"""Photos as pages have them: file, words, picture, and what the network makes of them."""

from __future__ import annotations

import base64
import functools
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st
import torch
from PIL import Image

import xaicore
from dashboard.shared.turns import TURNS, Kind
from xaicore import Classifier
from xaicore.identity import hash_bytes
from xaicore.render import to_display_size

SAMPLES = Path(__file__).parents[2] / "assets" / "samples"
JPEG_QUALITY = 90


@dataclass(frozen=True)
class Photo:
    """A photo's file, and the words that go with it."""

    data: bytes
    title: str
    alt: str
    credit: str = ""

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
    return Image.fromarray(_pixels(photo.hash, photo))


@st.cache_data(max_entries=64, show_spinner="Reading the photo")
def _pixels(photo_hash: str, _photo: Photo) -> np.ndarray:
    return np.asarray(to_display_size(xaicore.load_photo(_photo.data)))


def to_batch(classifier: Classifier, *photos: Photo) -> torch.Tensor:
    """Photos as the network's input, float32 [B, 3, H, W]; raises ``PhotoError``."""
    inputs = [_input(photo.hash, classifier.fingerprint, photo, classifier) for photo in photos]
    return torch.from_numpy(np.concatenate(inputs))


@st.cache_data(max_entries=64, show_spinner=False)
def _input(photo_hash: str, fingerprint: str, _photo: Photo, _classifier: Classifier) -> np.ndarray:
    return _classifier.preprocess([xaicore.load_photo(_photo.data)]).cpu().numpy()


def predict(classifier: Classifier, photo: Photo) -> np.ndarray:
    """Class probabilities of a photo, float64 [C]."""
    return _probabilities(photo.hash, classifier.fingerprint, photo, classifier)


@st.cache_data(max_entries=256, show_spinner=False)
def _probabilities(
    photo_hash: str, fingerprint: str, _photo: Photo, _classifier: Classifier
) -> np.ndarray:
    batch = to_batch(_classifier, _photo)
    with TURNS.turn(Kind.VERDICT):
        return _classifier.predict(batch)[0]


def to_url(key: str, draw: Callable[[], Image.Image]) -> str:
    """A picture as an address that holds it, drawn once for each key."""
    return _url(key, draw)


@st.cache_data(max_entries=256, show_spinner=False)
def _url(key: str, _draw: Callable[[], Image.Image]) -> str:
    return embed(_draw())


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
