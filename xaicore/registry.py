"""Entries by name, in order; an unknown name is an error that lists the names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from xaicore.errors import PetlensError


class Named(Protocol):
    @property
    def name(self) -> str: ...


Entry = TypeVar("Entry", bound=Named)


class Registry(Mapping[str, Entry]):
    """A read-only mapping of name → entry, in the order given.

    ``kind`` is what an entry is called in messages; ``error`` is raised for an unknown name.
    """

    def __init__(self, kind: str, error: type[PetlensError], entries: Sequence[Entry]) -> None:
        self._kind = kind
        self._error = error
        self._entries = {entry.name: entry for entry in entries}

    def __getitem__(self, name: str) -> Entry:
        if name not in self._entries:
            raise self._error(
                f"There is no {self._kind} named {name!r}; choose one of: "
                f"{', '.join(self._entries)}."
            )
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
