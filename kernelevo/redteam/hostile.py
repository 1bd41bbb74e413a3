"""Processes that lie: a worker that replays recorded answers, and a driver whose clock or work is not what it says.

What runs a candidate is not believed. These take the place of the real ones, as if device code had taken them over.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from kernelevo.devices import gpus
from kernelevo.devices.cards.none import NoWatch
from kernelevo.devices.ceilings import modelled_ceilings
from kernelevo.devices.cuda import VIRTUAL, VIRTUAL_ROW, CudaDevice, Nature
from kernelevo.devices.drivers.virtual import VirtualDriver
from kernelevo.devices.gpus import Gpu
from kernelevo.devices.measuring.session import Conditions
from kernelevo.devices.measuring.supervisor import PROBE, PROBE_BUDGET, PROBE_SOURCE, Supervisor
from kernelevo.errors import Infrastructure
from kernelevo.interfaces import Compiler, DriverClear, DriverLaunch, Wall, WallAnswer, WallRequest
from kernelevo.measurement import CallFailure, CallTime
from kernelevo.types import Budget, BuildFailure, BuildRequest, How, Image

AT_ONCE_US = 0.01
LONG_US = 20.0


class ReplayingWall:
    """Records what the real wall answers to runs; once `replaying`, gives these answers again and runs nothing."""

    def __init__(self, wall: Wall) -> None:
        self._wall = wall
        self._recorded: list[WallAnswer] = []
        self._next = 0
        self.replaying = False

    def call(self, request: WallRequest, budget: Budget) -> WallAnswer:
        if request.kind != "run":
            return self._wall.call(request, budget)
        if self.replaying and self._next < len(self._recorded):
            self._next += 1
            return self._recorded[self._next - 1]
        answer = self._wall.call(request, budget)
        self._recorded.append(answer)
        return answer

    def close(self) -> None:
        """The wall is the range's."""


class World:
    """A clock that only calls and messages move on, so that nothing but the lie is in its times."""

    MESSAGE_US = 30.0

    def __init__(self) -> None:
        self._us = 0.0

    def clock(self) -> float:
        """Seconds."""
        return self._us / 1e6

    def pass_by(self, us: float) -> None:
        self._us += us


Lie = Literal["short events", "short long calls", "work after the call"]


class LyingDriver(VirtualDriver):
    """A driver in this process that claims to measure, as a card that the judge's `world` can time.

    With "short events" it tells a hundredth of what its events saw, with "short long calls" of long ones only, as the
    benchmarks' are. With "work after the call" it answers at once, and
    works when the first thing is asked of it afterwards.
    """

    name = "lying"

    def __init__(self, gpu: Gpu, budget: Budget, world: World, lie: Lie) -> None:
        super().__init__(gpu, budget.memory_bytes, budget.warp_instructions)
        self.how: How = "measured"
        self._world = world
        self._lie = lie
        self._put_off: list[Sequence[DriverLaunch | DriverClear]] = []

    def read(self, address: int, size: int) -> bytes:
        self._catch_up()
        return super().read(address, size)

    def call(self, steps: Sequence[DriverLaunch | DriverClear]) -> CallTime | CallFailure:
        self._world.pass_by(World.MESSAGE_US)
        if not steps:
            return CallTime(0.0, 0.0)
        if self._lie == "work after the call":
            self._put_off.append(steps)
            self._world.pass_by(AT_ONCE_US)
            return CallTime(AT_ONCE_US, AT_ONCE_US)
        answer = super().call(steps)
        if isinstance(answer, CallFailure):
            return answer
        self._world.pass_by(answer.event_us)
        honest = self._lie == "short long calls" and answer.event_us < LONG_US
        told = answer.event_us if honest else answer.event_us / 100
        return CallTime(told, told)

    def _catch_up(self) -> None:
        """A fingerprint reads, too."""
        while self._put_off:
            super().call(self._put_off.pop())


def lying_device(compiler: Compiler, folder: Path, lie: Lie) -> CudaDevice:
    """A device that measures on a card whose driver tells this lie."""
    gpu, world = gpus.gpu(VIRTUAL_ROW), World()
    card = LyingDriver(gpu, PROBE_BUDGET, world, lie).card()
    supervisor = Supervisor(
        lambda budget: LyingDriver(gpu, budget, world, lie), lambda: _probe(compiler, card.arch), folder / "lying.lock"
    )
    nature = Nature(VIRTUAL, "measured", modelled_ceilings(VIRTUAL_ROW))
    return CudaDevice(nature, Conditions(card, supervisor, NoWatch(), cooled_bytes=0, clock=world.clock))


def _probe(compiler: Compiler, arch: str) -> Image:
    built = compiler.build(BuildRequest(PROBE_SOURCE, "probe.cu", (PROBE,), arch), PROBE_BUDGET)
    if isinstance(built, BuildFailure):
        raise Infrastructure(f"the kernel that probes a card does not compile: {built.diagnostics}; report this")
    return built
