"""100,000 zips grown from good ones: each gives its members or a sentence, in bounded memory."""

from __future__ import annotations

import multiprocessing
import random
import resource
import time

import psutil
import pytest

from tests.test_zips import CONTENTS, METHODS, zip_of
from xaicore.zips import ZipError, list_members, read_member, read_start

pytestmark = pytest.mark.soak

FILES, MOST_SECONDS, MOST_MEGABYTES = 100_000, 1.0, 100
MARKS = (b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"PK\1\2", b"PK\3\4", b"PK\5\6", b"PK\6\6")


def _mutate(data: bytes, chance: random.Random) -> bytes:
    """Bytes changed, left out, said twice; more often near the end, where the directory is."""
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        place = chance.randrange(len(data))
        if chance.random() < 0.4:
            place = len(data) - chance.randrange(1, min(len(data), 700))
        before, after = data[:place], data[place:]
        few = chance.randrange(1, 50)
        data = chance.choice(
            (
                before + bytes([chance.randrange(256)]) + after[1:],
                before + chance.choice(MARKS) + after[4:],
                before + after[few:],
                before + after[:few] + after,
            )
        )
    return data


def _read_all(data: bytes) -> int:
    """How many members could be read."""
    read = 0
    try:
        for member in list_members(data, 1000):
            try:
                read_start(data, member, 32)
                read += len(read_member(data, member, 40 * 2**20)) > 0
            except ZipError:
                continue
    except ZipError:
        pass
    return read


def _read_mutants(seed: int) -> tuple[int, float]:
    """How many members of all were read, and the longest that one zip took."""
    most = psutil.Process().memory_info().vms + MOST_MEGABYTES * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    chance = random.Random(seed)
    good = [zip_of({n: data[:3000] for n, data in CONTENTS.items()}, m) for m in METHODS]
    read, longest = 0, 0.0
    for _ in range(FILES):
        started = time.process_time()
        read += _read_all(_mutate(chance.choice(good), chance))
        longest = max(longest, time.process_time() - started)
    return read, longest


def test_mutants_are_read_or_refused_in_bounded_memory() -> None:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        read, longest = pool.apply(_read_mutants, (0,))
    # Many changes leave some members as they were.
    assert read > FILES / 2
    assert longest < MOST_SECONDS
