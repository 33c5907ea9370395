"""What the network says of the photo, how sure it is, and what it cannot say."""

from __future__ import annotations

import streamlit as st

from dashboard.shared.photos import Photo, picture_of, predict
from dashboard.shared.state import Choices
from dashboard.shared.text import plain
from dashboard.shared.widgets import show_picture

# More classes than this are too many to show: only the likeliest have bars.
MOST_BARS = 3
SURENESS = ((0.95, "very sure"), (0.8, "fairly sure"), (0.6, "leaning this way"), (0, "undecided"))
PHOTO_HEIGHT = 340


def show_photo(photo: Photo) -> None:
    """The photo, as wide as its place but never taller than the verdict beside it."""
    picture = picture_of(photo)
    show_picture(picture, photo.alt, PHOTO_HEIGHT * picture.width // picture.height)


def show_verdict(choices: Choices) -> None:
    """The predicted class, a bar a class, and the network's limits."""
    labels = choices.network.classifier.labels
    probabilities = predict(choices.network.classifier, choices.photo)
    best = int(probabilities.argmax())
    article = "an" if labels[best][0].lower() in "aeiou" else "a"
    st.title(f"This looks like {article} {plain(labels[best])}")
    few = len(labels) <= MOST_BARS
    for index in range(len(labels)) if few else probabilities.argsort()[::-1][:MOST_BARS]:
        probability = float(probabilities[index])
        st.progress(probability, text=f"{plain(labels[index].capitalize())} · {probability:.1%}")
    sure = next(words for least, words in SURENESS if probabilities[best] >= least)
    st.markdown(
        f"The network is **{sure}**. It only knows {plain(choices.network.knows)}, so it must "
        "choose one of them, whatever the photo shows."
    )
