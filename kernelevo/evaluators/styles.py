"""Styles: how an honest implementation computes. A precision, an order of summation, and what moves its results.

sequential   ((t0 + t1) + t2) + ...                  one thread, the worst of the honest ones
lanes        32 strided partial sums, then a tree    one warp, the usual GPU reduction
fours        4 strided partial sums, then a tree     one thread with vector loads
reversed     sequential from the last term
pairwise     NumPy's own (blocks of 128, then a tree)
jitter       as lanes, and every arithmetic result is moved by one ulp up or down at random: what another formula,
             an approximate function (2 ulp) or a fused multiply-add may do. It shows how ill-conditioned the
             computation is where an order alone happens to be exact (Monte Carlo arithmetic, Parker 1997).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray
Fold = Callable[[np.ufunc, Array], Array]
"""Folds the last axis of an array with a ufunc, rounding at the array's dtype."""
Adder = Callable[[list[Array]], Array]
"""Adds up arrays of one shape, rounding at their dtype."""

LANES = 32


@dataclass(frozen=True)
class Precision:
    """A compute dtype: the NumPy dtype that carries it, and the mantissa bits (with the hidden one) that it keeps."""

    name: str
    carrier: np.dtype
    bits: int

    @property
    def epsilon(self) -> float:
        """Half an ulp of 1: the largest relative error of one rounding."""
        return 2.0**-self.bits

    def round(self, values: Any) -> Any:
        """`values` as this precision holds them; anything that is not a float comes back as it is."""
        if not is_float(values):
            return values
        carried = values if values.dtype == self.carrier else values.astype(self.carrier)
        return _drop_bits(carried, 24 - self.bits) if self.name == "bf16" else carried


PRECISIONS = {
    "f64": Precision("f64", np.dtype(np.float64), 53),
    "f32": Precision("f32", np.dtype(np.float32), 24),
    "f16": Precision("f16", np.dtype(np.float16), 11),
    "bf16": Precision("bf16", np.dtype(np.float32), 8),
}
LOWER = {"f64": "f32", "f32": "f16", "f16": "bf16"}
"""The next precision down, which an honest tolerance must refuse."""


def _drop_bits(values: Any, bits: int) -> Any:
    """float32 values rounded to nearest even with `bits` mantissa bits fewer; NaN and infinity stay."""
    raw = np.ascontiguousarray(values).view(np.uint32)
    rounded = raw + ((1 << (bits - 1)) - 1) + ((raw >> bits) & 1)
    kept = (rounded & np.uint32(~((1 << bits) - 1) & 0xFFFFFFFF)).view(np.float32)
    kept = np.where(np.isfinite(values), kept, values)
    return kept.reshape(values.shape) if isinstance(values, np.ndarray) else kept.reshape(())[()]


def _sequential(ufunc: np.ufunc, terms: Array) -> Array:
    return ufunc.accumulate(terms, axis=-1)[..., -1]


def _reversed(ufunc: np.ufunc, terms: Array) -> Array:
    return _sequential(ufunc, terms[..., ::-1])


def _strided(lanes: int) -> Fold:
    """`lanes` partial sums over every lanes-th term, then a tree; lanes is a power of two."""

    def fold(ufunc: np.ufunc, terms: Array) -> Array:
        count = terms.shape[-1]
        whole = count - count % lanes
        rounds = terms[..., :whole].reshape(*terms.shape[:-1], -1, lanes)
        partial = np.full((*terms.shape[:-1], lanes), ufunc.identity, terms.dtype)
        if whole:
            partial[...] = ufunc.reduce(rounds, axis=-2)
        partial[..., : count - whole] = ufunc(partial[..., : count - whole], terms[..., whole:])
        while partial.shape[-1] > 1:
            half = partial.shape[-1] // 2
            partial = ufunc(partial[..., :half], partial[..., half:])
        return partial[..., 0]

    return fold


def _pairwise(ufunc: np.ufunc, terms: Array) -> Array:
    return ufunc.reduce(np.ascontiguousarray(terms), axis=-1)


def _add_in_turn(parts: list[Array]) -> Array:
    return functools.reduce(np.add, parts)


def _add_strided(lanes: int) -> Adder:
    def add(parts: list[Array]) -> Array:
        partial = [_add_in_turn(parts[lane::lanes]) for lane in range(min(lanes, len(parts)))]
        return _add_as_tree(partial)

    return add


def _add_as_tree(parts: list[Array]) -> Array:
    while len(parts) > 1:
        half = (len(parts) + 1) // 2
        parts = [parts[at] + parts[at + half] if at + half < len(parts) else parts[at] for at in range(half)]
    return parts[0]


@dataclass(frozen=True)
class Order:
    """An order of summation: over the last axis of an array, and over a list of arrays of one shape."""

    fold: Fold
    add: Adder


_SEQUENTIAL = Order(_sequential, _add_in_turn)
_REVERSED = Order(_reversed, lambda parts: _add_in_turn(parts[::-1]))
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
    ulp = 2 * precision.epsilon
    factors = rng.choice(np.array([1 - ulp, 1 + ulp], precision.carrier), count)
    factors.flags.writeable = False
    return factors, rng.bit_generator.state


@dataclass(frozen=True)
class Style:
    """How an implementation computes: its precision, its order of summation, and what moves its results."""

    precision: Precision
    order: Order
    jitter: Jitter | None = None

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


def is_float(values: Any) -> bool:
    return isinstance(values, np.ndarray | np.generic) and values.dtype.kind == "f"
