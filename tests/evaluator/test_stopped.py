"""A run that was killed is looked for with a budget of its own: what ran before it is not blamed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from kernelevo.evaluators.stopped import INSTRUCTIONS, look_again
from kernelevo.interfaces import Device
from kernelevo.types import Budget, Fault, Image, Job, RunReport

BUDGET = Budget(60.0, 1 << 30, 10**12)
CASES = ("small", "wide", "tall")


class Machine:
    """Runs jobs of so many instructions each (by their poison) out of one budget, as the virtual GPU does."""

    def __init__(self, needs: Sequence[int], killed: int = -1) -> None:
        self.needs, self.killed = needs, killed

    def run(self, image: Image, jobs: Sequence[Job], budget: Budget) -> list[RunReport]:
        left, reports = budget.warp_instructions, []
        for job in jobs:
            if job.poison == self.killed:
                return [*reports, RunReport("killed", {}, (), reason="the clock")]
            left -= self.needs[job.poison]
            if left < 0:
                return [*reports, RunReport("budget", {}, (), faults=(Fault("budget", "", "add"),))]
            reports.append(RunReport("done", {}, ()))
        return reports


def look(needs: Sequence[int], killed: int = -1) -> Fault:
    jobs = [Job((), (), place, profile=False, track_uninitialised=False) for place in range(len(needs))]
    device = cast(Device, Machine(needs, killed))
    return look_again(device, cast(Any, None), jobs, CASES[: len(needs)], ("add",), BUDGET)


@pytest.mark.parametrize("forever", range(3))
def test_the_run_that_goes_on_is_named_whatever_ran_before_it(forever: int) -> None:
    """Two runs of two thirds of the budget each are over it together."""
    needs = [INSTRUCTIONS * 2 // 3] * 3
    needs[forever] = 10**15
    found = look(needs)
    assert found.cases == (CASES[forever],)
    assert found.message == f"it was still running after {INSTRUCTIONS:,} warp instructions"


def test_one_that_is_killed_again_is_named_without_a_place() -> None:
    found = look([1, 1, 1], killed=1)
    assert (found.cases, found.kernel, found.message) == (("wide",), "add", "")


def test_where_all_end_this_time_all_are_named() -> None:
    assert look([INSTRUCTIONS * 2 // 3] * 3).cases == CASES
