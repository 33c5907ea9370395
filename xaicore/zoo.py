"""Public names of the zoo, kept for code that imports from here."""

from xaicore.networks.zoo import NETWORKS

__all__ = ["NETWORKS"]
