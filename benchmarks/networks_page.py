"""Figures of many networks → docs/networks.md."""

from pathlib import Path
from typing import Any


def write_page(rows: list[dict[str, Any]], path: Path) -> None:
    raise NotImplementedError
