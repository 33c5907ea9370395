"""Model cards: the JSON file beside a network's weights, which says how they came about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from xaicore.networks.errors import ClassifierError

Card = dict[str, Any]


def card_beside(weights: str | Path) -> Path:
    return Path(weights).with_suffix(".json")


def read_card(weights: str | Path) -> Card:
    """The model card beside a weights file; :class:`ClassifierError` where there is none."""
    path = card_beside(weights)
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        card = None
    if not isinstance(card, dict):
        raise ClassifierError(
            f"There is no readable model card at {path}. 'python -m xaicore train' writes one."
        )
    return card


def entry_of(weights: str | Path, kind: type | tuple[type, ...], *names: str) -> Any:
    """An entry of the card beside a weights file, by the names that lead to it.

    Raises :class:`ClassifierError` where there is no such entry of that kind.
    """
    found: Any = read_card(weights)
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, kind):
        raise ClassifierError(
            f"The model card {card_beside(weights)} is damaged: it has no {'.'.join(names)}. "
            "Take it from where the weights come from."
        )
    return found
