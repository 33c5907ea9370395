"""How arguments are told apart: bad ones get a sentence, lists of names end where a file begins."""

from __future__ import annotations

import argparse
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

USAGE_STATUS = 2


class Parser(argparse.ArgumentParser):
    """Answers a bad argument with one sentence instead of the whole usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(USAGE_STATUS, f"{self.prog}: {message}; see --help\n")


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


class Names(argparse.Action):
    """Names between commas, or of an option that is given again: each once, in the order given."""

    def __init__(self, *, names: Collection[str], **more: Any) -> None:
        super().__init__(metavar="NAME", **more)
        self.names = names

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        value: str | Sequence[Any] | None,
        option: str | None = None,
    ) -> None:
        chosen = [name for name in str(value).split(",") if name]
        for name in chosen:
            if name not in self.names:
                known = ", ".join(self.names)
                raise argparse.ArgumentError(self, f"there is no {name!r}; choose from {known}")
        if not chosen:
            raise argparse.ArgumentError(self, "no name is given")
        before = getattr(namespace, self.dest)
        before = [] if before is self.default else before
        setattr(namespace, self.dest, list(dict.fromkeys([*before, *chosen])))


def join_names(arguments: Sequence[str], lists: Mapping[str, Collection[str]]) -> list[str]:
    """Make names between spaces one value: ``--methods lrp lime`` → ``--methods lrp,lime``.

    ``lists`` has the names of each such option. A list ends where a file begins, so that of
    ``--methods lrp photo.jpg`` the photo is left for what comes after the option.
    """
    joined: list[str] = []
    names: Collection[str] | None = None
    for word in arguments:
        if word.startswith("-"):
            names = lists.get(word)
        elif names is not None and joined[-1].startswith("-"):
            pass  # The first word after an option is its own, whatever it is.
        elif names is not None and (word in names or not _is_like_a_file(word)):
            joined[-1] += f",{word}"
            continue
        else:
            names = None
        joined.append(word)
    return joined


def _is_like_a_file(word: str) -> bool:
    return bool(Path(word).suffix) or os.sep in word or os.path.lexists(word)
