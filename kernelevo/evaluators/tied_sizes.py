"""Sizes that depend on each other: `rows == cols`, `heads * width == model`, an extent of `n - taps + 1`.

Dimensions are drawn one by one, and such conditions then hold by luck only. So one dimension after the other is given
the size with which most conditions hold, out of those that the others suggest (theirs, their products and quotients,
multiples and halves) and those that it has in a case of the problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from kernelevo.kernel.expressions import Expression, ExpressionError
from kernelevo.kernel.problem import Problem

FACTORS = (2, 3, 4, 8)
SMALL = 8
"""Sizes up to this one are always tried."""

Whole = Callable[[int, int], int]
Allowed = Callable[[Mapping[str, int]], bool]


@dataclass(frozen=True)
class Condition:
    """What sizes must fulfil: the expression is at least so much (an extent), or not zero (a constraint)."""

    expression: Expression
    least: int | None

    @property
    def names(self) -> frozenset[str]:
        return self.expression.names

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """Not where the expression has no value at these sizes."""
        try:
            value = self.expression.evaluate(sizes)
        except ExpressionError:
            return False
        return value != 0 if self.least is None else value >= self.least


def conditions(problem: Problem) -> list[Condition]:
    """All that `Problem.allows` asks of sizes."""
    extents = [Condition(extent, 1) for tensor in problem.tensors for extent in tensor.shape]
    return extents + [Condition(constraint, None) for constraint in problem.constraints]


class Ties:
    """The conditions of a problem on more than one dimension; `names` are those that have any, in order."""

    def __init__(self, problem: Problem) -> None:
        self._conditions = conditions(problem)
        tied = [each.names for each in self._conditions if len(each.names) > 1]
        self.names = tuple(name for name in problem.dims if any(name in names for names in tied))
        self._known = [case.dims for case in (*problem.tests, *problem.benchmarks)]

    def mended(self, whole: Whole, sizes: Mapping[str, int], fits: Allowed) -> dict[str, int]:
        """The sizes, changed until every condition holds, or no change of one of them makes more of them hold. Each
        change `fits`.
        """
        mended = dict(sizes)
        for _ in self.names:
            if not self._broken(mended):
                break
            first = whole(0, len(self.names) - 1)
            turns = [self._changes(name, mended, fits) for name in (*self.names[first:], *self.names[:first])]
            changes = [change for turn in turns for change in turn]
            fewest = min(map(self._broken, changes), default=self._broken(mended))
            if fewest >= self._broken(mended):
                break
            best = [change for change in changes if self._broken(change) == fewest]
            mended = best[whole(0, len(best) - 1)]
        return mended

    def _broken(self, sizes: Mapping[str, int]) -> int:
        return sum(not each.holds(sizes) for each in self._conditions)

    def _changes(self, name: str, sizes: Mapping[str, int], fits: Allowed) -> list[dict[str, int]]:
        changed = [{**sizes, name: size} for size in sorted(set(self._suggested(name, sizes)))]
        return [each for each in changed if each[name] > 0 and each != sizes and fits(each)]

    def _suggested(self, name: str, sizes: Mapping[str, int]) -> Iterator[int]:
        mine, others = sizes[name], [sizes[other] for other in self.names if other != name]
        yield from range(1, SMALL + 1)
        yield from (dims[name] for dims in self._known)
        yield from (mine >> shift for shift in range(1, mine.bit_length()))
        pairs = [(one, two) for place, one in enumerate(others) for two in others[place + 1 :]]
        related = {*others, *(one * two for one, two in pairs), *(max(pair) // min(pair) for pair in pairs)}
        for size in related:
            yield from (size - 1, size, size + 1, mine // size * size, (mine // size + 1) * size)
            yield from (size * factor for factor in FACTORS)
            yield from (size // factor for factor in FACTORS)
