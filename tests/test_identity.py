"""Keys and hashes: known values, and nothing taken for another."""

from __future__ import annotations

import numpy as np

from xaicore.identity import canonical, hash_array, hash_bytes


def test_bytes_have_the_start_of_their_sha_256() -> None:
    # FIPS 180-2's example.
    assert hash_bytes(b"abc") == "ba7816bf8f01cfea"


def test_arrays_are_told_apart_by_values_shape_and_type() -> None:
    zeros = np.zeros((2, 3), dtype=np.float32)
    one = zeros.copy()
    one[1, 2] = 1
    others: list[np.ndarray] = [
        one,
        zeros.T,
        zeros.ravel(),
        zeros.astype(np.int32),
        zeros.astype(np.float64),
    ]
    assert len({hash_array(array) for array in (zeros, *others)}) == 6
    assert hash_array(zeros) == hash_array(zeros.copy())


def test_an_array_is_the_same_however_it_lies_in_memory() -> None:
    array = np.arange(12.0).reshape(3, 4)
    assert hash_array(np.asfortranarray(array)) == hash_array(array)
    assert hash_array(np.repeat(array, 2, axis=0)[::2]) == hash_array(array)


def test_settings_are_one_string_in_any_order() -> None:
    assert canonical({"b": [1, 2.5], "a": None}) == '{"a":null,"b":[1,2.5]}'
    assert canonical({"a": None, "b": [1, 2.5]}) == canonical({"b": [1, 2.5], "a": None})
