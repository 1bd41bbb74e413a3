"""A session: one process for the candidate, one for the start beside it, both on one card that is held meanwhile."""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from kernelevo.defences import Defences
from kernelevo.devices.measuring.agreement import agreement
from kernelevo.devices.measuring.arena import Arena
from kernelevo.devices.measuring.calls import ENOUGH_EMPTY, MANY_EMPTY, Calls, Clock, Samples, lost
from kernelevo.devices.measuring.supervisor import Supervisor
from kernelevo.errors import DriverLost
from kernelevo.interfaces import Agreement, CallReport, CardWatch, Driver
from kernelevo.measurement import Card, Side
from kernelevo.types import Budget, Image, Job

LEAST_OF_CASE = 6
"""Calls of a case whose clocks must agree by themselves, too; timed ones are more than that."""


@dataclass(frozen=True)
class Conditions:
    """What a session is made with: the card with its supervisor and watch, bytes of L2 to be cooled (0: none) and how
    often before each call, the judge's clock, and the ids of processes that are ours.
    """

    card: Card
    supervisor: Supervisor
    watch: CardWatch
    cooled_bytes: int
    turns: int = 1
    clock: Clock = time.perf_counter
    ours: Callable[[Driver], frozenset[int]] = lambda driver: frozenset()


class Session:
    """Implements interfaces.MeasuringSession. A process that is lost is started again, once for each call."""

    def __init__(
        self, conditions: Conditions, candidate: Image, start: Image | None, budget: Budget, defences: Defences
    ) -> None:
        self._conditions = conditions
        self._budget = budget
        self._defences = defences
        self._rng = np.random.default_rng()
        self._order = itertools.count()
        self._images: dict[Side, Image] = {"candidate": candidate}
        if start is not None:
            self._images["start"] = start
        self._drivers: dict[Side, Driver] = {}
        self._calls: dict[Side, Calls] = {}
        self._samples: dict[Side, Samples] = {side: Samples() for side in self._images}
        self._aliases: frozenset[int] = frozenset()
        self.watch = conditions.watch.source
        self._refused: dict[Side, str] = {}
        with ExitStack() as held:
            held.enter_context(conditions.supervisor.card())
            held.callback(self._close_drivers)
            for side in reversed(self._images):
                self._begin(side)
            self._held = held.pop_all()
        self.card: Card = conditions.card

    def call(self, side: Side, case: str, job: Job, constant: frozenset[str], move: bool) -> CallReport:
        if side in self._refused:
            return lost(self._refused[side])
        try:
            return self._call(side, case, job, constant, move)
        except DriverLost as error:
            self._drivers[side].close()
            self._conditions.supervisor.require_well(f"the process of the {side} was lost on case {case} ({error})")
        return self._call_again(side, case, job, constant)

    def agreement(self) -> Agreement:
        if self._drivers["candidate"].how != "measured":
            return Agreement(True, "event times are modelled, so that there is no clock they could agree with")
        try:
            self._calls["candidate"].fill_up_empty(ENOUGH_EMPTY)
            found = self._agreement()
            if found.told:
                return found
            self._calls["candidate"].fill_up_empty(MANY_EMPTY)
            return self._agreement()
        except DriverLost as error:
            self._drivers["candidate"].close()
            self._conditions.supervisor.require_well(f"the process of the candidate was lost in empty calls ({error})")
            return Agreement(False, f"its process was lost in calls without steps, and the card is well: {error}")

    def _agreement(self) -> Agreement:
        samples = self._samples["candidate"]
        whole = agreement(samples.calls, samples.first, samples.empty)
        # Of each case, too: a lie about a benchmark's calls alone does not move a median in which tests are the most.
        cases = Counter(sample.case for sample in samples.calls)
        for case in (case for case, count in cases.items() if count >= LEAST_OF_CASE):
            calls = [sample for sample in samples.calls if sample.case == case]
            own = agreement(calls, samples.first, samples.empty)
            if not own.agree:
                return Agreement(False, f"case {case}: {own.words}", own.told)
        return whole

    def close(self) -> None:
        self._held.close()

    def _begin(self, side: Side) -> None:
        """Opens a side. A program that is not even loaded, twice, on a card that is well, is at fault itself."""
        try:
            self._open(side)
        except DriverLost as error:
            self._conditions.supervisor.require_well(f"the process of the {side} was lost in loading it ({error})")
            try:
                self._open(side)
            except DriverLost as again:
                self._refused[side] = f"its process was lost twice in loading it, and the card is well: {again}"

    def _open(self, side: Side) -> None:
        conditions, image = self._conditions, self._images[side]
        before = self._others()
        driver = conditions.supervisor.open(image, self._budget)
        self._drivers[side] = driver
        self._aliases |= _alias(before, self._others(), conditions.ours(driver))
        arena = Arena(
            driver, self._rng, conditions.cooled_bytes, self._budget.memory_bytes, self._defences.fresh_pointers,
            conditions.turns,
        )  # fmt: skip
        self._calls[side] = Calls(
            side, driver, image, arena, conditions.watch, self._rng, lambda: next(self._order),
            self._samples[side], conditions.clock, self._ours, self._defences,
        )  # fmt: skip
        self._calls[side].begin()

    def _others(self) -> frozenset[int]:
        return frozenset(self._conditions.watch.state(frozenset()).others or ())

    def _ours(self) -> frozenset[int]:
        return self._aliases.union(*(self._conditions.ours(driver) for driver in self._drivers.values()))

    def _call(self, side: Side, case: str, job: Job, constant: frozenset[str], move: bool) -> CallReport:
        calls = self._calls[side]
        report = calls.time_only(case, job, move) if side == "start" else calls.call(case, job, constant, move)
        if report.ended != "done":
            # Whatever it was, the process is not used again, and a card that is not well is no fault of the program.
            self._drivers[side].close()
            self._conditions.supervisor.require_well(f"a call of the {side} on case {case} failed")
        return report

    def _call_again(self, side: Side, case: str, job: Job, constant: frozenset[str]) -> CallReport:
        """In a fresh process: a program that loses its process twice, on a card that is well, does it itself."""
        self._begin(side)
        if side in self._refused:
            return lost(self._refused[side])
        try:
            return self._call(side, case, job, constant, True)
        except DriverLost as again:
            self._drivers[side].close()
            self._conditions.supervisor.require_well(f"the process of the {side} was lost twice on case {case}")
            return lost(f"its process was lost twice on this call, and the card is well: {again}")

    def _close_drivers(self) -> None:
        for driver in self._drivers.values():
            driver.close()


def _alias(before: frozenset[int], after: frozenset[int], ours: frozenset[int]) -> frozenset[int]:
    """By what id the card knows a process of ours that was just started, where that is not its id here: in a container
    processes may be told by the ids that the machine outside has for them. Only one that is new can be ours.
    """
    new = after - before
    return new if len(new) == 1 and not ours & after else frozenset()
