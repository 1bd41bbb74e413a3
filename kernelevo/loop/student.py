"""Quantiles of Student's distribution, without a library of statistics for one function.

For whole degrees of freedom the probability is a finite sum (Abramowitz and Stegun, "Handbook of Mathematical
Functions", 26.7.3 and 26.7.4, with theta = arctan(t / sqrt(nu))); the quantile is found by halving.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

MOST = 1e6
"""Beyond it lies less than any probability that is asked for."""


def probability(t: float, freedom: int) -> float:
    """P(T <= t)."""
    theta = math.atan(t / math.sqrt(freedom))
    cosine = math.cos(theta)
    if freedom % 2:
        terms = _sum(cosine, freedom // 2, cosine, lambda k: (2 * k) / (2 * k + 1))
        inside = 2 / math.pi * (theta + math.sin(theta) * terms)
    else:
        inside = math.sin(theta) * _sum(cosine, freedom // 2, 1.0, lambda k: (2 * k - 1) / (2 * k))
    return 0.5 + inside / 2


def _sum(cosine: float, count: int, first: float, ratio: Callable[[int], float]) -> float:
    """`count` terms, each the one before times a ratio and the squared cosine."""
    total, term = 0.0, first
    for k in range(1, count + 1):
        total += term
        term *= ratio(k) * cosine * cosine
    return total


@cache
def quantile(p: float, freedom: int) -> float:
    """The t with P(T <= t) = p."""
    if not (0 < p < 1 and freedom >= 1):
        raise ValueError(f"a quantile needs 0 < p < 1 and a degree of freedom, not {p} and {freedom}")
    low, high = -MOST, MOST
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if probability(middle, freedom) < p else (low, middle)
    return (low + high) / 2
