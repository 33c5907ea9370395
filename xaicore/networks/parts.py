"""The part of a network's answer that holds its scores, where the answer is no plain tensor."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from xaicore.networks.errors import NetworkError

Path = tuple[str | int, ...]
PLAIN = (1, 2, 4)


def find_part(answer: object, photos: int) -> tuple[Path, torch.Tensor]:
    """The scores in an answer to a number of photos, and the path that leads to them.

    What is named "logits" comes first, then the first [B, C] or [B, C, 1, 1], then the first [B].
    Raises :class:`NetworkError` when there is none.
    """
    found = list(_tensors(answer))
    named = [(path, part) for path, part in found if path and path[-1] == "logits"]
    for candidates in (named, found):
        for columns_only in (True, False):
            for path, part in candidates:
                if _holds_scores(part, photos) and (part.dim() > 1 or not columns_only):
                    return path, part
    shapes = ", ".join(str(list(part.shape)) for _, part in found) or "no tensor"
    raise NetworkError(
        f"This network does not answer with class scores, one row [classes] a photo: for {photos} "
        f"photos it gives {shapes}. Bring a classifier, without a detection or segmentation head."
    )


def part_at(answer: Any, path: Path) -> torch.Tensor:
    """Follow a path that :func:`find_part` gave."""
    for step in path:
        is_attribute = isinstance(step, str) and not isinstance(answer, Mapping)
        answer = getattr(answer, str(step)) if is_attribute else answer[step]
    return answer


def words(path: Path) -> str:
    """A path in words, such as "logits" or "part 1 of 'heads'"."""
    last, before = path[-1], path[:-1]
    name = f"part {last + 1}" if isinstance(last, int) else f'"{last}"'
    return f"{name} of {words(before)}" if before else name


def _holds_scores(part: torch.Tensor, photos: int) -> bool:
    if not part.is_floating_point() or part.dim() not in PLAIN or len(part) != photos:
        return False
    return part.numel() > 0 and part.shape[2:].numel() == 1


def _tensors(answer: object) -> Iterator[tuple[Path, torch.Tensor]]:
    if isinstance(answer, torch.Tensor):
        yield (), answer
        return
    for step, value in _steps(answer):
        for path, part in _tensors(value):
            yield (step, *path), part


def _steps(answer: object) -> Iterator[tuple[str | int, object]]:
    if isinstance(answer, Mapping):
        yield from answer.items()
    elif isinstance(answer, tuple | list):
        yield from enumerate(answer)
    elif dataclasses.is_dataclass(answer):
        for field in dataclasses.fields(answer):
            yield field.name, getattr(answer, field.name)
    elif hasattr(answer, "logits"):
        yield "logits", answer.logits
