"""Zips from outside → their members, each read as a stream.

The standard library's reader believes what a zip says of itself: it lists as many members as there
are, gives whatever comes out of bzip2 and LZMA, and for one bad name gives up the whole. Here the
number of members ends at a limit, no member gives more than it announced, and each is read, or
refused, alone. Format: PKWARE, APPNOTE.TXT, version 6.3.10, sections 4.3 and 5.8.
"""

from __future__ import annotations

import bz2
import io
import lzma
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Protocol

from xaicore.errors import PetlensError

# A zip is a file, or the bytes of one.
ZipSource = Path | bytes

CHUNK_BYTES = 2**18
_MOST_COMMENT = 2**16
_LEAST_DICTIONARY = 2**12

_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_END_64_PLACE = struct.Struct("<4sLQL")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_EXTRA = struct.Struct("<2H")
_LZMA_HEAD = struct.Struct("<2xHBL")

_LOCKED = 0x1
_IN_EXTRA = 0xFFFFFFFF
_EXTRA_64 = 1
_STORED, _DEFLATED, _BZIP2, _LZMA = 0, 8, 12, 14
_KNOWN = (_STORED, _DEFLATED, _BZIP2, _LZMA)
_UNKNOWN = {9: "by Deflate64", 93: "by Zstandard", 95: "by XZ", 98: "by PPMd"}
_DAMAGES = (zlib.error, lzma.LZMAError, EOFError, ValueError, OverflowError, struct.error)


class ZipError(PetlensError):
    """A zip or a member of one that cannot be read; the message is a sentence."""


class TooManyMembers(ZipError):
    """A zip with more members than are taken."""


@dataclass(frozen=True)
class Member:
    """A file in a zip: its name with forward slashes, its ``size`` as announced, where it lies."""

    name: str
    size: int
    packed: int
    crc: int
    method: int
    flags: int
    offset: int


def is_zip(source: ZipSource) -> bool:
    """Whether it ends as a zip does."""
    with _opened(source) as file:
        return _find_end(file) is not None


def list_members(source: ZipSource, most: int) -> list[Member]:
    """The files of a zip, without its folders; of two with one name the last.

    Names are UTF-8 where they can be, else code page 437. Raises :class:`TooManyMembers` for more
    than ``most`` files and folders, :class:`ZipError` for what is no whole zip, and
    :class:`OSError` where the file cannot be read.
    """
    with _opened(source) as file:
        end = _find_end(file)
        if end is None:
            raise ZipError("This is no whole zip.")
        file.seek(end.start)
        # What the zip says of their number is not believed, only counted on to refuse it sooner.
        members: dict[str, Member] = {}
        left, count = end.size, 0
        while left > 0 and max(count, end.count) <= most:
            member, length = _read_entry(file, end.shift)
            left, count = left - length, count + 1
            if not member.name.endswith("/"):
                # Whatever it says: behind the directory's start there are no members.
                packed = min(member.packed, max(0, end.start - member.offset))
                members[member.name] = replace(member, packed=packed)
        if max(count, end.count) > most:
            raise TooManyMembers(f"This zip holds more than {most:,} files.")
    return list(members.values())


def read_member(source: ZipSource, member: Member, most: int) -> bytes:
    """A member's content, never more than it announced nor than ``most`` bytes.

    Raises :class:`ZipError` for one that is larger, damaged, locked or packed in a way that is not
    read, and :class:`OSError` where the file cannot be read.
    """
    if member.size > most:
        raise ZipError(f"This file is larger than {most // 2**20} MB, the most that is read.")
    whole = io.BytesIO()
    for piece in _stream(source, member):
        whole.write(piece)
    data = whole.getvalue()
    if len(data) != member.size or zlib.crc32(data) != member.crc:
        raise _damaged()
    return data


def why_unread(member: Member) -> str:
    """What keeps a member from being read, whole as it may be; empty if nothing does."""
    if member.flags & _LOCKED:
        return "locked with a password; make the zip again without one"
    if member.method not in _KNOWN:
        way = _UNKNOWN.get(member.method, "in an unusual way")
        return f"packed {way}, which is not read; make the zip again as a usual one"
    return ""


def read_start(source: ZipSource, member: Member, count: int) -> bytes:
    """The first ``count`` bytes of a member, unchecked; raises as :func:`read_member` does."""
    return b"".join(_stream(source, replace(member, size=min(count, member.size))))


def _stream(source: ZipSource, member: Member) -> Iterator[bytes]:
    """A member's content in pieces, up to its announced size."""
    reason = why_unread(member)
    if reason:
        raise ZipError(f"This file is {reason}.")
    left = member.size
    with _opened(source) as file:
        try:
            for piece in _unpack(_Packed(file, member), member):
                yield piece[:left]
                left -= len(piece)
                if left <= 0:
                    return
        except _DAMAGES as error:
            if isinstance(error, PetlensError):
                raise
            raise _damaged() from error
        except OSError as error:
            # Without a number it is bzip2's word for damaged data.
            if error.errno:
                raise
            raise _damaged() from error


def _opened(source: ZipSource) -> BinaryIO:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def _damaged() -> ZipError:
    return ZipError("This file is damaged in its zip. Make the zip again.")


