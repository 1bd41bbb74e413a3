"""Input distributions: what the elements of an input array are drawn from.

A check with one kind of numbers is easy to pass by accident (a mean of zero hides a wrong sum, small values hide
overflow), so a problem's inputs are drawn from several. None of the default ones makes NaN, infinities or subnormals:
a problem that wants them declares `specials`. Draws are made in float64 or int64 and then rounded to the element type;
normal numbers for types no wider than f32 are drawn in float32, because inputs of benchmark size take most of a judge's
time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernelevo.errors import BadInput
from kernelevo.kernel.dtypes import Array, DType, to_storage
from kernelevo.kernel.expressions import Expression, parse

Shape = tuple[int, ...]
Sampler = Callable[[np.random.Generator, Shape, DType, Mapping[str, int]], Array]


@dataclass(frozen=True)
class Distribution:
    """A named way to fill an array. `sampler` gives numbers (generator, shape, dtype, dims); `draw` rounds them to
    storage. `elementwise`: a single element may be replaced by one of another draw, and the array is still an input as
    the problem wants it.
    """

    name: str
    sampler: Sampler
    elementwise: bool = True

    def draw(
        self, rng: np.random.Generator, shape: Shape, dtype: DType, dims: Mapping[str, int] | None = None
    ) -> Array:
        """An array of `shape` in the storage of `dtype` (bf16 as uint16); the same generator state gives the same
        array.

        Raises BadInput if the sampler gives another shape, or integers that do not fit.
        """
        values = np.asarray(self.sampler(rng, shape, dtype, dims or {}))
        if values.shape != shape:
            raise BadInput(
                f"distribution {self.name} gave shape {values.shape} where {shape} was asked for; correct it"
            )
        return np.ascontiguousarray(to_storage(values, dtype))


def normal(mean: float = 0.0, std: float = 1.0) -> Distribution:
    """Normally distributed numbers."""
    name = f"normal({mean:g},{std:g})"
    return Distribution(name, lambda rng, shape, dtype, dims: _bell(rng, mean, std, shape, dtype))


def uniform(low: float = -1.0, high: float = 1.0) -> Distribution:
    """Uniformly distributed numbers in [low, high)."""
    return Distribution(f"uniform({low:g},{high:g})", lambda rng, shape, dtype, dims: rng.uniform(low, high, shape))


def biased(mean: float = 10.0) -> Distribution:
    """Numbers far from zero on one side: differences of sums lose digits, and an error in a mean shows."""
    return Distribution(f"biased({mean:g})", lambda rng, shape, dtype, dims: _bell(rng, mean, 1.0, shape, dtype))


def wide() -> Distribution:
    """Both signs, magnitudes spread evenly over many powers of two: 2^-16 to 2^16, and 2^-6 to 2^6 for f16."""

    def sample(rng: np.random.Generator, shape: Shape, dtype: DType, dims: Mapping[str, int]) -> Array:
        exponent = 6 if dtype.name == "f16" else 16
        values: Array = np.exp2(rng.uniform(-exponent, exponent, shape)) * rng.choice([-1.0, 1.0], shape)
        return values

    return Distribution("wide", sample)


def rare_huge(fraction: float = 0.001, magnitude: float = 1000.0) -> Distribution:
    """Normal numbers, with a few (at least one) of `magnitude`, as outliers in activations are."""

    def sample(rng: np.random.Generator, shape: Shape, dtype: DType, dims: Mapping[str, int]) -> Array:
        values = _bell(rng, 0.0, 1.0, shape, dtype)
        flat = values.reshape(-1)
        places = rng.integers(0, max(flat.size, 1), max(1, round(fraction * flat.size)))
        if flat.size:
            flat[places] = magnitude * rng.choice([-1.0, 1.0], places.size)
        return values

    return Distribution(f"rare_huge({fraction:g},{magnitude:g})", sample)


def constant_rows() -> Distribution:
    """One number per row (last axis): everything ties, and a variance is exactly zero."""

    def sample(rng: np.random.Generator, shape: Shape, dtype: DType, dims: Mapping[str, int]) -> Array:
        values = rng.normal(0.0, 2.0, (*shape[:-1], 1) if shape else ())
        return np.broadcast_to(values if dtype.is_float else np.abs(np.rint(values)), shape).copy()

    return Distribution("constant_rows", sample)


def integers(low: int | str = -4, high: int | str = 4) -> Distribution:
    """Whole numbers from low to high inclusive, in any element type; a limit may be an expression: integers(0,
    "vocabulary - 1").
    """
    limits = (_limit(low), _limit(high))

    def sample(rng: np.random.Generator, shape: Shape, dtype: DType, dims: Mapping[str, int]) -> Array:
        first, last = (limit.evaluate(dims) for limit in limits)
        first = max(first, 0) if dtype.kind == "uint" else first
        return rng.integers(first, last, shape, endpoint=True)

    return Distribution(f"integers({low},{high})", sample)


def constant(value: float) -> Distribution:
    """The same number everywhere."""
    return Distribution(f"constant({value:g})", lambda rng, shape, dtype, dims: np.full(shape, value))


def specials(kinds: Sequence[str], fraction: float = 0.01) -> Distribution:
    """Normal numbers among which some are special: any of "nan", "inf", "subnormal", "negative_zero"."""
    unknown = set(kinds) - set(_SPECIALS)
    if unknown or not kinds:
        raise BadInput(f"specials({list(kinds)}): choose from {', '.join(_SPECIALS)}")

    def sample(rng: np.random.Generator, shape: Shape, dtype: DType, dims: Mapping[str, int]) -> Array:
        values = rng.normal(0.0, 1.0, shape)
        chosen = rng.integers(0, len(kinds), shape)
        drawn = np.select([chosen == index for index in range(len(kinds))], [_SPECIALS[kind](dtype) for kind in kinds])
        return np.where(rng.random(shape) < fraction, drawn * rng.choice([-1.0, 1.0], shape), values)

    return Distribution(f"specials({','.join(kinds)})", sample)


def custom(name: str, function: Callable[[np.random.Generator, Shape], Any]) -> Distribution:
    """Numbers from a function of the problem file: function(rng, shape) -> array of that shape."""
    return Distribution(name, lambda rng, shape, dtype, dims: np.asarray(function(rng, shape)), elementwise=False)


def standard(dtype: DType) -> tuple[Distribution, ...]:
    """What an input is drawn from when its problem does not say."""
    if dtype.is_float:
        return (normal(), uniform(0.0, 1.0), biased(), wide(), rare_huge(), constant_rows(), integers())
    largest = int(np.iinfo(dtype.storage).max)
    return (integers(0, 1), integers(-min(largest, 100), min(largest, 100)), constant_rows())


def _bell(rng: np.random.Generator, mean: float, std: float, shape: Shape, dtype: DType) -> Array:
    if not dtype.is_float or dtype.name == "f64":
        return rng.normal(mean, std, shape)
    values: Array = np.asarray(rng.standard_normal(shape, dtype=np.float32))
    values *= np.float32(std)
    values += np.float32(mean)
    return values


def _limit(value: int | str) -> Expression:
    return Expression.constant(value) if isinstance(value, int) else parse(value, "integers()")


def _smallest_normal(dtype: DType) -> float:
    return 2.0 ** {"f16": -14, "bf16": -126, "f32": -126, "f64": -1022}[dtype.name]


_SPECIALS: Mapping[str, Callable[[DType], float]] = {
    "nan": lambda dtype: float("nan"),
    "inf": lambda dtype: float("inf"),
    "subnormal": lambda dtype: _smallest_normal(dtype) / 4,
    "negative_zero": lambda dtype: -0.0,
}
