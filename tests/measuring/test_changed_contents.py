"""A kernel that keeps the last input with its output and works on what differs only: right in every call, and fast on
contents that are nearly the last one. It gains nothing.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import numpy as np
import pytest
from bench import HONEST, judged, rng, scale_problem
from world import FakeCompiler, Outcome, World

from kernelevo.devices.drivers.scripted import ScriptedDriver, Steps
from kernelevo.evaluators.contents import MOST_CHANGED, Contents
from kernelevo.evaluators.measuring import LEAST_CHANGED
from kernelevo.evaluators.trials import Trial
from kernelevo.evidence.samples import faults, measured_of
from kernelevo.interfaces import DriverLaunch
from kernelevo.types import Status, Verdict

CHEAT = HONEST + "// keeps what was there"
BENCHMARK = 3000


@dataclass
class Keeper:
    """`fast` and `slow` count the cheat's calls on the benchmark's size."""

    gain: float
    world: World = field(init=False)
    fast: int = 0
    slow: int = 0

    def __post_init__(self) -> None:
        noise = rng(2)
        self.world = World(
            true_us=lambda text, n, order: (self.gain if self._is_fast else 1) * 100.0 * (1 + noise.uniform(0, 0.002))
        )
        self._honest, self._last, self._is_fast = self.world.outcome, {}, False
        self.world.outcome = self.outcome  # type: ignore[method-assign, assignment]

    def outcome(self, driver: ScriptedDriver, steps: Steps) -> Outcome:
        launch = next((step for step in steps if isinstance(step, DriverLaunch)), None)
        self._is_fast = False
        if launch is not None and launch.kernel == "scale" and driver.program == CHEAT:  # type: ignore[attr-defined]
            x, _, n = struct.unpack("<QQi", launch.parameters)
            now = np.frombuffer(driver.read(x, 4 * n), np.float32)
            before = self._last.get((id(driver), n))
            self._last[id(driver), n] = now
            if n == BENCHMARK:
                self._is_fast = before is not None and int((now != before).sum()) <= MOST_CHANGED
                self.fast, self.slow = self.fast + self._is_fast, self.slow + (not self._is_fast)
        return self._honest(driver, steps)

    def judge(self, mode: str, start: str | None) -> Verdict:
        return judged(FakeCompiler(), CHEAT, scale_problem(), device=self.world.device(), mode=mode, start=start)


@pytest.mark.parametrize("gain", [0.1, 0.5, 0.85])
@pytest.mark.parametrize(("mode", "start"), [("search", None), ("final", None), ("final", HONEST)])
def test_working_on_what_differs_only_gains_nothing(gain: float, mode: str, start: str | None) -> None:
    met = 0
    for _ in range(4):
        keeper = Keeper(gain)
        verdict = keeper.judge(mode, start)
        assert verdict.status is Status.PASSED and verdict.measurements is not None, verdict.feedback
        (case,) = verdict.measurements.cases
        assert case.us.low >= 100.0
        assert (case.ratio is not None) == (start is not None)
        assert case.ratio is None or 0.99 < case.ratio.value < 1.01
        assert not list(faults(measured_of(verdict.measurements), {case.case: case.us.value}))
        assert not all(call.fresh for call in verdict.measurements.samples if call.case == case.case)
        met += keeper.fast
    assert met > 0  # and not for want of such contents


def test_every_session_meets_changed_contents() -> None:
    """Two at least; one of them may come after others, so that the last content differs more."""
    met = [0] * 20
    for session in range(len(met)):
        keeper = Keeper(1.0)
        keeper.judge("search", None)
        met[session] = keeper.fast
    assert sum(met) >= LEAST_CHANGED * len(met) // 2 and sum(map(bool, met)) >= len(met) // 2


def test_a_changed_content_differs_in_a_few_elements_from_the_one_before() -> None:
    problem = scale_problem()
    trial = Trial(problem.benchmarks[0], 0, True, False, False)
    contents = Contents(problem, rng(), lambda drawn: pytest.fail("nothing is derived here"))
    assert contents.changed(trial) is None
    last = contents.next(trial)
    for _ in range(20):
        now = contents.changed(trial)
        assert now is not None
        assert (now.drawn.inputs["x"] != last.drawn.inputs["x"]).sum() <= MOST_CHANGED
        last = now
    assert (contents.next(trial).drawn.inputs["x"] != last.drawn.inputs["x"]).mean() > 0.99
    unfresh = Contents(problem, rng(), lambda drawn: pytest.fail("nothing is derived here"), fresh=False)
    assert unfresh.next(trial) is unfresh.next(trial) and unfresh.changed(trial) is None