@dataclass(frozen=True)
class _End:
    """What a zip's end says: where its directory starts, its bytes, how many entries it has.

    ``shift`` is what stands before the zip in its file, such as a program that unpacks it.
    """

    start: int
    size: int
    count: int
    shift: int


def _find_end(file: BinaryIO) -> _End | None:
    length = file.seek(0, io.SEEK_END)
    at = max(0, length - _END.size - _MOST_COMMENT)
    file.seek(at)
    tail = file.read()
    found = tail.rfind(b"PK\5\6")
    if found < 0 or len(tail) - found < _END.size:
        return None
    *_, count, size, offset, _comment = _END.unpack_from(tail, found)
    stop = at + found
    large = _find_end_64(file, stop)
    if large:
        count, size, offset = large
        stop -= _END_64.size + _END_64_PLACE.size
    start = stop - size
    return _End(start, size, count, start - offset) if start >= offset else None


def _find_end_64(file: BinaryIO, stop: int) -> tuple[int, int, int] | None:
    """Count, bytes and offset of a directory that is too large for the usual end."""
    place = stop - _END_64_PLACE.size - _END_64.size
    if place < 0:
        return None
    file.seek(place)
    record = file.read(_END_64.size)
    if not file.read(_END_64_PLACE.size).startswith(b"PK\6\7") or not record.startswith(b"PK\6\6"):
        return None
    *_, count, size, offset = _END_64.unpack(record)
    return count, size, offset


def _read_entry(file: BinaryIO, shift: int) -> tuple[Member, int]:
    """The next member of the directory, and how many bytes tell of it."""
    head = file.read(_ENTRY.size)
    if len(head) < _ENTRY.size or not head.startswith(b"PK\1\2"):
        raise ZipError("This zip is damaged. Make it again.")
    _, _, _, flags, method, _, _, crc, packed, size, name, extra, comment, *_, offset = (
        _ENTRY.unpack(head)
    )
    text = _decode(file.read(name))
    size, packed, offset = _widen(file.read(extra), size, packed, offset)
    file.seek(comment, io.SEEK_CUR)
    member = Member(text, size, packed, crc, method, flags, offset + shift)
    return member, _ENTRY.size + name + extra + comment


def _decode(name: bytes) -> str:
    # Many programs write UTF-8 without saying so, and some say so and write something else.
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("cp437")


def _widen(extra: bytes, *numbers: int) -> list[int]:
    """Sizes and offset, those too large for their field taken from the extra fields."""
    wide = list(numbers)
    while len(extra) >= _EXTRA.size:
        kind, length = _EXTRA.unpack_from(extra)
        field, extra = extra[_EXTRA.size : _EXTRA.size + length], extra[_EXTRA.size + length :]
        if kind != _EXTRA_64:
            continue
        for place, number in enumerate(numbers):
            if number == _IN_EXTRA and len(field) >= 8:
                wide[place], field = int.from_bytes(field[:8], "little"), field[8:]
    return wide


class _Packed:
    """A member's bytes as they stand in the zip."""

    def __init__(self, file: BinaryIO, member: Member) -> None:
        file.seek(member.offset)
        head = file.read(_LOCAL.size)
        if len(head) < _LOCAL.size or not head.startswith(b"PK\3\4"):
            raise _damaged()
        *_, name, extra = _LOCAL.unpack(head)
        file.seek(name + extra, io.SEEK_CUR)
        self._file, self._left = file, member.packed

    def read(self, most: int = CHUNK_BYTES) -> bytes:
        data = self._file.read(min(most, self._left))
        self._left -= len(data)
        return data


class _Stream(Protocol):
    """What bz2's and lzma's decompressors have in common."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Inflater:
    """zlib's decompressor, used as the other two are."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(-zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        return not self._stream.unconsumed_tail

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail + data, max_length)


def _unpack(packed: _Packed, member: Member) -> Iterator[bytes]:
    """What comes out, never more than a chunk at a time."""
    if member.method == _STORED:
        while data := packed.read():
            yield data
        return
    stream = _stream_of(packed, member)
    most = max(1, min(CHUNK_BYTES, member.size))
    while not stream.eof:
        hungry = stream.needs_input
        data = packed.read() if hungry else b""
        piece = stream.decompress(data, most)
        if hungry and not data and not piece:
            return
        yield piece


def _stream_of(packed: _Packed, member: Member) -> _Stream:
    if member.method == _DEFLATED:
        return _Inflater()
    if member.method == _BZIP2:
        return bz2.BZ2Decompressor()
    _, properties, dictionary = _LZMA_HEAD.unpack(packed.read(_LZMA_HEAD.size))
    rest, literal = divmod(properties, 9)
    position, low = divmod(rest, 5)
    # Nothing further back than the file's own start is ever asked for.
    dictionary = min(dictionary, max(member.size, _LEAST_DICTIONARY))
    filters = [
        {
            "id": lzma.FILTER_LZMA1,
            "dict_size": dictionary,
            "lc": literal,
            "lp": low,
            "pb": position,
        }
    ]
    return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=filters)
