"""One call, the same whether it is timed, checked or both: a candidate sees no difference, because there is none.

    place       buffers where they were in the last call of this case, or elsewhere     caches by pointer
    prepare     inputs with this call's content, all else poisoned, guards, L2 cooled   caches by content, stale outputs
    reset       lines that persist in L2 given up                                       persisting L2
    call        event, the plan's steps, event; our own clock around it                 hidden work, merged calls
    at once     fingerprints of outputs and inputs under keys drawn only now            work put off, inputs changed
    read        the outputs in full, which must be what was there at once               forged reads
    later       some outputs of the call before, once more                              late and wild writes

docs/measuring.md says of each which known attacks it stops, and which test shows it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from kernelevo.defences import ALL, Defences
from kernelevo.devices.fingerprints import fingerprint
from kernelevo.devices.measuring.arena import KEYS, Arena, Place
from kernelevo.devices.measuring.packing import driver_step
from kernelevo.errors import Infrastructure
from kernelevo.interfaces import CallReport, CardWatch, Driver
from kernelevo.measurement import CallFailure, CallTime, Side, TimedCall
from kernelevo.types import Buffer, Fault, Image, Job

EMPTY_SHARE = 0.25
"""How many calls are followed by an empty one."""
FIRST_EMPTY = 10
"""Empty calls before the candidate has run in its process."""
ENOUGH_EMPTY = 10
MANY_EMPTY = 40
"""Where the noise asks for more."""
REREAD_SHARE = 0.25

Clock = Callable[[], float]
"""Seconds, of the judge's own clock."""


@dataclass(frozen=True)
class _Left:
    """What an earlier call left where the next one does not write: fingerprints of its outputs, by name."""

    place: Place
    key: int
    prints: Mapping[str, int]


@dataclass(frozen=True)
class Samples:
    """The calls of one side, with steps and empty ones, in however many processes: what one process told is held
    against our clock even if it is gone. `first` are the empty ones before any call of the program in its process.
    """

    calls: list[TimedCall] = field(default_factory=list)
    first: list[TimedCall] = field(default_factory=list)
    empty: list[TimedCall] = field(default_factory=list)


