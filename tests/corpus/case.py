"""What one row of the corpus is: a kernel, a launch, its arguments and what they must hold afterwards.

A `Case` is only a name until `prepare` draws its inputs, so that listing the corpus costs nothing. Arrays are uploaded
and may be changed by the kernel; a `Blank` is device memory that nobody has written.

An error is the largest |got - expected| / scale over all elements. Bounds come from the arithmetic, not from what was
seen: n additions in f32 err by at most n * 2**-24 * sum |x| (N. Higham, Accuracy and Stability of Numerical Algorithms,
section 4.2), so the scale of a sum is the sum of magnitudes. Bound 0 is bit for bit.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[Any]
EPS16, EPSB16, EPS32, EPS64 = 2.0**-11, 2.0**-8, 2.0**-24, 2.0**-53  # unit roundoff: half an ulp of 1


@dataclass(frozen=True)
class Blank:
    """Uninitialised device memory: it reads as the poison pattern until the kernel writes it."""

    shape: tuple[int, ...]
    dtype: npt.DTypeLike


@dataclass(frozen=True)
class Check:
    """Argument `index` after the launch, read through `view`, against `expected`.

    `scale` is what an error is measured by, element by element; without one it is |expected|. `bound` 0 asks for
    equality, and then NaN equals NaN.
    """

    index: int
    expected: Values
    bound: float
    scale: Values | float | None = None
    view: Callable[[Values], Values] = lambda values: values

    def error(self, content: Values) -> float:
        """The largest error; infinity where the shapes or the places of NaN differ."""
        got, expected = np.asarray(self.view(content)), np.asarray(self.expected)
        if got.shape != expected.shape:
            return float("inf")
        if self.bound == 0:
            return 0.0 if np.array_equal(got, expected, equal_nan=expected.dtype.kind == "f") else float("inf")
        return _largest(got.astype(np.float64), expected.astype(np.float64), self.scale)


def _largest(got: Values, expected: Values, scale: Values | float | None) -> float:
    if not np.array_equal(np.isfinite(got), np.isfinite(expected)):
        return float("inf")
    finite = np.isfinite(expected)
    unit = np.broadcast_to(np.abs(expected) if scale is None else scale, expected.shape)[finite]
    difference = np.abs(got[finite] - expected[finite])
    # Where nothing was rounded (scale 0) the smallest difference is an infinite error.
    ratio = np.divide(difference, unit, out=np.where(difference > 0, np.inf, 0.0), where=unit > 0)
    return float(ratio.max(initial=0.0))


@dataclass(frozen=True)
class Run:
    """One launch, and everything it must leave behind."""

    grid: int | tuple[int, ...]
    block: int | tuple[int, ...]
    arguments: Sequence[Values | Blank | int | float]
    checks: Sequence[Check]
    shared_bytes: int = 0
    cooperative: bool = False
    printed: str = ""
    fault: str | None = None  # the kind of fault the program must stop at; then there are no checks
    race: str = ""  # why the program has races that must be found; without it, it must have none


@dataclass(frozen=True)
class Case:
    """One row of the table, for each target."""

    source: str
    kernel: str
    shape: str
    against: str
    prepare: Callable[[], Run]

    @property
    def name(self) -> str:
        return f"{self.kernel}-{self.shape}"


def cases(
    source: str,
    kernel: str,
    against: str,
    prepare: Callable[..., Run],
    shapes: Mapping[str, tuple[Any, ...]],
) -> list[Case]:
    """One case for each shape: `prepare(*numbers)` with a generator seeded by the case's name as first argument."""

    def bound(shape: str, numbers: tuple[Any, ...]) -> Callable[[], Run]:
        seed = zlib.crc32(f"{kernel} {shape}".encode())
        return lambda: prepare(np.random.default_rng(seed), *numbers)

    return [Case(source, kernel, shape, against, bound(shape, numbers)) for shape, numbers in shapes.items()]


def normal(rng: np.random.Generator, *shape: int, dtype: npt.DTypeLike = np.float32) -> Values:
    return rng.standard_normal(shape).astype(dtype)


def wide(values: Values) -> Values:
    return values.astype(np.float64)


def ceil_div(a: int, b: int) -> int:
    return -(-a // b)
