"""How much the server gives to its visitors together; each bound is a setting with a default."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields

from xaicore import PetlensError

PREFIX = "XAICORE_MOST_"


@dataclass(frozen=True)
class Bounds:
    """The most at a time, such as ``XAICORE_MOST_NETWORKS=4`` sets it.

    ``networks`` that visitors brought, in use; ``evaluations`` that run or wait, and what their
    photos take on disk; what is kept in memory of answers to all visitors, and of those to each
    one's own photos and networks.
    """

    networks: int = 8
    evaluations: int = 8
    waiting_megabytes: int = 1000
    shared_megabytes: int = 128
    own_megabytes: int = 64


def bounds() -> Bounds:
    """The bounds as they are set; raises a :class:`PetlensError` for what is no number."""
    given = {
        field.name: os.environ[PREFIX + field.name.upper()]
        for field in fields(Bounds)
        if PREFIX + field.name.upper() in os.environ
    }
    for name, text in given.items():
        if not text.isascii() or not text.isdigit() or int(text) < 1:
            raise PetlensError(
                f"The setting {PREFIX}{name.upper()} is {text!r}. Give a whole number from 1."
            )
    return Bounds(**{name: int(text) for name, text in given.items()})
