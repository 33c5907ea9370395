"""Public names of canonical forms, kept for code that imports from here."""

from xaicore.networks.canonical import Obstacle, audit

__all__ = ["Obstacle", "audit"]
