"""A process that a candidate has taken over: what it can tell and when it can wait, from its first launch on."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from bench import BUDGET, HONEST, judged, rng, scale_problem
from test_session import IMAGE, job
from world import FakeCompiler, Outcome, World, lost

from kernelevo.defences import ALL
from kernelevo.devices.drivers.scripted import ScriptedDriver, Steps
from kernelevo.errors import DriverLost
from kernelevo.interfaces import DriverLaunch
from kernelevo.types import Status, Verdict

TRUE_US = 1000.0


def forging(told_us: float, before: Callable[[World, ScriptedDriver, bool], None]) -> World:
    """Calls take TRUE_US and tell `told_us`; `before` is run before each call (True: one without steps) of a process in
    which the candidate has been launched.
    """
    world = World(true_us=lambda text, n, order: TRUE_US, told_us=lambda true, session: told_us)
    honest, taken = world.outcome, list[ScriptedDriver]()

    def outcome(driver: ScriptedDriver, steps: Steps) -> Outcome:
        empty = not any(isinstance(step, DriverLaunch) for step in steps)
        if any(driver is one for one in taken):
            before(world, driver, empty)
        elif not empty:
            taken.append(driver)
        return honest(driver, steps)

    world.outcome = outcome  # type: ignore[method-assign, assignment]
    return world


def judge(world: World) -> Verdict:
    return judged(FakeCompiler(), HONEST, scale_problem(), device=world.device(), mode="final")


def test_an_honest_process_passes() -> None:
    verdict = judge(forging(TRUE_US, lambda world, driver, empty: None))
    assert verdict.status is Status.PASSED and verdict.score is not None
    assert verdict.score.value == pytest.approx(TRUE_US)


@pytest.mark.parametrize("told", [10.0, 100.0, 500.0])
def test_waiting_in_calls_without_steps_hides_nothing(told: float) -> None:
    def wait(world: World, driver: ScriptedDriver, empty: bool) -> None:
        world.now += empty * (TRUE_US - told) / 1e6

    verdict = judge(forging(told, wait))
    assert verdict.status is Status.INCONCLUSIVE and verdict.score is None
    assert "became slower" in verdict.feedback


@pytest.mark.parametrize("told", [10.0, 100.0, 500.0])
def test_waiting_for_random_times_hides_nothing(told: float) -> None:
    random = rng(4)

    def wait(world: World, driver: ScriptedDriver, empty: bool) -> None:
        world.now += float(random.uniform(0, 2 * TRUE_US)) / 1e6

    verdict = judge(forging(told, wait))
    assert verdict.status in (Status.INCONCLUSIVE, Status.CLOCKS_DISAGREE) and verdict.score is None


def test_a_process_that_dies_after_lying_is_held_against_our_clock_nevertheless() -> None:
    world = World(true_us=lambda text, n, order: TRUE_US, disturb=lost(10))
    world.told_us = lambda true, session: 100.0 if session == 1 else true
    session = world.device().open_session(IMAGE, None, BUDGET, ALL)
    reports = [session.call("candidate", "n=100", job(), frozenset("x"), True) for _ in range(12)]
    told = session.agreement()
    session.close()
    assert world.sessions == 2 and all(report.ended == "done" for report in reports)
    assert not told.agree and "events of 12 calls" in told.words


def test_a_process_that_dies_in_calls_without_steps_does_it_itself() -> None:
    def die(world: World, driver: ScriptedDriver, empty: bool) -> None:
        if empty:
            raise DriverLost("it ends itself")

    # Its death is met in an empty call among others (then it is lost twice), or in those at the end.
    verdict = judge(forging(TRUE_US, die))
    assert verdict.status in (Status.CLOCKS_DISAGREE, Status.TRAPPED) and verdict.status.blames_candidate


@pytest.mark.parametrize("beside", [None, HONEST])
def test_an_event_time_of_nothing_is_not_believed(beside: str | None) -> None:
    random = np.random.default_rng(1)
    world = World(true_us=lambda text, n, order: 5.0)
    world.told_us = lambda true, session: 0.0 if random.random() < 0.2 else true
    verdict = judged(FakeCompiler(), HONEST, scale_problem(), device=world.device(), mode="final", start=beside)
    assert verdict.status is Status.CLOCKS_DISAGREE and "took 0 us" in verdict.feedback
