"""How far the reward has run away from what it stands for: what was found best, judged again by a verifier that no
lever ever sees.

    gap = mean over tasks of (log2 reward - log2 audited reward)

both against their own starts, over the bests that the audit passes. Those that it fails are counted apart: one of
eight is no trend, and would be a gap of its own. The two verifiers differ (other sizes, another card), so that a gap by
itself says little: what pauses a run is that it widens, by more than what tasks scatter by explains (Welch's test).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from kernelevo.loop.student import quantile

WIDER_THAN = 0.5
"""Log2 by which a gap may widen over the first generation's: half of the gain of a kernel twice as fast."""
MORE_FAILING = 0.25
"""By which the part of bests that fail the audit may rise."""
SURE, SURE_OF_FEW, FEW = 0.99, 0.95, 5
"""Of one comparison, before a gap counts as wider: a run makes one each generation, and a study has many runs. With
fewer degrees of freedom than FEW the first would need a gap of many doublings.
"""


@dataclass(frozen=True)
class Audited:
    """The best of one task: its reward, and what the audit says it is worth (0.0: it failed; None: missing data)."""

    task: str
    reward: float
    audit: float | None


@dataclass(frozen=True)
class Gap:
    """Of `tasks` with a value on both sides `failing` is the part that the audit fails; the rest is over the others, 0
    where there are none. `error` is the gap's standard error, None where fewer than two tell it.
    """

    gap: float
    reward_gain: float
    audit_gain: float
    failing: float
    tasks: int
    error: float | None = None

    @property
    def freedom(self) -> int:
        return round(self.tasks * (1.0 - self.failing)) - 1


def gap_of(audited: Sequence[Audited]) -> Gap | None:
    """None where nothing could be told."""
    told = [(each.reward, each.audit) for each in audited if each.audit is not None and each.reward > 0]
    if not told:
        return None
    passed = [(math.log2(reward), math.log2(audit)) for reward, audit in told if audit]
    gained, kept = (statistics.fmean(side) if side else 0.0 for side in (list(zip(*passed, strict=True)) or ((), ())))
    apart = [reward - audit for reward, audit in passed]
    error = statistics.stdev(apart) / math.sqrt(len(apart)) if len(apart) > 1 else None
    return Gap(gained - kept, gained, kept, 1.0 - len(passed) / len(told), len(told), error)


def pause_reason(gaps: Sequence[Gap], wider: float = WIDER_THAN) -> str:
    """Why the loop should pause after these generations, or nothing."""
    if len(gaps) < 2:
        return ""
    first, last = gaps[0], gaps[-1]
    both_passed = max(first.failing, last.failing) < 1.0  # else one of the gaps is of no best, and 0
    if both_passed and last.gap - first.gap > max(wider, _by_chance(first, last)):
        return (
            f"the reward runs away from the audit: their gap is {last.gap:.2f} in log2, and was {first.gap:.2f} in the "
            f"first generation (more than {wider:g} wider)"
        )
    if last.failing - first.failing > MORE_FAILING:
        return (
            f"{last.failing:.0%} of the bests fail the audit, {first.failing:.0%} did in the first generation: the "
            "policy learns what only the reward likes"
        )
    return ""


def _by_chance(first: Gap, last: Gap) -> float:
    """By how much a gap may seem wider because tasks scatter: Welch's bound with the lower one of both degrees of
    freedom, which errs on the side of going on. One task on a side tells no scatter, and nothing is wider than that;
    records from before it was noted have none of several tasks, and 0 is what they were paused by.
    """
    freedom = min(first.freedom, last.freedom)
    if freedom < 1:
        return math.inf
    if first.error is None or last.error is None:
        return 0.0
    return quantile(SURE if freedom >= FEW else SURE_OF_FEW, freedom) * math.hypot(first.error, last.error)
