"""From samples to figures with intervals: pure functions, the same for whoever measures, reports or measures again.

A time is a median, because what disturbs a call only ever makes it longer. Its interval is that of order statistics:
of n independent samples the number below the true median is binomial(n, 1/2) whatever the distribution, so that the
true median lies between the k-th smallest and the k-th largest with probability 1 - 2 P(binomial(n, 1/2) < k)
(David and Nagaraja, "Order Statistics", section 7.1). No shape of the noise is assumed, and nothing is thrown away.
Whoever looks after each sample and stops when the interval is narrow is right less often: at 95 % a look, in as few as
85 % of the runs where two modes are about as frequent. So a look takes LOOK_CONFIDENCE, which holds what is claimed.

Two kernels are compared in blocks A B B A: a drift that is linear over a block cancels in
(log A + log A - log B - log B) / 2, and the median of the blocks' values, with its interval, is the ratio's logarithm.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from kernelevo.measurement import Estimate

CONFIDENCE = 0.95
LOOK_CONFIDENCE = 0.99
"""Of the interval that one look takes; with too few samples for it, the widest there is."""
LEAST_SAMPLES = 6
"""With fewer, no interval of order statistics holds the median with 95 %: 1 - 2 / 2**5 is 93.75 %."""
DRIFT_SCORE = 3.3
"""Mann-Kendall's z beyond which a trend is no chance (two-sided, one in a thousand)."""


def median_interval(samples: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """The median of positive or negative samples, and the narrowest symmetric pair of order statistics that holds the
    true one with at least LOOK_CONFIDENCE, so that it does with this confidence even if the samples ended because it
    is narrow. With too few samples for that, the least and greatest, and the confidence that these have, if it is
    smaller. Raises ValueError without a finite sample.
    """
    ordered = sorted(samples)
    if not ordered or not all(map(math.isfinite, ordered)):
        raise ValueError(f"a median needs finite samples, but there are {len(ordered)}: {list(samples)[:5]}")
    outer = _rank(len(ordered), max(confidence, LOOK_CONFIDENCE))
    low, high = ordered[outer - 1], ordered[-outer]
    held = min(_coverage(len(ordered), outer), confidence)
    return Estimate(statistics.median(ordered), low, high, held, len(ordered))


def _rank(count: int, confidence: float) -> int:
    """The greatest k for which the k-th smallest and the k-th largest hold the median; 1 if none is sure enough."""
    rank = 1
    while 2 * (rank + 1) <= count and _coverage(count, rank + 1) >= confidence:
        rank += 1
    return rank


def _coverage(count: int, rank: int) -> float:
    below = sum(math.comb(count, successes) for successes in range(rank))
    return max(1.0 - 2.0 * below / 2**count, 0.0)


def ratio_interval(blocks: Sequence[tuple[float, float, float, float]], confidence: float = CONFIDENCE) -> Estimate:
    """How many times as fast A is as B, from blocks (A, B, B, A) of times in any unit, in the order of the calls."""
    halves = [
        (math.log(first_b) + math.log(second_b) - math.log(first_a) - math.log(second_a)) / 2
        for first_a, first_b, second_b, second_a in blocks
    ]
    logs = median_interval(halves, confidence)
    return Estimate(math.exp(logs.value), math.exp(logs.low), math.exp(logs.high), logs.confidence, logs.samples)


@dataclass(frozen=True)
class StopRule:
    """Enough samples: at least `least`, and then until the interval is no wider than `width` of the median, or `most`
    are there.
    """

    least: int
    most: int
    width: float

    def __post_init__(self) -> None:
        if not LEAST_SAMPLES <= self.least <= self.most or not self.width > 0:
            raise ValueError(f"a rule takes at least {LEAST_SAMPLES} samples and a positive width, not {self}")

    def satisfied(self, samples: Sequence[float]) -> bool:
        if len(samples) < self.least:
            return False
        return len(samples) >= self.most or median_interval(samples).relative_width <= self.width


@dataclass(frozen=True)
class Drift:
    """A trend over the calls: `score` is Mann-Kendall's z, `change` what it amounts to from first to last, relative to
    the median (Theil and Sen's slope).
    """

    score: float
    change: float

    @property
    def is_real(self) -> bool:
        return abs(self.score) > DRIFT_SCORE


def drift(samples: Sequence[float]) -> Drift:
    """The trend of samples in the order of their calls (Mann, Econometrica 13, 1945; Sen, JASA 63, 1968)."""
    count = len(samples)
    if count < LEAST_SAMPLES:
        return Drift(0.0, 0.0)
    pairs = list(combinations(range(count), 2))
    signs = sum(_sign(samples[later] - samples[earlier]) for earlier, later in pairs)
    variance = count * (count - 1) * (2 * count + 5) / 18
    slope = statistics.median((samples[later] - samples[earlier]) / (later - earlier) for earlier, later in pairs)
    middle = statistics.median(samples)
    # The step toward zero is the continuity correction.
    return Drift((signs - _sign(signs)) / math.sqrt(variance), slope * (count - 1) / middle if middle else 0.0)


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def spread(samples: Sequence[float]) -> float:
    """The standard deviation that a normal distribution with this median absolute deviation has."""
    middle = statistics.median(samples)
    return 1.4826 * statistics.median(abs(sample - middle) for sample in samples)


def share_interval(count: int, of: int, score: float = 1.96) -> tuple[float, float]:
    """What the true share lies between, of which `count` in `of` independent trials tell (95 %; Wilson, 1927). Of no
    trial, 0 and 1.
    """
    if of == 0:
        return 0.0, 1.0
    share, spread_of = count / of, score * score / of
    middle = share + spread_of / 2
    reach = score * math.sqrt(share * (1 - share) / of + spread_of / (4 * of))
    return max(0.0, (middle - reach) / (1 + spread_of)), min(1.0, (middle + reach) / (1 + spread_of))
