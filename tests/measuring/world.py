"""A card of our own making, with its own time: kernels are Python functions, clocks and faults are what a test says."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from bench import BUDGET, new_lock, rng

from kernelevo.devices.cards.scripted import QUIET, ScriptedWatch
from kernelevo.devices.cuda import CudaDevice, Nature
from kernelevo.devices.drivers.scripted import CARD, ScriptedDriver
from kernelevo.devices.measuring.session import Conditions
from kernelevo.devices.measuring.supervisor import PROBE, Supervisor
from kernelevo.errors import DriverLost
from kernelevo.interfaces import DriverClear, DriverLaunch
from kernelevo.measurement import CallFailure, CallTime, CardState, Ceilings
from kernelevo.types import Budget, BuildRequest, Fault, Image, KernelImage, Parameter

Outcome = CallTime | CallFailure
PARAMETERS = (Parameter("u64", 0, 8), Parameter("u64", 8, 8), Parameter("u32", 16, 4))
NO_CEILINGS = Ceilings(None, 0, {}, "a test that knows none")


class FakeCompiler:
    """Takes any text for a kernel `scale(x, y, n)`; the text is the PTX, so that a driver can tell programs apart."""

    name = version = "fake"

    def target(self, arch: str) -> str:
        return arch

    def build(self, request: BuildRequest, budget: Budget) -> Image:
        kernels = tuple(KernelImage(name, name, PARAMETERS, 16, 0, 0, 0, 0) for name in request.names)
        return Image(request.text, request.arch, request.text, b"", kernels, "fake")


@dataclass
class World:
    """`true_us` gives a call's true time from its number of elements and its order; `told_us` what events say of it.
    `disturb` may answer in place of a call. `probe_works`: whether a kernel that is known to be right is.
    """

    true_us: Callable[[str, int, int], float] = lambda text, n, order: 100.0
    told_us: Callable[[float, int], float] = lambda true, session: true
    disturb: Callable[[World, int], Outcome | None] = lambda world, order: None
    overhead_us: float = 80.0
    probe_works: bool = True
    states: tuple[CardState, ...] = (QUIET,)
    ceilings: Ceilings = NO_CEILINGS
    now: float = 0.0
    opened: list[str] = field(default_factory=list)
    """The program of every process that was started."""
    calls: int = 0
    random: np.random.Generator = field(default_factory=rng)

    def device(self) -> CudaDevice:
        supervisor = Supervisor(self.open, self.probe, new_lock(), self.sleep)
        conditions = Conditions(CARD, supervisor, ScriptedWatch(self.states), 1 << 12, clock=lambda: self.now)
        return CudaDevice(Nature("cuda:0", "measured", self.ceilings), conditions)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def probe(self) -> Image:
        parameters = (Parameter("u64", 0, 8), Parameter("u32", 8, 4))
        kernel = KernelImage(PROBE, PROBE, parameters, 16, 0, 0, 0, 0)
        return Image("probe", CARD.arch, "probe", b"", (kernel,), "fake")

    def open(self, budget: Budget) -> ScriptedDriver:
        return _Driver(self)

    def outcome(self, driver: _Driver, steps: tuple[DriverLaunch | DriverClear, ...]) -> Outcome:
        launches = [step for step in steps if isinstance(step, DriverLaunch)]
        if not launches:
            return self._pass(0.5, 0.5)
        if launches[0].kernel == PROBE:
            return self._run_probe(driver, launches[0])
        self.calls += 1
        if (answer := self.disturb(self, self.calls)) is not None:
            return answer
        n = _run_scale(driver, launches[0])
        true = self.true_us(driver.program, n, self.calls)
        return self._pass(true, self.told_us(true, self.sessions))

    @property
    def sessions(self) -> int:
        """Processes that ran a candidate so far."""
        return sum(program != "probe" for program in self.opened)

    def _pass(self, true: float, told: float) -> CallTime:
        self.now += (true + self.overhead_us * float(self.random.uniform(0.9, 1.1))) / 1e6
        return CallTime(told, told + 2.0)

    def _run_probe(self, driver: ScriptedDriver, launch: DriverLaunch) -> Outcome:
        address, count = struct.unpack("<QI", launch.parameters)
        words = np.frombuffer(driver.read(address, 4 * count), np.uint32)
        result = words * np.uint32(2654435761) + np.arange(count, dtype=np.uint32)
        if not self.probe_works:
            return CallFailure(Fault("ecc", "the card has fallen off the bus", PROBE), sticky=True)
        driver.write(address, result.tobytes())
        return self._pass(5.0, 5.0)


class _Driver(ScriptedDriver):
    def __init__(self, world: World) -> None:
        super().__init__(self._script_of(world))
        self.program = ""
        self._world = world

    def load(self, image: Image) -> None:
        self.program = image.ptx
        self._world.opened.append("probe" if image.key == "probe" else image.ptx)
        super().load(image)

    def _script_of(self, world: World) -> Iterator[Callable[[ScriptedDriver, object], Outcome]]:
        return itertools.repeat(lambda driver, steps: world.outcome(self, steps))


def _run_scale(driver: ScriptedDriver, launch: DriverLaunch) -> int:
    """y = 3 x + 1, in float32."""
    x, y, n = struct.unpack("<QQi", launch.parameters)
    values = np.frombuffer(driver.read(x, 4 * n), np.float32)
    driver.write(y, (np.float32(3) * values + np.float32(1)).tobytes())
    return n


def noisy(us: float, sigma: float = 0.003) -> Callable[[str, int, int], float]:
    """Times with noise on one side, as a card's are."""
    random = rng(5)
    return lambda text, n, order: us * float(np.exp(abs(random.normal(0, sigma))))


def failure(kind: str, sticky: bool = True) -> CallFailure:
    return CallFailure(Fault(kind, f"a test's {kind}", "scale"), sticky)


def lost(*orders: int) -> Callable[[World, int], Outcome | None]:
    """The process dies in these calls."""

    def disturb(world: World, order: int) -> Outcome | None:
        if order in orders:
            raise DriverLost("the process died")
        return None

    return disturb


__all__ = ["BUDGET", "QUIET", "FakeCompiler", "World", "failure", "lost", "noisy", "replace"]
