"""The answer of a run: the noun that a search comes to and a report shows. It is made from the store alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kernelevo.types import Attempt, Figure, RunRecord, Status


@dataclass(frozen=True)
class Floor:
    """The least time that any kernel needs for one call of a case on a device, and what it is made of."""

    us: float
    reason: str


@dataclass(frozen=True)
class Answer:
    """What came out of a run, or stands so far.

    `start` and `best` are judged with full checks when `confirmed` is true, else by the search's own, lighter ones.
    They are the same attempt when nothing faster was found. `band` is the device's: two times whose ratio is under 1
    + band are not told apart. `floors` is by case, where the device's bandwidth is known.

    What is fastest among many was partly lucky, so the best is judged once more after it was chosen: `best` is that
    judgement then, and `chosen` the one it was chosen by (None: it was not judged anew). `fallen` are the judgements
    of those that were chosen before it and did not stand.
    """

    run: RunRecord
    start: Attempt
    best: Attempt
    confirmed: bool
    band: float
    evaluations: int
    statuses: Mapping[str, int]
    ended: str
    floors: Mapping[str, Floor] = field(default_factory=dict)
    chosen: Attempt | None = None
    fallen: tuple[Attempt, ...] = ()

    def __post_init__(self) -> None:
        for name, attempt in (("start", self.start), ("best", self.best)):
            if attempt.verdict.status is not Status.PASSED:
                raise ValueError(f"the {name} of an answer has passed, but this one is {attempt.verdict.status}")

    @property
    def improved(self) -> bool:
        return self.best.candidate.id != self.start.candidate.id

    @property
    def start_time(self) -> Figure:
        return _score(self.start)

    @property
    def best_time(self) -> Figure:
        return _score(self.best)

    @property
    def speedup(self) -> float:
        """Time of the start / time of the best; raises ValueError if they are not of one device."""
        return self.start_time.ratio(self.best_time)

    @property
    def speedup_when_chosen(self) -> float | None:
        """The same by the judgement that the best was chosen by; None where it was not judged anew."""
        return None if self.chosen is None else self.start_time.ratio(_score(self.chosen))


def _score(attempt: Attempt) -> Figure:
    score = attempt.verdict.score
    if score is None:
        raise ValueError(f"candidate {attempt.candidate.id} has no score: it is {attempt.verdict.status}")
    return score


def distinguishable(first: Figure, second: Figure, band: float) -> bool:
    """Whether the ratio of two times of one device is outside the band: within it nobody can say which is faster.

    Raises ValueError if they are not of one device.
    """
    ratio = first.ratio(second)
    return not 1 / (1 + band) <= ratio <= 1 + band


def compared_words(before: Figure, after: Figure, band: float, other: str = "") -> str:
    """`3.20 times as fast as OTHER`, or that the two are not distinguishable: said wherever two times are compared."""
    ratio = before.ratio(after)
    if distinguishable(before, after, band):
        return f"{ratio:.2f} times as fast" + (f" as {other}" if other else "")
    return f"not distinguishable{f' from {other}' if other else ''} ({ratio:.2f} times, and the band is {band:.0%})"
