"""Styles: how an honest implementation computes. A precision, an order of summation, and what moves its results.

block        256 strided partial sums, then a tree   one block; not among those that a tolerance is derived from
sequential   ((t0 + t1) + t2) + ...                  one thread, the worst of the honest ones
lanes        32 strided partial sums, then a tree    one warp, the usual GPU reduction
fours        4 strided partial sums, then a tree     one thread with vector loads
reversed     sequential from the last term
pairwise     NumPy's own (blocks of 128, then a tree)
jitter       as lanes, and every arithmetic result is moved by one ulp up or down at random: what another formula,
             an approximate function (2 ulp) or a fused multiply-add may do. It shows how ill-conditioned the
             computation is where an order alone happens to be exact (Monte Carlo arithmetic, Parker 1997).
shuffled     sequential in an order of chance           atomics; asked where outputs are so few that the errors of the
             styles above may all be small by luck
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray

LANES = 32


@dataclass(frozen=True)
class Precision:
    """A compute dtype: the NumPy dtype that carries it, and the mantissa bits (with the hidden one) that it keeps.

    With `factor_bits`, the factors of matrix products keep only so many, and their sums all `bits`: what a tensor core
    does with f32.
    """

    name: str
    carrier: np.dtype
    bits: int
    factor_bits: int | None = None

    @property
    def epsilon(self) -> float:
        """Half an ulp of 1: the largest relative error of one rounding."""
        return 2.0 ** -(self.factor_bits or self.bits)

    @property
    def ulp(self) -> float:
        """An ulp of 1 as any result but a factor of a product is rounded to."""
        return 2.0 ** (1 - self.bits)

    def round(self, values: Any) -> Any:
        """`values` as this precision holds them; anything that is not a float comes back as it is."""
        if not is_float(values):
            return values
        carried = values if values.dtype == self.carrier else values.astype(self.carrier)
        return _drop_bits(carried, _CARRIED_BITS[self.carrier.itemsize] - self.bits) if self.is_carried else carried

    @property
    def is_carried(self) -> bool:
        """Whether NumPy has no dtype of its own for it."""
        return self.bits < _CARRIED_BITS[self.carrier.itemsize]

    def factor(self, values: Array) -> Array:
        """`values` as they enter a matrix product."""
        if self.factor_bits is None or not is_float(values):
            return values
        dropped: Array = _drop_bits(values.astype(np.float32), 24 - self.factor_bits)
        return dropped


_CARRIED_BITS = {2: 11, 4: 24, 8: 53}

PRECISIONS = {
    "f64": Precision("f64", np.dtype(np.float64), 53),
    "f32": Precision("f32", np.dtype(np.float32), 24),
    "tf32": Precision("tf32", np.dtype(np.float32), 24, factor_bits=11),
    "f16": Precision("f16", np.dtype(np.float16), 11),
    "bf16": Precision("bf16", np.dtype(np.float32), 8),
    "bf16-factors": Precision("bf16-factors", np.dtype(np.float32), 24, factor_bits=8),
    "fp8": Precision("fp8", np.dtype(np.float32), 4),
}
"""tf32 and bf16-factors round the factors of matrix products and add up in f32; fp8 has the significand of e4m3, and
any exponent, as if it were scaled.
"""
LOWER: dict[str, tuple[str, ...]] = {
    "f64": ("f32",),
    "f32": ("tf32", "f16"),
    "tf32": ("bf16-factors", "f16"),
    "f16": ("bf16",),
    "bf16": ("fp8",),
}
"""The next precisions down, which an honest tolerance must refuse."""


def _drop_bits(values: Any, bits: int) -> Any:
    """float32 values rounded to nearest even with `bits` mantissa bits fewer; NaN and infinity stay."""
    raw = np.ascontiguousarray(values).view(np.uint32)
    rounded = raw + ((1 << (bits - 1)) - 1) + ((raw >> bits) & 1)
    kept = (rounded & np.uint32(~((1 << bits) - 1) & 0xFFFFFFFF)).view(np.float32)
    kept = np.where(np.isfinite(values), kept, values)
    return kept.reshape(values.shape) if isinstance(values, np.ndarray) else kept.reshape(())[()]


class Sum:
    """Adds (or multiplies) at a precision, rounding every intermediate result to it. NumPy does that by itself where it
    has the precision's own dtype; bf16 and fp8, which it carries in f32, are rounded here, step by step.
    """

    STEPS = 1 << 12
    """Longer sums of a carried precision are cut into so many parts, each added up in f32 and then rounded."""

    def __init__(self, ufunc: np.ufunc, precision: Precision) -> None:
        self.ufunc = ufunc
        self.round = precision.round if precision.is_carried else None

    def plus(self, left: Array, right: Array) -> Array:
        result: Array = self.ufunc(left, right)
        return result if self.round is None else self.round(result)

    def in_turn(self, terms: Array, axis: int) -> Array:
        """One after the other along an axis that is not empty."""
        if self.round is None and axis == -1:
            return self.ufunc.accumulate(terms, axis=-1)[..., -1]
        if self.round is None:
            return self.ufunc.reduce(terms, axis=axis)
        parts = np.moveaxis(terms, axis, 0)
        return functools.reduce(self.plus, parts if len(parts) <= self.STEPS else self._shortened(parts))

    def pairwise(self, terms: Array) -> Array:
        """Along the last axis, in NumPy's own order, or as a tree."""
        if self.round is None:
            return self.ufunc.reduce(np.ascontiguousarray(terms), axis=-1)
        while terms.shape[-1] > 1:
            half, odd = divmod(terms.shape[-1], 2)
            added = self.plus(terms[..., :half], terms[..., half : 2 * half])
            terms = np.concatenate([added, terms[..., -1:]], axis=-1) if odd else added
        return terms[..., 0]

    def _shortened(self, parts: Array) -> Array:
        width = -(-len(parts) // self.STEPS)
        assert self.round is not None
        shortened: Array = self.round(self.ufunc.reduceat(parts, range(0, len(parts), width), axis=0))
        return shortened


Fold = Callable[[Sum, Array], Array]
"""Folds the last axis of an array."""
Adder = Callable[[Sum, list[Array]], Array]
"""Adds up arrays of one shape."""


def _sequential(total: Sum, terms: Array) -> Array:
    return total.in_turn(terms, -1)


def _reversed(total: Sum, terms: Array) -> Array:
    return total.in_turn(terms[..., ::-1], -1)


def _strided(lanes: int) -> Fold:
    """`lanes` partial sums over every lanes-th term, then a tree; lanes is a power of two."""

    def fold(total: Sum, terms: Array) -> Array:
        count = terms.shape[-1]
        whole = count - count % lanes
        rounds = terms[..., :whole].reshape(*terms.shape[:-1], -1, lanes)
        partial = np.full((*terms.shape[:-1], lanes), total.ufunc.identity, terms.dtype)
        if whole:
            partial[...] = total.in_turn(rounds, -2)
        partial[..., : count - whole] = total.plus(partial[..., : count - whole], terms[..., whole:])
        while partial.shape[-1] > 1:
            half = partial.shape[-1] // 2
            partial = total.plus(partial[..., :half], partial[..., half:])
        return partial[..., 0]

    return fold


def _pairwise(total: Sum, terms: Array) -> Array:
    return total.pairwise(terms)


def _add_in_turn(total: Sum, parts: list[Array]) -> Array:
    return functools.reduce(total.plus, parts)


def _add_strided(lanes: int) -> Adder:
    def add(total: Sum, parts: list[Array]) -> Array:
        partial = [_add_in_turn(total, parts[lane::lanes]) for lane in range(min(lanes, len(parts)))]
        return _add_as_tree(total, partial)

    return add


def _add_as_tree(total: Sum, parts: list[Array]) -> Array:
    while len(parts) > 1:
        half = (len(parts) + 1) // 2
        parts = [total.plus(parts[at], parts[at + half]) if at + half < len(parts) else parts[at] for at in range(half)]
    return parts[0]


@dataclass(frozen=True)
class Order:
    """An order of summation: over the last axis of an array, and over a list of arrays of one shape."""

    fold: Fold
    add: Adder


def _shuffled(seed: int) -> Order:
    """Sequential in an order that `seed` draws, the same for all sums of one length."""

    def order(count: int) -> Array:
        return np.random.default_rng((seed, count)).permutation(count)

    def fold(total: Sum, terms: Array) -> Array:
        return total.in_turn(terms[..., order(terms.shape[-1])], -1)

    return Order(fold, lambda total, parts: _add_in_turn(total, [parts[at] for at in order(len(parts))]))


_SEQUENTIAL = Order(_sequential, _add_in_turn)
_REVERSED = Order(_reversed, lambda total, parts: _add_in_turn(total, parts[::-1]))
_BY_LANES = Order(_strided(LANES), _add_strided(LANES))
_BY_FOURS = Order(_strided(4), _add_strided(4))
_PAIRWISE = Order(_pairwise, _add_as_tree)


class Jitter:
    """Moves numbers by one ulp of a precision, up or down at random; the same seed gives the same moves."""

    CHUNK = 1 << 16

    def __init__(self, precision: Precision, seed: int) -> None:
        self._factors, state = _moves(precision, seed, 2 * self.CHUNK)
        self._rng = np.random.Generator(np.random.PCG64(0))
        self._rng.bit_generator.state = state

    def move(self, values: Any) -> Any:
        """The float `values`, each multiplied by 1 - ulp or 1 + ulp."""
        flat = np.asarray(values).reshape(-1)
        moved = np.empty_like(flat)
        for start in range(0, flat.size, self.CHUNK):
            part = flat[start : start + self.CHUNK]
            first = int(self._rng.integers(self.CHUNK))
            np.multiply(part, self._factors[first : first + part.size], out=moved[start : start + part.size])
        return moved.reshape(np.shape(values))[()]


@functools.cache
def _moves(precision: Precision, seed: int, count: int) -> tuple[Array, Mapping[str, Any]]:
    """The random factors of a Jitter, and the state of the generator after them: drawn once, for every trial needs
    them.
    """
    rng = np.random.default_rng(seed)
    ulp = precision.ulp
    factors = rng.choice(np.array([1 - ulp, 1 + ulp], precision.carrier), count)
    factors.flags.writeable = False
    return factors, rng.bit_generator.state


@dataclass(frozen=True)
class Style:
    """How an implementation computes: its precision, its order of summation, and what moves its results."""

    precision: Precision
    order: Order
    jitter: Jitter | None = None

    def total(self, ufunc: np.ufunc) -> Sum:
        """How it adds (or multiplies) up."""
        return Sum(ufunc, self.precision)

    def settle(self, values: Any, *, exact: bool) -> Any:
        """A fresh result as this implementation would have it."""
        rounded = self.precision.round(values)
        if exact or self.jitter is None or not is_float(rounded):
            return rounded
        return self.precision.round(self.jitter.move(rounded))


STYLES: dict[str, Callable[[Precision], Style]] = {
    "sequential": lambda precision: Style(precision, _SEQUENTIAL),
    "jitter": lambda precision: Style(precision, _BY_LANES, Jitter(precision, 1)),
    "lanes": lambda precision: Style(precision, _BY_LANES),
    "fours": lambda precision: Style(precision, _BY_FOURS),
    "reversed": lambda precision: Style(precision, _REVERSED),
    "pairwise": lambda precision: Style(precision, _PAIRWISE),
    "jitter again": lambda precision: Style(precision, _BY_LANES, Jitter(precision, 2)),
}
SHUFFLED: dict[str, Callable[[Precision], Style]] = {
    f"shuffled {seed}": lambda precision, seed=seed: Style(precision, _shuffled(seed)) for seed in range(1, 7)
}


BLOCK = 256


def block(precision: Precision) -> Style:
    """An honest implementation that no tolerance is derived from, so that it can be held to one."""
    return Style(precision, Order(_strided(BLOCK), _add_strided(BLOCK)))


def is_float(values: Any) -> bool:
    return isinstance(values, np.ndarray | np.generic) and values.dtype.kind == "f"
