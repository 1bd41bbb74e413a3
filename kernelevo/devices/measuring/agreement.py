"""Whether the card's events and the judge's clock tell the same story. Neither ever takes the other's place.

The judge sees a call from the moment it asks for it to the answer: the call itself, and an overhead of passing messages
and of waking up. Calls without any step ("empty") have the overhead alone. Some are made before the candidate has run
in that process at all, so that nothing of it can have slowed them; others are strewn among its calls. Of n calls

    hidden = n * (median of (outer - event) of the calls - median of (outer - event) of the empty ones)

is what happened outside the events, and it is held against the sum of the events. Medians, because a judge that is put
to sleep for a moment adds milliseconds to a few calls of microseconds; who hides time in fewer than half of the calls
does not move the median of their times either. The tolerance is the greatest of

    REL of the events' sum                     what events and clocks of a quiet machine differ by
    RESOLUTION_US for each call                the resolution of events is 0.5 us, and waking up varies by more with
                                               what ran before
    SIGMAS standard errors of both medians     the noise of this machine, as the very samples show it

Beyond it the candidate's figures are believed by nobody. Events that are longer than the judge's whole wait, or a
process that says it took longer than we waited, cannot be true either.

The samples come from a process that a candidate may have taken over, and who waits for random times makes noise in
which anything can hide. So noise is allowed up to MOST_REL and MOST_US only, and strewn empty calls must be as short
as the first ones to the same measure. Beyond that nothing is told: neither that clocks agree nor that they do not.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from kernelevo.interfaces import Agreement
from kernelevo.measurement import TimedCall
from kernelevo.statistics import spread

REL = 0.05
RESOLUTION_US = 10.0
SIGMAS = 5.0
MOST_REL = 0.15
MOST_US = 60.0
"""Of each call: where the noise is greater than both, a lie of that size would not show."""
LEAST_EMPTY = 8
"""Empty calls that an overhead rests on at least, before the candidate's first call and after it."""
MEDIAN_TO_MEAN = 1.2533
"""Standard error of a median over that of a mean, for a normal distribution: the square root of pi / 2."""


def agreement(calls: Sequence[TimedCall], first: Sequence[TimedCall], empty: Sequence[TimedCall]) -> Agreement:
    """Of timed calls and empty ones, the `first` before any call of the candidate in its process; raises ValueError
    without enough of them.
    """
    if not calls or min(len(first), len(empty)) < LEAST_EMPTY:
        raise ValueError(f"{len(calls)} calls, {len(first)} and {len(empty)} empty ones are too few to tell")
    for call in (*calls, *first, *empty):
        if broken := _impossible(call):
            return Agreement(False, broken)
    beside, overhead = _beside(calls), _beside([*first, *empty])
    hidden = len(calls) * (statistics.median(beside) - statistics.median(overhead))
    events = sum(call.event_us for call in calls)
    noise = SIGMAS * len(calls) * _error(beside, overhead)
    allowed = max(REL * events, RESOLUTION_US * len(calls), noise)
    told = (
        f"events of {len(calls)} calls sum to {events:.4g} us, our clock to {events + hidden:.4g} us without an "
        f"overhead of {statistics.median(overhead):.4g} us each ({len(overhead)} empty calls); they may differ by "
        f"{allowed:.3g} us"
    )
    if abs(hidden) > allowed:
        return Agreement(False, told)
    most = max(MOST_REL * events, MOST_US * len(calls))
    if noise > most:
        return Agreement(False, f"{told}, and that is so much that a wrong time would not show", told=False)
    slower = statistics.median(_beside(empty)) - statistics.median(_beside(first))
    if abs(slower) * len(calls) > most:
        return Agreement(False, f"{told}, but empty calls became slower by {slower:.4g} us meanwhile", told=False)
    return Agreement(True, told)


def _impossible(call: TimedCall) -> str:
    inner = max(call.event_us, call.host_us)
    least = call.event_us > 0 if call.case else call.event_us >= 0  # a call that does something takes some time
    if inner <= call.outer_us + RESOLUTION_US and least and math.isfinite(inner):
        return ""
    said = f"{call.event_us:.4g} us by events and {call.host_us:.4g} us by its own clock"
    return f"call {call.order} took {said}, but our wait for all of it was {call.outer_us:.4g} us"


def _beside(calls: Sequence[TimedCall]) -> list[float]:
    return [call.outer_us - call.event_us for call in calls]


def _error(one: Sequence[float], other: Sequence[float]) -> float:
    """The standard error of the difference of two medians. Both are waits on one machine, and few values may by chance
    lie close together, so that the wider spread is taken for both.
    """
    return MEDIAN_TO_MEAN * max(spread(one), spread(other)) * math.sqrt(1 / len(one) + 1 / len(other))
