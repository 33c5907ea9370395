"""What can be wrong with a network."""

from __future__ import annotations

from xaicore.errors import PetlensError


class ClassifierError(PetlensError):
    """A network that cannot be used; the message says why and what to do."""


class NetworkError(ClassifierError):
    """A network from outside that cannot be taken; the message says why and what to do."""