class Calls:
    """The calls of one side in one process. `order` counts the calls of both sides; `samples` are added to."""

    def __init__(
        self,
        side: Side,
        driver: Driver,
        image: Image,
        arena: Arena,
        watch: CardWatch,
        rng: np.random.Generator,
        order: Callable[[], int],
        samples: Samples,
        clock: Clock = time.perf_counter,
        ours: Callable[[], frozenset[int]] = frozenset,
        defences: Defences = ALL,
    ) -> None:
        self.side: Side = side
        self.samples = samples
        self._driver = driver
        self._image = image
        self._arena = arena
        self._watch = watch
        self._rng = rng
        self._order = order
        self._clock = clock
        self._ours = ours
        self._defences = defences
        self._left: _Left | None = None

    def call(self, case: str, job: Job, constant: frozenset[str], move: bool) -> CallReport:
        """See interfaces.MeasuringSession.call."""
        place = self._prepared(case, job, move)
        timed = self._timed(job, place)
        if isinstance(timed, CallReport):
            return timed
        # At once: nothing else happens on the card between the end of the call and this.
        key = int(self._rng.integers(KEYS))
        watched = [buffer.name for buffer in job.buffers if buffer.read_back or buffer.name in constant]
        prints = {name: self._driver.fingerprint(place[name].address, place[name].size, key) for name in watched}
        sample = self._sampled(case, *timed)
        report = self._checked(sample, job, place, constant, prints, key)
        self._now_and_then_empty()
        return report

    def time_only(self, case: str, job: Job, move: bool) -> CallReport:
        """The same call of a side whose outputs were checked elsewhere."""
        timed = self._timed(job, self._prepared(case, job, move))
        return timed if isinstance(timed, CallReport) else CallReport("done", {}, self._sampled(case, *timed))

    def _prepared(self, case: str, job: Job, move: bool) -> Place:
        # Offset pointers, and other sizes, are places of their own.
        kind = [(buffer.name, buffer.bytes, buffer.skew) for buffer in job.buffers]
        place = self._arena.place(f"{case} {kind}", job.buffers, move)
        self._arena.prepare(place, job.buffers, job.poison if self._defences.poison else None)
        self._driver.reset_l2()
        return place

    def _timed(self, job: Job, place: Place) -> tuple[CallTime, float] | CallReport:
        addresses = {name: spot.address for name, spot in place.items()}
        sizes = {name: spot.size for name, spot in place.items()}
        steps = tuple(driver_step(step, self._image, addresses, sizes) for step in job.steps)
        started = self._clock()
        answer = self._driver.call(steps)
        outer_us = (self._clock() - started) * 1e6
        return _failed(answer) if isinstance(answer, CallFailure) else (answer, answer.outer_us or outer_us)

    def _sampled(self, case: str, answer: CallTime, outer_us: float) -> TimedCall:
        state = self._watch.state(self._ours())
        sample = TimedCall(self.side, case, self._order(), answer.event_us, answer.host_us, outer_us, state)
        self.samples.calls.append(sample)
        return sample

    def begin(self) -> None:
        """The empty calls before all others: nothing of the program has run, so that they are to be believed."""
        if self._driver.how == "measured":
            self._call_empty()  # the first one of a process is slower, whatever it does
            self.samples.first.extend(self._call_empty() for _ in range(FIRST_EMPTY))

    def fill_up_empty(self, enough: int) -> None:
        """Until there are so many empty calls among the others."""
        while len(self.samples.empty) < enough:
            self.samples.empty.append(self._call_empty())

    def _now_and_then_empty(self) -> None:
        """After some calls, one without steps: what asking alone costs. A modelled time has no clock to agree with."""
        if self._driver.how == "measured" and self._rng.random() < EMPTY_SHARE:
            self.samples.empty.append(self._call_empty())

    def _call_empty(self) -> TimedCall:
        """After the same cooling as any call, so that the card's clocks are the same."""
        self._arena.cool()
        started = self._clock()
        answer = self._driver.call(())
        outer_us = (self._clock() - started) * 1e6
        if isinstance(answer, CallFailure):
            raise Infrastructure(f"a call without steps failed: {answer.fault.message}; see whether the card is well")
        outer_us = answer.outer_us or outer_us
        return TimedCall(self.side, "", self._order(), answer.event_us, answer.host_us, outer_us)

    def _checked(
        self, sample: TimedCall, job: Job, place: Place, constant: frozenset[str], prints: dict[str, int], key: int
    ) -> CallReport:
        read = [buffer.name for buffer in job.buffers if buffer.read_back and buffer.name not in constant]
        outputs = {name: self._driver.read(place[name].address, place[name].size) for name in read}
        unsettled = [name for name in read if fingerprint(outputs[name], key) != prints[name]]
        unsettled += self._reread(place)
        self._left = _Left(place, key, prints)
        changed = tuple(
            buffer.name
            for buffer in job.buffers
            if buffer.name in constant and _differs(buffer, prints[buffer.name], key)
        )
        return CallReport("done", outputs, sample, changed, self._arena.outside(place), tuple(unsettled))

    def _reread(self, now: Place) -> list[str]:
        """Buffers of the call before that are no longer what they were, read again now and then."""
        left, self._left = self._left, None
        if left is None or not self._defences.rereading or self._rng.random() >= REREAD_SHARE:
            return []
        taken = {spot.base for spot in now.values()}
        kept = {
            name: spot
            for name, spot in left.place.items()
            if name in left.prints and spot.base not in taken and self._arena.holds(spot)
        }
        return [
            f"{name} of the call before"
            for name, spot in kept.items()
            if self._driver.fingerprint(spot.address, spot.size, left.key) != left.prints[name]
        ]


def _differs(buffer: Buffer, seen: int, key: int) -> bool:
    return buffer.data is not None and fingerprint(buffer.data, key) != seen


def _failed(failure: CallFailure) -> CallReport:
    if failure.fault.kind == "budget":
        return CallReport("budget", {}, reason=failure.fault.message)
    if failure.fault.kind in ("timeout", "killed"):
        return CallReport("killed", {}, reason=failure.fault.message)
    return CallReport("fault", {}, fault=failure.fault)


def lost(words: str) -> CallReport:
    """Of a call with which its process was lost."""
    return CallReport("fault", {}, fault=Fault("lost", words, ""))
