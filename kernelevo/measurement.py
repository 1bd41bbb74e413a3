"""The nouns of measuring: what a card is and the state it is in, one timed call, and the samples a figure rests on.

A call is the whole plan of a candidate (its launches and clears) between two events, on one case, once. Three clocks
see it: the card's events, the clock of the process that drives the card, and the clock of the process that judges,
which the candidate's process cannot touch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from kernelevo.fault import Fault


@dataclass(frozen=True)
class Card:
    """A GPU as its driver describes it. `properties` are those that plans may use ("sms", "warp", ...) and
    "l2_bytes"; `versions` are those of driver and runtime.
    """

    name: str
    uuid: str
    arch: str
    properties: Mapping[str, int]
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CardState:
    """The card at one moment. Clocks in MHz, temperature in degrees Celsius, power in watts; None: not to be learned
    here. `throttled` are reasons other than being idle or an application's own setting; `others` are the processes on
    the card that are not ours.
    """

    sm_mhz: int | None
    memory_mhz: int | None
    celsius: int | None
    watts: float | None
    throttled: tuple[str, ...] | None
    others: tuple[int, ...] | None
    ecc_errors: int | None

    def trouble(self, before: CardState | None = None) -> str:
        """Why a sample in this state is not of the kernel alone, in words, or ""; `before` is an earlier state.
        Nothing is inferred from what the card does not tell.
        """
        if self.others:
            return f"other processes computed on the card ({', '.join(map(str, self.others))})"
        if self.throttled:
            return f"the card was throttled ({', '.join(self.throttled)})"
        if before is not None and (self.ecc_errors or 0) > (before.ecc_errors or 0):
            return "the card's memory had uncorrected errors (ECC)"
        return ""


@dataclass(frozen=True)
class CallTime:
    """One call in microseconds, by the card's events, and by the clock of the driving process around it. `outer_us` is
    by the judge's own clock, where a driver's judge side knows better than its caller when the call began: once the
    steps had been passed and read, so that only a word and the answer lie between.
    """

    event_us: float
    host_us: float
    outer_us: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class CallFailure:
    """A call that did not end well. `sticky`: the context is lost, the process must be replaced."""

    fault: Fault
    sticky: bool


@dataclass(frozen=True)
class Estimate:
    """A median with the interval that holds the true one with this confidence, from so many samples."""

    value: float
    low: float
    high: float
    confidence: float
    samples: int

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high:
            raise ValueError(f"an estimate lies within its interval, but this is {self}")

    @property
    def relative_width(self) -> float:
        """Width of the interval over the median; infinite where that is 0."""
        return (self.high - self.low) / abs(self.value) if self.value else float("inf")

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}] ({self.confidence:.0%}, {self.samples} calls)"


@dataclass(frozen=True)
class Ceilings:
    """What a card can do at most: bytes per microsecond of its DRAM, bytes of its L2, operations per microsecond by
    compute dtype (a fused multiply-add is two). None or missing: not known. `source` says where they are from;
    `warm_bytes` of inputs may be in L2 when a call begins.
    """

    dram_bytes_per_us: float | None
    l2_bytes: int
    flops_per_us: Mapping[str, float]
    source: str
    warm_bytes: int = 0


@dataclass(frozen=True)
class PhysicsFloor:
    """No call of a case can be shorter: microseconds, and in words by which ceiling."""

    us: float
    reason: str


Side = Literal["candidate", "start"]


@dataclass(frozen=True)
class TimedCall:
    """One sample: which side and case, when (order within the session), the three clocks, and the card around it.
    `fresh`: it is one that figures rest on, if the card was well: of a timed trial, on content that no call had before.
    """

    side: Side
    case: str
    order: int
    event_us: float
    host_us: float
    outer_us: float
    state: CardState | None = None
    fresh: bool = False


@dataclass(frozen=True)
class CaseMeasurement:
    """The figure of one case: its time in microseconds over calls with content never seen before, how many times as
    fast as the start it is (None: no start was timed beside it), the floor, and the samples that were left out. `calls`
    are the samples that the time rests on, by their order, and `blocks` those of the ratio (A B B A), so that both can
    be worked out again.
    """

    case: str
    us: Estimate
    ratio: Estimate | None = None
    floor: PhysicsFloor | None = None
    left_out: int = 0
    calls: tuple[int, ...] = ()
    blocks: tuple[tuple[int, int, int, int], ...] = ()


@dataclass(frozen=True)
class Measurements:
    """What the figures of a verdict rest on: every timed call, the card, and who told its state ("" if nobody)."""

    cases: tuple[CaseMeasurement, ...]
    samples: tuple[TimedCall, ...]
    card: Card
    watch: str
    notes: tuple[str, ...] = ()
