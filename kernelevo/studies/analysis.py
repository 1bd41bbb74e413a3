"""From scores of arms by seed and task to means with intervals, differences and costs: pure functions.

A score is log2 of the reward of what an arm found, as it was judged anew on a draw that had no part in finding it; what
then fails is worth its start, 0. Arms are compared on the same seeds and tasks, so that these are drawn together: the
interval of a mean, or of a difference of means, is that between the percentiles of 4000 draws with replacement of seeds
and of tasks (two-way bootstrap; Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1, 2007: conservative).
"""

from __future__ import annotations

import functools
import math
import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

DRAWS = 4000
CONFIDENCE = 0.95
Scores = Mapping[tuple[int, str], float]
"""By seed and task."""


@dataclass(frozen=True)
class Mean:
    """With the bounds of its interval at CONFIDENCE; `seeds` and `tasks` that it rests on."""

    mean: float
    low: float
    high: float
    seeds: int
    tasks: int


def log2_score(reward: float | None) -> float:
    """What failed when it was judged anew keeps the start; so does what is slower."""
    return max(0.0, math.log2(reward)) if reward else 0.0


def mean_of(scores: Scores, seed: int = 0) -> Mean:
    """Raises ValueError without scores."""
    seeds, tasks = _both(scores)
    draws = sorted(_mean(scores, *drawn) for drawn in _draws(tuple(seeds), tuple(tasks), seed))
    tail = (1 - CONFIDENCE) / 2
    low, high = draws[math.floor(tail * DRAWS)], draws[math.ceil((1 - tail) * DRAWS) - 1]
    return Mean(_mean(scores, seeds, tasks), low, high, len(seeds), len(tasks))


def difference_of(one: Scores, other: Scores, seed: int = 0) -> Mean:
    """Of one arm's mean to another's, over the seeds and tasks that both have."""
    shared = one.keys() & other.keys()
    return mean_of({key: one[key] - other[key] for key in shared}, seed)


def _both(scores: Scores) -> tuple[list[int], list[str]]:
    if not scores:
        raise ValueError("a mean needs scores, and there are none")
    return sorted({seed for seed, _ in scores}), sorted({task for _, task in scores})


@functools.lru_cache(maxsize=4)
def _draws(seeds: tuple[int, ...], tasks: tuple[str, ...], seed: int) -> list[tuple[list[int], list[str]]]:
    """Drawn once for all figures of the same seeds and tasks, of which a study has a hundred."""
    source = random.Random(seed)
    return [(source.choices(seeds, k=len(seeds)), source.choices(tasks, k=len(tasks))) for _ in range(DRAWS)]


def _mean(scores: Scores, seeds: Sequence[int], tasks: Sequence[str]) -> float:
    """Over the pairs that there are; a draw without any is worth nothing."""
    values = [scores[seed, task] for seed in seeds for task in tasks if (seed, task) in scores]
    return statistics.fmean(values) if values else 0.0


def cost_per_gain(evaluations: float, gain: Mean) -> float | None:
    """Evaluations for a gain of 1 in log2 (twice as fast); None where nothing was gained."""
    return evaluations / gain.mean if gain.mean > 0 else None
