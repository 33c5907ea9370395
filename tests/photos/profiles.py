"""Colour profiles of known primaries, and what their colours are in sRGB."""

from __future__ import annotations

import struct

import numpy as np

GAMMA = 2.2
# Columns are red, green and blue in XYZ, adapted to the profile's white D50.
DISPLAY_P3 = np.array(
    [[0.5151, 0.2920, 0.1571], [0.2412, 0.6922, 0.0666], [-0.0011, 0.0419, 0.7841]]
)
SRGB = np.array([[0.4361, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7142]])
D50 = (0.9642, 1.0, 0.8249)


def rgb_profile(primaries: np.ndarray) -> bytes:
    """An ICC profile of these primaries [3, 3] and a gamma of 2.2."""
    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">I", 2) + b"x\0" + bytes(78)}
    tags[b"wtpt"] = _xyz(D50)
    for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries.T, strict=True):
        tags[name] = _xyz(column)
    for name in (b"rTRC", b"gTRC", b"bTRC"):
        tags[name] = _curve()
    return _profile(b"RGB ", tags)


def grey_profile(gamma: float) -> bytes:
    """An ICC profile of grey with a gamma."""
    return _profile(b"GRAY", {b"wtpt": _xyz(D50), b"kTRC": _curve(gamma)})


def to_srgb(colours: np.ndarray, primaries: np.ndarray) -> np.ndarray:
    """8-bit colours [N, 3] of a profile in 8-bit sRGB, by the formulas."""
    linear = (colours / 255) ** GAMMA @ (np.linalg.inv(SRGB) @ primaries).T
    return np.rint(_encode(np.clip(linear, 0, 1)) * 255)


def grey_to_srgb(values: np.ndarray, gamma: float) -> np.ndarray:
    """8-bit greys in 8-bit sRGB, by the formula."""
    return np.rint(_encode((values / 255) ** gamma) * 255)


def _encode(linear: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1's curve."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def _fixed(number: float) -> bytes:
    return struct.pack(">i", round(number * 2**16))


def _xyz(values: tuple[float, ...] | np.ndarray) -> bytes:
    return b"XYZ " + bytes(4) + b"".join(_fixed(float(value)) for value in values)


def _curve(gamma: float = GAMMA) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)


def _profile(space: bytes, tags: dict[bytes, bytes]) -> bytes:
    start = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    head = struct.pack(">I", start + len(body)) + bytes(4) + struct.pack(">I", 0x02400000)
    head += b"mntr" + space + b"XYZ " + struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp"
    return head.ljust(68, b"\0") + b"".join(map(_fixed, D50)).ljust(60, b"\0") + table + body
