"""What the names of folders and files say of the photos in them."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Literal

from xaicore.networks.petnet_facts import LABELS

Split = Literal["train", "validation", "test"]

_CLASSES = {word: label for label in LABELS for word in (label, f"{label}s")}
_PARTS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
# What systems, and boxes that keep files, leave in folders beside hidden ones.
_SYSTEM = {
    "__macosx",
    "$recycle.bin",
    "recycler",
    "system volume information",
    "lost+found",
    "@eadir",
    "@recycle",
    "#recycle",
}
_WORD = re.compile(r"[^\W\d_]+")


def label_of(name: str, root: str = "") -> str | None:
    """The class of a photo by its path inside a folder or zip that is called ``root``.

    The nearest folder that names a class counts, in the singular or plural; then ``root``; then the
    word that the file's own name begins with, if it names no other class besides.
    """
    *folders, own = _parts_of(name)
    for folder in (*reversed(folders), root):
        label = _CLASSES.get(folder.strip().lower())
        if label:
            return label
    words = _WORD.findall(own.lower())
    named = {_CLASSES[word] for word in words if word in _CLASSES}
    begins = bool(words) and own.lower().startswith(words[0]) and words[0] in _CLASSES
    return named.pop() if begins and len(named) == 1 else None


def part_of(name: str) -> Split | None:
    """The part of the data that the nearest such folder of a path names."""
    for folder in reversed(_parts_of(name)[:-1]):
        part = _PARTS.get(folder.strip().lower())
        if part:
            return part
    return None


def is_litter(name: str) -> bool:
    """Whether a path leads to or through something hidden, or of the system's own."""
    return any(
        part.lower() in _SYSTEM or (part.startswith(".") and part != "..")
        for part in _parts_of(name)
    )


def _parts_of(name: str) -> tuple[str, ...]:
    return PurePosixPath(name).parts
