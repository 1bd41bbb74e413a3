"""Element types: sizes, names, and conversions that lose nothing but what the type cannot hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelevo.errors import BadInput
from kernelevo.kernel.dtypes import DTYPES, find, from_storage, named, rounded, to_storage

BF16 = named("bf16", "test")


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_the_storage_has_the_size_of_the_type(dtype) -> None:
    assert np.dtype(dtype.storage).itemsize == dtype.bytes
    assert find(dtype.name) is dtype
    assert all(find(spelling) is dtype for spelling in dtype.spellings)


@pytest.mark.parametrize("dtype", [dtype for dtype in DTYPES if dtype.is_float], ids=str)
def test_what_is_said_of_a_float_type_is_true_of_its_storage(dtype) -> None:
    assert rounded(dtype.largest, dtype) == dtype.largest
    assert rounded(1 + dtype.epsilon, dtype) == 1 + dtype.epsilon
    assert rounded(1 + dtype.epsilon / 2.1, dtype) == 1
    if dtype.name != "f64":
        assert np.isinf(rounded(dtype.largest * 1.01, dtype))


@given(st.integers(0, 0xFFFF))
def test_every_bf16_survives_the_way_there_and_back(bits: int) -> None:
    stored = np.array([bits], np.uint16)
    number = from_storage(stored, BF16)
    again = to_storage(number, BF16)
    assert np.isnan(number[0]) == np.isnan(from_storage(again, BF16)[0])
    assert np.isnan(number[0]) or again[0] == bits


@given(st.floats(-(2.0**100), 2.0**100, width=32))
def test_bf16_rounds_to_the_nearest_and_ties_to_even(value: float) -> None:
    got = float(rounded(value, BF16))
    exponent = max(np.frexp(value)[1], -125)
    step = 2.0 ** (exponent - 8)
    assert got == np.rint(value / step) * step  # np.rint ties to even


def test_a_tie_goes_to_the_even_one_in_bf16() -> None:
    step = 2.0**-7
    assert rounded([1 + step / 2, 1 + 3 * step / 2, -1 - step / 2], BF16).tolist() == [1, 1 + 2 * step, -1]


def test_a_nan_stays_a_nan_and_infinities_stay_in_bf16() -> None:
    quiet = np.array([0x7F800001, 0xFFFFFFFF], np.uint32).view(np.float32)
    assert np.isnan(from_storage(to_storage(quiet, BF16), BF16)).all()
    assert rounded([np.inf, -np.inf, 3.4e38], BF16).tolist() == [np.inf, -np.inf, np.inf]


def test_a_reference_sees_exact_integers() -> None:
    big = (1 << 63) + 12345
    assert rounded(np.array([big], np.uint64), named("u64", "test")).tolist() == [big]
    assert rounded([-5, 127], named("i8", "test")).dtype == np.int64


def test_an_integer_that_does_not_fit_is_refused() -> None:
    with pytest.raises(BadInput, match="do not fit in i8"):
        to_storage([1, 300], named("i8", "test"))
    with pytest.raises(BadInput, match="do not fit in u32"):
        to_storage([-1], named("u32", "test"))


def test_an_unknown_type_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BadInput, match=r"argument x: 'f33' is no element type; there are f16, bf16, f32"):
        named("f33", "argument x")
