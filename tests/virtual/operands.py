"""Operands for the arithmetic tests: the values at which implementations go wrong, and strategies around them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import elementwise
import exact
import numpy as np
from hypothesis import strategies as st

Columns = list[list[int]]
# Values drawn at once: a launch costs more than an element, and shrinking still finds the one that matters.
DRAWN = 8


def interesting(kind: str) -> list[int]:
    """Bit patterns of a PTX type: limits and neighbours; for fractions also zeros, subnormals, infinities, NaN."""
    width = elementwise.bits_dtype(kind).itemsize * 8
    if kind in exact.FORMATS:
        fmt = exact.FORMATS[kind]
        one, least_normal = fmt.bias << fmt.fraction, 1 << fmt.fraction
        positive = [0, 1, least_normal - 1, least_normal, one - 1, one, one + 1, one + (1 << fmt.fraction - 1)]
        positive += [fmt.infinity - 1, fmt.infinity, fmt.nan, one + (3 << fmt.fraction) + 5]
        return [bits | sign for sign in (0, fmt.sign) for bits in positive]
    top = 1 << (width - 1)
    return sorted(
        {0, 1, 2, 3, 7, width - 1, width, width + 1, top - 1, top, top + 1, 2 * top - 2, 2 * top - 1, top // 3}
    )


def combinations(*kinds: str) -> Columns:
    """Every combination of interesting values, one list for each operand."""
    return _columns(itertools.product(*(interesting(kind) for kind in kinds)))


def drawn(*kinds: str) -> st.SearchStrategy[Columns]:
    """Lists of random operands, mixed with interesting ones."""
    row = st.tuples(*(_bits(kind) for kind in kinds))
    return st.lists(row, min_size=DRAWN, max_size=DRAWN).map(_columns)


def as_array(kind: str, bits: Sequence[int]) -> elementwise.Array:
    return np.array(bits, elementwise.bits_dtype(kind))


def signed(kind: str, bits: int) -> int:
    """The integer that these bits mean in this type."""
    width = elementwise.bits_dtype(kind).itemsize * 8
    return bits - (1 << width) if kind[0] == "s" and bits >> (width - 1) else bits


def _bits(kind: str) -> st.SearchStrategy[int]:
    return st.one_of(
        st.integers(0, (1 << elementwise.bits_dtype(kind).itemsize * 8) - 1), st.sampled_from(interesting(kind))
    )


def _columns(rows: object) -> Columns:
    return [list(column) for column in zip(*rows, strict=True)]
