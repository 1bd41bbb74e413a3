"""Two classifiers asked for the same cases: how many more one tells right, and whether that can be chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

Array = np.ndarray
SCORE = 1.96
"""Of the normal distribution at 95 %, both sides."""


@dataclass(frozen=True)
class Paired:
    """Of `cases`, `first_alone` were told right by the first classifier alone and `second_alone` by the second alone.
    `difference` is the first's accuracy less the second's, with its interval (95 %), and `chance` the probability of so
    large a difference, either way, if neither were better (McNemar's exact test, Psychometrika 12, 1947).
    """

    cases: int
    first_alone: int
    second_alone: int
    difference: float
    low: float
    high: float
    chance: float

    def words(self, first: str, second: str) -> str:
        return (
            f"{first} less {second}: {100 * self.difference:+.1f} points (95 %: {100 * self.low:+.1f} to "
            f"{100 * self.high:+.1f}); right alone {self.first_alone} and {self.second_alone} of {self.cases:,} cases, "
            f"McNemar p = {self.chance:.2g}"
        )


def paired(first: Sequence[bool] | Array, second: Sequence[bool] | Array) -> Paired:
    """`first[i]` and `second[i]` say whether case i was told right; raises ValueError unless there are as many of both,
    and one at least.
    """
    one, other = np.asarray(first, bool), np.asarray(second, bool)
    if one.shape != other.shape or one.ndim != 1 or not len(one):
        raise ValueError(f"{one.shape} and {other.shape} cases cannot be compared one by one")
    alone, beaten = int((one & ~other).sum()), int((other & ~one).sum())
    chance = float(binomtest(alone, alone + beaten, 0.5).pvalue) if alone + beaten else 1.0
    return Paired(len(one), alone, beaten, (alone - beaten) / len(one), *_interval(alone, beaten, len(one)), chance)


def _interval(alone: int, beaten: int, cases: int) -> tuple[float, float]:
    """Agresti and Min (Statistics in Medicine 24, 2005): Wald's interval with a half more in each of the four cells."""
    more, less, count = alone + 0.5, beaten + 0.5, cases + 2
    middle = (more - less) / count
    reach = SCORE * math.sqrt((more + less) / count - middle * middle) / math.sqrt(count)
    return max(-1.0, middle - reach), min(1.0, middle + reach)
