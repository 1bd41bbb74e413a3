"""The reward of a verdict, for training: a number, or the word that there is none.

    passed                                   value = time of the start / time of the candidate, mask true
    blamed on the candidate (wrong, ...)     value = 0.0, mask true
    infra, unsupported, inconclusive,
    bad_request, no time of the start        value = null, mask false: missing data, which is never a zero

A candidate can choose to be `unsupported`: an instruction that the device lacks keeps it from being judged, also where
it is wrong. So a trainer may decide that this is worth zero, as a rule of the task: use what the device executes.

Both times are the verdicts' scores (the weighted geometric mean of the benchmark cases) on one device at one level of
checks, and `how` says whether they were measured or modelled. A trainer takes the mean over what has mask true.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from kernelevo.types import How, Status, Verdict

Unsupported = Literal["masked", "zero"]
"""What a candidate is worth that the device cannot execute."""


@dataclass(frozen=True)
class Reward:
    """`mask` says whether there is a value; `how` is that of the times, None where there are none."""

    value: float | None
    mask: bool
    why: str
    how: How | None = None

    def __post_init__(self) -> None:
        if self.mask != (self.value is not None):
            raise ValueError(f"a reward with mask {self.mask} and value {self.value}: missing data has no value")

    def json(self) -> dict[str, Any]:
        return asdict(self)


def reward_of(verdict: Verdict, start: Verdict, unsupported: Unsupported = "masked") -> Reward:
    """The reward of a candidate beside the start of its problem; raises ValueError if they are not of one device."""
    if verdict.status is Status.UNSUPPORTED and unsupported == "zero":
        return Reward(0.0, True, f"{verdict.status}, which is worth zero here (--unsupported zero)")
    if verdict.status.blames_candidate:
        return Reward(0.0, True, f"{verdict.status}: {verdict.status.sentence}")
    if verdict.score is None:
        return Reward(None, False, f"missing data, not a zero: {verdict.status}: {verdict.status.sentence}")
    if start.score is None:
        return Reward(None, False, f"missing data: it passed, but the start has no time to compare: {start.status}")
    before, own = start.score, verdict.score
    why = f"passed; time of the start / its own: {before.value:.6g} / {own.value:.6g} {own.unit}"
    return Reward(before.ratio(own), True, why, own.how)


BAD_REQUEST = Reward(None, False, "missing data: the line is no request, so nothing was judged")
