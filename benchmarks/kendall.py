"""Kendall's rank correlation: how far two ways of measuring put the same things in the same order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float:
    """Tau-b (ties count in neither order): 1 the same order, -1 the reverse; nan where one side has a single value.

    M. G. Kendall, "The treatment of ties in ranking problems", Biometrika 33 (1945).
    """
    if len(first) != len(second):
        raise ValueError(f"{len(first)} values cannot be ranked against {len(second)}")
    pairs = [(_sign(b - a), _sign(d - c)) for (a, c), (b, d) in combinations(zip(first, second, strict=True), 2)]
    ordered = [sum(pair[side] != 0 for pair in pairs) for side in (0, 1)]
    if not all(ordered):
        return math.nan
    return sum(one * other for one, other in pairs) / math.sqrt(ordered[0] * ordered[1])


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)
