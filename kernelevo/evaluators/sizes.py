"""Which sizes a shape fuzzer draws: small ones, powers of two and their neighbours, and any others up to what is cheap.

One dimension after the other gets a size, each no larger than leaves the whole example affordable while the others are
as small as they may be. A constraint such as `width % 16 == 0` shows in which sizes the problem allows; drawn are
multiples of what these have in common. Constraints between dimensions are looked after then (`tied_sizes.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kernelevo.evaluators.tied_sizes import Ties, conditions
from kernelevo.kernel.problem import Problem

CHEAP, LARGE = 1 << 16, 1 << 20
"""Work of an example: elements of all tensors, or multiplications, whatever is more. Most are cheap."""
LARGE_EVERY = 6
LOOKED_AT = 512
"""Sizes at which a dimension's constraints are tried."""
SMALL = 40

Whole = Callable[[int, int], int]
"""Draws a whole number between two, both included."""


@dataclass(frozen=True)
class Dimension:
    """Sizes are multiples of `granule`, and at most `most`, if there is a limit."""

    name: str
    granule: int
    most: int | None


class Sizes:
    """Draws sizes; nearly all of them are allowed by the problem (ask it)."""

    def __init__(self, problem: Problem, most: Mapping[str, int] | None = None) -> None:
        """`most` bounds sizes by the names of dimensions."""
        self._problem = problem
        self._ties = Ties(problem)
        self.dimensions = [_dimension(problem, name, (most or {}).get(name)) for name in problem.dims]

    def draw(self, whole: Whole, limit: int = 0) -> dict[str, int]:
        """A size for every dimension, in the problem's order, for at most so much work (0: now and then LARGE)."""
        if not limit:
            limit = LARGE if whole(0, LARGE_EVERY - 1) == LARGE_EVERY - 1 else CHEAP
        first = whole(0, len(self.dimensions) - 1)
        sizes = {each.name: each.granule for each in self.dimensions}
        for turn, dimension in enumerate((*self.dimensions[first:], *self.dimensions[:first])):
            room = self._room(dimension, sizes, limit)
            count = _large(whole, room) if limit > CHEAP and turn == 0 else _count(whole, room)
            sizes[dimension.name] = dimension.granule * count
        return self._ties.mended(whole, sizes, lambda changed: self._fits(changed, limit))

    def _fits(self, sizes: Mapping[str, int], limit: int) -> bool:
        within = all(each.most is None or sizes[each.name] <= each.most for each in self.dimensions)
        return within and self.work(sizes) <= limit

    def _room(self, dimension: Dimension, sizes: Mapping[str, int], limit: int) -> int:
        """How many granules are affordable, at least one."""
        low, high = 1, LARGE if dimension.most is None else max(1, dimension.most // dimension.granule)
        while low < high:
            middle = (low + high + 1) // 2
            affordable = self.work({**sizes, dimension.name: middle * dimension.granule}) <= limit
            low, high = (middle, high) if affordable else (low, middle - 1)
        return low

    def work(self, dims: Mapping[str, int]) -> int:
        """What an example of these sizes costs, roughly."""
        problem = self._problem
        shapes = [[extent.evaluate(dims) for extent in tensor.shape] for tensor in problem.tensors]
        elements = sum(math.prod(max(extent, 1) for extent in shape) for shape in shapes)
        # Without an expression for it, a kernel may well do something for each combination of indices.
        operations = problem.operations(dims)
        return max(elements, math.prod(dims.values()) if operations is None else operations // 2)


def _count(whole: Whole, most: int) -> int:
    """From 1 to most: small, or of any magnitude."""
    if whole(0, 3) == 0:
        return whole(1, min(most, SMALL))
    return _near(whole, whole(0, most.bit_length() - 1), most)


def _large(whole: Whole, most: int) -> int:
    """From 1 to most, in the upper half of magnitudes."""
    return _near(whole, whole(most.bit_length() // 2, most.bit_length() - 1), most)


def _near(whole: Whole, power: int, most: int) -> int:
    """A power of two or a neighbour of it, or anything up to the next power; at most `most`."""
    if whole(0, 2) == 0:
        return min(most, max(1, (1 << power) + whole(-1, 1)))
    return whole(min(1 << power, most), min((2 << power) - 1, most))


def _dimension(problem: Problem, name: str, most: int | None) -> Dimension:
    """By what limits this dimension alone: constraints on two of them say nothing about one."""
    alone = [each for each in conditions(problem) if each.names == {name}]
    allowed = {size for size in range(1, LOOKED_AT + 1) if all(each.holds({name: size}) for each in alone)} or {
        case.dims[name] for case in (*problem.tests, *problem.benchmarks)
    }
    granule = math.gcd(*allowed)
    limited = max(allowed) <= LOOKED_AT - granule
    bounds = [bound for bound in (max(allowed) if limited else None, most) if bound is not None]
    return Dimension(name, granule, min(bounds, default=None))
