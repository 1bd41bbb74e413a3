"""Comparing says exactly which elements are wrong, and describes them."""

from __future__ import annotations

import numpy as np
import pytest

from kernelevo.evaluators.compare import compare
from kernelevo.evaluators.patterns import describe

EXPECTED = np.linspace(1.0, 2.0, 8 * 64).reshape(8, 64)
BOUND = np.full((8, 64), 1e-6)


def spoiled(*places: object, value: float = 0.0) -> np.ndarray:
    got = EXPECTED.astype(np.float32)
    for place in places:
        got[place] = value
    return got


def said(got: np.ndarray, expected: np.ndarray = EXPECTED) -> str:
    return " ".join(describe(got, expected, ~np.isclose(got, expected, rtol=1e-4, atol=0)))


def test_elements_within_their_bounds_are_right() -> None:
    result = compare("y", EXPECTED + 0.9e-6, EXPECTED, BOUND)
    assert result.passed and 0.89 < result.ratio < 0.91


def test_one_element_beyond_its_bound_is_wrong() -> None:
    got = EXPECTED.copy()
    got[3, 5] += 1.1e-6
    result = compare("y", got, EXPECTED, BOUND)
    assert not result.passed and result.wrong == 1 and 1.05 < result.ratio < 1.15
    assert "1 of 512 elements is wrong" in result.text and "y[3, 5]" in result.text


@pytest.mark.parametrize(
    ("got", "expected", "passes"),
    [
        (np.nan, np.nan, True), (np.nan, 1.0, False), (1.0, np.nan, False), (np.inf, np.inf, True),
        (np.inf, -np.inf, False), (np.inf, 1.0, False), (1e30, np.inf, False), (np.nan, np.inf, False),
    ],
)  # fmt: skip
def test_masks_of_nan_and_infinity_must_match(got: float, expected: float, passes: bool) -> None:
    both = (np.array([1.0, value]) for value in (got, expected))
    assert compare("y", *both, np.array([1e-6, np.inf])).passed is passes


def test_a_zero_bound_asks_for_equality() -> None:
    zero = np.zeros(2)
    assert compare("y", np.array([0.0, 1.0]), np.array([0.0, 1.0]), zero).passed
    assert not compare("y", np.array([0.0, 1.0]), np.array([0.0, np.nextafter(1.0, 2)]), zero).passed


def test_integers_are_exact() -> None:
    big = np.array([2**62, -5], np.int64)
    assert compare("y", big, big.copy(), None).passed
    result = compare("y", big + np.array([1, 0]), big, None)
    assert not result.passed and result.wrong == 1 and result.ratio == float("inf")
    assert str(2**62 + 1) in result.text


def test_unwritten_elements_are_counted_by_their_poison() -> None:
    for poison in (np.float32(np.nan), np.float32(48.25)):
        got = spoiled((slice(6, 8), slice(None)), value=poison)
        result = compare("y", got, EXPECTED, BOUND, np.array(poison))
        assert result.unwritten == 128 and "128 of them were never written" in result.text
    assert compare("y", spoiled((0, 0)), EXPECTED, BOUND, np.array(np.float32(48.25))).unwritten == 0


def test_different_shapes_are_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="shape"):
        compare("y", np.zeros(3), np.zeros(4), None)


@pytest.mark.parametrize(
    ("got", "sentence"),
    [
        (spoiled((slice(None), slice(None))), "No element is right."),
        (spoiled((2, slice(None)), (5, slice(None))), "Whole rows are wrong: 2, 5 of 8"),
        (spoiled((slice(None), 7)), "Whole columns are wrong: 7 of 64"),
        (spoiled((slice(None), slice(60, 64))), "from column 60 of 64 on"),
        (spoiled((7, slice(40, 64))), "Only the last 24 of 512 elements"),
        (spoiled((0, slice(0, 9))), "Only the first 9 of 512 elements"),
        (spoiled((slice(0, 7), 3), (2, 35)), "at 3 modulo 32"),
        (spoiled((slice(None), 7), value=np.nan), "Every wrong value is NaN"),
        (spoiled((slice(None), 7), value=-4.0), "Every wrong value is -4."),
        ((EXPECTED * 2).astype(np.float32), "Every wrong value is 2 times what is expected"),
    ],
)
def test_patterns_are_named(got: np.ndarray, sentence: str) -> None:
    assert sentence in said(got)


def test_scattered_mistakes_have_no_pattern() -> None:
    got = spoiled((1, 3), value=0.3)
    got[4, 8], got[6, 1] = 0.7, 5.0
    assert said(got) == ""


@pytest.mark.parametrize(
    "dtype, bits", [(np.float16, 0xFC01), (np.float32, 0xFF810001), (np.float64, 0xFFF0000000000001)]
)
def test_a_signalling_nan_is_wrong_and_nothing_else_happens(dtype: type, bits: int) -> None:
    got = EXPECTED.astype(dtype)
    got.view(f"u{got.itemsize}")[3, 5] = bits
    result = compare("y", got, EXPECTED, np.full((8, 64), 1e-2), got[3, 5])
    assert (result.wrong, result.unwritten) == (1, 1)


def test_a_nan_that_was_computed_does_not_count_as_unwritten() -> None:
    poison = np.array([0xFFC1FFC2], np.uint32).view(np.float32)
    got = spoiled((2, slice(None)), value=np.float32(np.nan))
    got[3] = poison[0]
    result = compare("y", got, EXPECTED, BOUND, poison)
    assert (result.wrong, result.unwritten) == (128, 64)
