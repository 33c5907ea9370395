"""Zips as programs make them, damaged ones, and those that were made to do harm."""

from __future__ import annotations

import io
import multiprocessing
import resource
import zipfile
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import psutil
import pytest

from xaicore.zips import (
    CHUNK_BYTES,
    TooManyMembers,
    ZipError,
    is_zip,
    list_members,
    read_member,
    read_start,
)

METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
NOISE = np.random.default_rng(0).bytes(3 * CHUNK_BYTES + 1)
CONTENTS = {
    "empty.bin": b"",
    "Cat/1.txt": b"one",
    "Dog/zeros.bin": bytes(3 * CHUNK_BYTES + 1),
    "Dog/noise.bin": NOISE,
    "Dog/über 😺\nline.txt": b"named",
}
MOST = 2**20
MEMORY_MB = 50
# Spawned processes would spend all their time on importing torch.
FORK = multiprocessing.get_context("fork")


def zip_of(contents: Mapping[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def change(data: bytes, place: int, value: bytes) -> bytes:
    """The zip with a field of its first directory entry changed."""
    at = data.index(b"PK\1\2") + place
    return data[:at] + value + data[at + len(value) :]


def read_first(data: bytes, most: int = MOST) -> bytes:
    return read_member(data, list_members(data, 9)[0], most)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("form", ["bytes", "file", "after a program", "commented", "streamed"])
def test_what_was_packed_comes_out(method: int, form: str, tmp_path: Path) -> None:
    data = zip_of(CONTENTS, method)
    if form == "after a program":
        data = b"MZ" * 999 + data
    if form == "commented":
        data = data[:-2] + (9).to_bytes(2, "little") + b"a comment"
    if form == "streamed":
        data = _streamed(method)
    source: Path | bytes = data
    if form == "file":
        source = tmp_path / "data.zip"
        source.write_bytes(data)
    assert is_zip(source)
    members = list_members(source, len(CONTENTS))
    assert {m.name: read_member(source, m, MOST) for m in members} == CONTENTS


def _streamed(method: int) -> bytes:
    """As written to a pipe: large sizes, in fields of their own, after the data."""

    class Pipe(io.RawIOBase):
        written = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            self.written += data
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", method) as archive:
        for name, data in CONTENTS.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(data)
    return bytes(pipe.written)


@pytest.mark.parametrize("method", METHODS)
def test_the_start_of_a_member_is_read_alone(method: int) -> None:
    data = zip_of({"a": NOISE[:9000] * 99}, method)
    # Whatever it says of its size, and of what it asks for to be unpacked in.
    (member,) = list_members(change(data, 24, b"\xf0\xff\xff\xff"), 1)
    assert read_start(data, member, 9) == NOISE[:9]
    assert read_start(data, member, 20_000) == (NOISE[:9000] * 99)[:20_000]


def test_folders_are_no_files_and_of_two_with_one_name_the_last_counts() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("Cat/", b"")
        archive.writestr("Cat/1.txt", b"old")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("Cat/1.txt", b"new")
    (member,) = list_members(buffer.getvalue(), 3)
    assert read_member(buffer.getvalue(), member, MOST) == b"new"


@pytest.mark.parametrize(
    ("written", "read"),
    [("ni\u00f1o".encode(), "ni\u00f1o"), (b"ni\xa4o", "ni\u00f1o"), (b"a\xffb", "a\u00a0b")],
)
@pytest.mark.parametrize("says_utf_8", [False, True])
def test_a_name_in_any_encoding_is_a_name(written: bytes, read: str, says_utf_8: bool) -> None:
    data = zip_of({"x" * len(written): b"content"}).replace(b"x" * len(written), written)
    data = change(data, 8, (0x800 if says_utf_8 else 0).to_bytes(2, "little"))
    (member,) = list_members(data, 1)
    assert (member.name, read_member(data, member, MOST)) == (read, b"content")


@pytest.mark.parametrize("method", METHODS)
def test_a_damaged_member_leaves_the_others(method: int) -> None:
    data = zip_of({"a": NOISE, "b": b"whole"}, method)
    data = data[: CHUNK_BYTES // 2] + bytes(99) + data[CHUNK_BYTES // 2 + 99 :]
    first, second = list_members(data, 2)
    with pytest.raises(ZipError, match="damaged in its zip"):
        read_member(data, first, MOST)
    assert read_member(data, second, MOST) == b"whole"


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (8, b"\1\0", "password"),
        (10, b"\x09\0", "Deflate64"),
        (10, b"\x5f\0", "XZ"),
        (10, b"\x63\0", "an unusual way"),
        (16, b"\1\2\3\4", "damaged"),
        (42, b"\xff\xff\0\0", "damaged"),
    ],
)
def test_what_cannot_be_read_is_said(place: int, value: bytes, reason: str) -> None:
    with pytest.raises(ZipError, match=reason) as caught:
        read_first(change(zip_of({"a": b"content"}), place, value))
    assert str(caught.value).endswith(".")


def test_what_is_no_zip_is_said() -> None:
    whole = zip_of({"a": b"content"})
    for data in (b"", b"PK", b"no zip", NOISE, whole[:-1], whole[: len(whole) // 2]):
        assert not is_zip(data)
        with pytest.raises(ZipError, match="no whole zip"):
            list_members(data, 9)
    with pytest.raises(ZipError, match="damaged"):
        list_members(whole.replace(b"PK\1\2", b"PK\1\3"), 9)


def test_every_byte_may_be_wrong() -> None:
    whole = zip_of({"a": b"content" * 9, "b": b"more"}, zipfile.ZIP_DEFLATED)
    read = 0
    for place in range(len(whole)):
        data = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
        try:
            for member in list_members(data, 9):
                read += len(read_member(data, member, MOST)) > 0
        except ZipError:
            continue
    # Most of its bytes are times, attributes, or the other member's.
    assert read > len(whole) / 2


def test_too_many_members_are_refused_by_their_number_whatever_the_zip_says() -> None:
    data = zip_of({str(number): b"" for number in range(9)})
    assert len(list_members(data, 9)) == 9
    end = data.index(b"PK\5\6")
    lying = data[: end + 8] + b"\1\0\1\0" + data[end + 12 :]
    for zipped in (data, lying):
        with pytest.raises(TooManyMembers, match="more than 8 files"):
            list_members(zipped, 8)
    # One that only says so is refused before it is looked at.
    with pytest.raises(TooManyMembers):
        list_members(data[: end + 10] + b"\xff\xff" + data[end + 12 :], 60_000)


def test_a_member_larger_than_asked_for_is_refused_unread() -> None:
    with pytest.raises(ZipError, match="larger than 1 MB"):
        read_first(zip_of({"a": bytes(MOST + 1)}))


def _lying_bomb(method: int) -> bytes:
    """Zeros that fill far more memory than the zip says: 128 MB that are called 2 MB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive, archive.open("a.jpg", "w") as member:
        for _ in range(128):
            member.write(bytes(2**20))
    return change(buffer.getvalue(), 24, (2 * 2**20).to_bytes(4, "little"))


def _giant_dictionary() -> bytes:
    """A member of LZMA that asks for 4 GB to be unpacked in."""
    data = zip_of({"a.jpg": b"small"}, zipfile.ZIP_LZMA)
    at = data.index(b"a.jpg") + 5 + 5
    return data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :]


@pytest.mark.parametrize(
    ("make", "answer"),
    [
        (lambda: _lying_bomb(zipfile.ZIP_DEFLATED), "damaged"),
        (lambda: _lying_bomb(zipfile.ZIP_BZIP2), "damaged"),
        (lambda: _lying_bomb(zipfile.ZIP_LZMA), "damaged"),
        (_giant_dictionary, "small"),
    ],
)
def test_a_bomb_takes_no_memory(make: Callable[[], bytes], answer: str) -> None:
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=_read_in_little_memory, args=(make(), theirs))
    process.start()
    process.join()
    assert process.exitcode == 0
    assert answer in ours.recv()


def _read_in_little_memory(data: bytes, answer: Connection) -> None:
    most = psutil.Process().memory_info().vms + MEMORY_MB * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    try:
        answer.send(read_first(data, 20 * 2**20).decode())
    except ZipError as error:
        answer.send(str(error))
