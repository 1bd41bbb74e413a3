"""The oracle of the arithmetic tests agrees with the host's own IEEE arithmetic where it has it (round to nearest)."""

from __future__ import annotations

import exact
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

BITS32 = st.integers(0, 2**32 - 1)


def _same(fmt: exact.Format, got: int, expected: int) -> bool:
    return got == expected or (fmt.is_nan(got) and fmt.is_nan(expected))


@given(BITS32, BITS32)
@pytest.mark.parametrize(
    ("ours", "numpys"),
    [(exact.add, np.add), (exact.sub, np.subtract), (exact.mul, np.multiply), (exact.div, np.divide)],
)
def test_rounds_to_nearest_like_the_host(ours, numpys, a, b) -> None:
    x, y = np.array([a, b], np.uint32).view(np.float32)
    with np.errstate(all="ignore"):
        expected = int(np.array([numpys(x, y)], np.float32).view(np.uint32)[0])
    assert _same(exact.F32, ours(exact.F32, a, b), expected)


@given(BITS32)
def test_square_root_like_the_host(a) -> None:
    with np.errstate(all="ignore"):
        expected = int(np.sqrt(np.array([a], np.uint32).view(np.float32)).view(np.uint32)[0])
    assert _same(exact.F32, exact.sqrt(exact.F32, a), expected)


@given(BITS32)
def test_conversion_to_half_like_the_host(a) -> None:
    with np.errstate(all="ignore"):
        expected = int(np.array([a], np.uint32).view(np.float32).astype(np.float16).view(np.uint16)[0])
    assert _same(exact.F16, exact.convert(exact.F32, exact.F16, a), expected)


@pytest.mark.parametrize(("mode", "expected"), [("rn", 0x3F800000), ("rz", 0x3F800000), ("rp", 0x3F800001)])
def test_directed_rounding_of_a_sum_just_above_one(mode, expected) -> None:
    one, tiny = 0x3F800000, 0x00000001
    assert exact.add(exact.F32, one, tiny, mode) == expected
    assert exact.sub(exact.F32, one ^ 1 << 31, tiny, mode) == 0xBF800000


def test_fused_multiply_add_rounds_once() -> None:
    # (1 + 2**-12)**2 - 1 needs 25 bits before the subtraction; rounded twice it would lose the last term.
    a = exact.F32.round(exact.Fraction(4097, 4096), "rn")
    minus_one = 0xBF800000
    assert exact.F32.value(exact.fma(exact.F32, a, a, minus_one)) == exact.Fraction(2, 4096) + exact.Fraction(
        1, 4096**2
    )
