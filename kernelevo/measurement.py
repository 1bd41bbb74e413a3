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


@dataclass(frozen=True)
class CallTime:
    """One call in microseconds, by the card's events, and by the clock of the driving process around it."""

    event_us: float
    host_us: float


@dataclass(frozen=True)
class CallFailure:
    """A call that did not end well. `sticky`: the context is lost, the process must be replaced."""

    fault: Fault
    sticky: bool


Side = Literal["candidate", "start"]


@dataclass(frozen=True)
class TimedCall:
    """One sample: which side and case, when (order within the session), the three clocks, and the card around it."""

    side: Side
    case: str
    order: int
    event_us: float
    host_us: float
    outer_us: float
    state: CardState | None = None
