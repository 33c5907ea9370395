"""The sample photos by name."""

import pytest

from tests.conftest import SAMPLES
from xaicore.photos import load_photo


@pytest.fixture(scope="session")
def photos_by_name():
    return {file.stem: load_photo(file) for file in SAMPLES.glob("*.jpg")}
