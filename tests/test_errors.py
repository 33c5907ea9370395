"""One error that people see, and the system's errors in plain words."""

from __future__ import annotations

import errno
import importlib
import inspect
import os
import pkgutil

import pytest

import xaicore
from xaicore.errors import PetlensError, reason_of


def test_every_error_of_the_package_is_petlens_own() -> None:
    names = [
        module.name
        for module in pkgutil.walk_packages(xaicore.__path__, "xaicore.")
        if module.name != "xaicore.__main__"
    ]
    errors = {
        cls
        for name in names
        for _, cls in inspect.getmembers(importlib.import_module(name), inspect.isclass)
        if issubclass(cls, Exception) and cls.__module__.startswith("xaicore")
    }
    assert {cls.__name__ for cls in errors} >= {
        "ClassifierError", "DatasetError", "EvaluationError", "ExplainerError",
        "MetricError", "PhotoError", "StoreError", "TrainingError",
    }  # fmt: skip
    assert [cls for cls in errors if not issubclass(cls, PetlensError)] == []
    assert xaicore.PetlensError is PetlensError


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "it may not be read or written"),
        (errno.EBUSY, "another program holds it"),
        (errno.ETIMEDOUT, "it cannot be reached"),
        (errno.ELOOP, "the system refuses it"),
    ],
)
def test_the_system_s_errors_are_plain_words(number: int, words: str) -> None:
    error = OSError(number, os.strerror(number), "/some/where")
    assert reason_of(error) == words
    assert reason_of(OSError("something else")) == "the system refuses it"
