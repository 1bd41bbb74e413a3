"""Whether a change may become the present policy: a paired comparison, decided by an interval and by what so many pairs
could have shown.

A pair is one task with one seed, on which both policies had the same few evaluations. A side's value is the mean over
these of log2 of its best reward so far (curves.py): in the end most searches find the same, and a better policy finds
it sooner. The bounds are Student's. What has no effect is accepted with a probability of at most `alpha`, however
often one looks: look k of n may err by alpha k^2 / (1 + 4 + ... + n^2), so that early looks decide what is plain, and
the last one has most of what may be erred by (a union bound, whatever the looks share; group sequential trials spend
alike: O'Brien and Fleming, Biometrics 35, 1979). What is put off costs a change, and no claim rests on it: each look
may err there by alpha / n. The least detectable difference is (t[1 - a] + t[0.8]) s / sqrt(n), a being what the look
may err by: one that large is found in four cases of five.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from kernelevo.counting import counted
from kernelevo.learning import GateResult, GateVerdict
from kernelevo.loop.student import quantile

POWER = 0.8
LEAST_PAIRS = 6
"""Fewer tell nothing: five signs alike come about by chance in 1/2**5, about all that even the last look may err by."""


@dataclass(frozen=True)
class GateRule:
    """`alpha` of all `looks` together; a change that gains less than `least_gain` (log2) is not worth having."""

    alpha: float = 0.05
    looks: int = 3
    least_gain: float = 0.05

    def __post_init__(self) -> None:
        if not (0 < self.alpha < 0.5 and self.looks >= 1 and self.least_gain > 0):
            raise ValueError(f"a rule has 0 < alpha < 0.5, at least one look and a positive least gain, not {self}")

    def may_err(self, look: int) -> float:
        """The probability with which look `look` (from 0) may accept what has no effect."""
        return self.alpha * (look + 1) ** 2 / sum((each + 1) ** 2 for each in range(self.looks))


def compare(
    before: Sequence[float | None], after: Sequence[float | None], rule: GateRule, look: int
) -> GateVerdict:
    """The verdict at look `look` (from 0) on the values (log2) of the same pairs under the present and the changed
    policy; None is missing data, and takes its pair away. A value below 0 would be worse than a start that passed:
    ValueError.
    """
    if len(before) != len(after):
        raise ValueError(f"pairs need both sides, not {len(before)} and {len(after)}")
    whole = [(old, new) for old, new in zip(before, after, strict=True) if old is not None and new is not None]
    if any(not 0 <= value < math.inf for pair in whole for value in pair):
        raise ValueError("the best of a task whose start passed is worth no less than the start")
    differences = [new - old for old, new in whole]
    missing = len(before) - len(whole)
    if len(differences) < LEAST_PAIRS:
        why = f"{counted(len(differences), 'pair')} of at least {LEAST_PAIRS} have a value on both sides"
        mean = statistics.fmean(differences) if differences else 0.0
        return GateVerdict(
            GateResult.UNDECIDED, mean, -math.inf, math.inf, math.inf, len(differences), missing, why
        )
    return _decide(differences, missing, rule, look)


def _decide(differences: Sequence[float], missing: int, rule: GateRule, look: int) -> GateVerdict:
    mean, low, high, detectable = bounds(differences, rule, look)
    pairs = len(differences)
    told = f"a mean difference of {mean:+.3f} in log2, {low:+.3f} to {high:+.3f}, over {counted(pairs, 'pair')}"

    def verdict(result: GateResult, why: str) -> GateVerdict:
        return GateVerdict(result, mean, low, high, detectable, pairs, missing, f"{told}: {why}")

    if low > 0 and not (low == mean and 0.5**pairs > rule.may_err(look)):  # without any spread the signs have to do
        return verdict(GateResult.ACCEPT, "it is better")
    if high < 0:
        return verdict(GateResult.REJECT, "it is worse")
    if high < rule.least_gain:
        return verdict(GateResult.REJECT, f"it gains less than {rule.least_gain:g}, which would be worth having")
    if mean <= 0 and detectable <= rule.least_gain:
        return verdict(GateResult.REJECT, f"no gain, and one of {rule.least_gain:g} would have been found")
    more = "more pairs may tell" if look + 1 < rule.looks else f"{counted(rule.looks, 'look')} could not tell"
    return verdict(GateResult.UNDECIDED, f"one below {detectable:.3f} may be missed; {more}")


def bounds(differences: Sequence[float], rule: GateRule, look: int) -> tuple[float, float, float, float]:
    """The mean, its bounds from below and above at this look, and the least detectable difference."""
    count = len(differences)
    mean, error = statistics.fmean(differences), statistics.stdev(differences) / math.sqrt(count)
    below, power = quantile(1 - rule.may_err(look), count - 1), quantile(POWER, count - 1)
    above = quantile(1 - rule.alpha / rule.looks, count - 1)
    return mean, mean - below * error, mean + above * error, (below + power) * error
