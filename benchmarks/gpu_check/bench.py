"""The bench: the card under test and how much of everything is done on it.

On a card all sizes are real. A rehearsal runs the same code on `cuda:virtual`, with few kernels at their smallest
sizes: it shows that the script works, and none of its figures is measured.
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kernelevo import run
from kernelevo.devices.ceilings import row_of
from kernelevo.devices.cuda import VIRTUAL, VIRTUAL_ROW, CudaDevice
from kernelevo.devices.drivers import libcuda
from kernelevo.devices.drivers.opening import open_driver
from kernelevo.devices.drivers.remote import Deadlines, RemoteDriver
from kernelevo.interfaces import Compiler
from kernelevo.joining import open_compilers
from kernelevo.joining_cards import open_card
from kernelevo.measurement import Card
from kernelevo.sandbox import Sandbox
from kernelevo.sandbox_session import start_session
from kernelevo.settings import Request, Settings
from kernelevo.types import Budget

ROOT = Path(__file__).parents[2]
REHEARSED = ("softmax.cu", "vector_add.cu")


@dataclass(frozen=True)
class Extent:
    """How much is done: kernel files, tests a kernel, repeats and calls of each in the noise part, bytes of a copy, of
    a working set in L2, blocks and turns of the loops of matrix products, calls of each ceiling.
    """

    kernels: tuple[Path, ...]
    tests: int
    repeats: int
    calls: int
    copied_bytes: int
    cached_bytes: int
    blocks_per_sm: int
    turns: int
    samples: int


class Bench:
    """Opened for one run of the script. Raises NotInstalled with one sentence where there is no card."""

    def __init__(self, device: str, driver: str, settings: Settings, unsafe: bool = False) -> None:
        self.device, self.driver, self.settings, self.unsafe = device, driver, settings, unsafe
        self.rehearsal = device == VIRTUAL
        if not self.rehearsal:
            libcuda.open_library()  # the plainest sentence comes first
        with self.compilers(self.request(ROOT / "kernels" / "vector_add.cu")) as (_, compiler):
            self.compiler = f"{compiler.name} {compiler.version}"
        driving = self.open_driver(Budget(60.0, 1 << 28, 10**9))
        self.card: Card = driving.card()
        driving.close()
        self.extent = self._extent()
        self.twin = f"virtual:{row_of(self.card) or VIRTUAL_ROW}"

    def open_driver(self, budget: Budget) -> RemoteDriver:
        """A driver of its own, in a fresh process, for what needs no session."""
        name = f"virtual:{VIRTUAL_ROW}" if self.rehearsal else f"{self.driver}:{self.device.partition(':')[2]}"
        return open_driver(
            name,
            functools.partial(start_session, unsafe=self.unsafe),
            memory_bytes=budget.memory_bytes,
            warp_instructions=budget.warp_instructions,
            deadlines=dataclasses.replace(Deadlines(), call=budget.seconds),
        )

    def request(self, kernel: Path) -> Request:
        return Request(kernel, device=self.device, driver=self.driver, unsafe=self.unsafe)

    @contextmanager
    def compilers(self, request: Request) -> Iterator[tuple[list[Sandbox], Compiler]]:
        """Walls and the compiler for the request's file."""
        walls, compiler, _ = open_compilers(request, run.open_task(request).language, self.settings, ())
        try:
            yield walls, compiler
        finally:
            for wall in walls:
                wall.close()

    @contextmanager
    def measuring(self, compiler: Compiler) -> Iterator[CudaDevice]:
        """The device under test; `compiler` makes the kernel that it is probed with."""
        device = open_card(self.device, self.driver, compiler, self.settings.cache, self.unsafe)
        try:
            yield device
        finally:
            device.close()

    def _extent(self) -> Extent:
        folder = ROOT / "kernels"
        if self.rehearsal:
            kernels = tuple(folder / name for name in REHEARSED)
            return Extent(kernels, 1, 6, 1, 1 << 16, 1 << 14, 0, 4, 6)
        l2 = self.card.properties["l2_bytes"]
        return Extent(tuple(sorted(folder.glob("*.cu"))), 4, 30, 1, 1 << 30, l2 // 4, 8, 20_000, 30)


class Limit:
    """Seconds that a part may take; what does not fit is left out, and said."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def reached(self) -> bool:
        return time.monotonic() > self._end

    def within(self, items: Sequence[Path]) -> Iterator[Path]:
        """The items, as long as there is time."""
        for item in items:
            if self.reached:
                return
            yield item


@functools.cache
def short(path: Path) -> str:
    return path.name.removesuffix(".cu")
