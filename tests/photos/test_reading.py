"""A photo is read from wherever it is, once, and to a limit."""

import io
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.bad_photos import encode
from xaicore.photos import MAX_BYTES, PhotoError, load_photo

PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 120, 3), np.uint8))
DATA = encode(PHOTO, "PNG")


def is_photo(found):
    return np.array_equal(np.asarray(found), np.asarray(PHOTO))


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, io.BytesIO])
def test_bytes_of_any_kind(kind):
    assert is_photo(load_photo(kind(DATA)))


def test_a_path_of_any_kind_and_an_open_file(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(DATA)

    class Entry:
        def __fspath__(self):
            return str(path)

    for source in (path, str(path), Entry()):
        assert is_photo(load_photo(source))
    with path.open("rb") as file:
        assert is_photo(load_photo(file))
        assert is_photo(load_photo(file))  # from its start, wherever it stands
    with path.open("rb", buffering=0) as file:
        assert is_photo(load_photo(file))


def test_a_pipe_by_name_and_by_number(tmp_path):
    named = tmp_path / "pipe"
    os.mkfifo(named)
    writer = threading.Thread(target=named.write_bytes, args=(DATA,))
    writer.start()
    assert is_photo(load_photo(named))
    writer.join()
    reading, writing = os.pipe()
    writer = threading.Thread(target=lambda: os.fdopen(writing, "wb").write(DATA))
    writer.start()
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        assert is_photo(load_photo(pipe))
    writer.join()


class Endless(io.RawIOBase):
    """A file that never ends, and counts what is taken from it."""

    def __init__(self):
        super().__init__()
        self.taken = 0

    def read(self, size=-1):
        assert size > 0
        part = bytes(min(size, 1_000_000))
        self.taken += len(part)
        return part


def test_no_more_than_the_limit_is_read():
    endless = Endless()
    with pytest.raises(PhotoError, match="larger than 40 MB"):
        load_photo(endless)
    assert endless.taken == MAX_BYTES + 1


def test_what_is_no_open_file_gets_a_sentence(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(DATA)
    with path.open("rb") as closed:
        pass
    with pytest.raises(PhotoError, match="no readable file"):
        load_photo(closed)
    with Path(path).open(encoding="latin-1") as text, pytest.raises(PhotoError, match='"rb"'):
        load_photo(text)
