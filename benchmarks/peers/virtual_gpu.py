"""The virtual GPU as one of the peers: counters and bounds checks, one thread, PTX of the CUDA kernels by NVRTC."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from nvrtc_ptx import compile_ptx
from timings import Timings
from works import Array, Work

import kernelevo
from kernelevo.compilers.toolkit import find_toolkit
from kernelevo.virtual import Machine, Module

HERE = Path(__file__).parent
SAMPLE = 0.1
BUDGET = 10**9


class VirtualGpu:
    """Launches only are timed; parsing and lowering (milliseconds, once) are not, nor is compiling for any peer."""

    name = "virtual GPU"

    def __init__(self, works: Sequence[Work]):
        toolkit = find_toolkit()
        self.works = works
        self.version = f"{kernelevo.__version__}, NVRTC {toolkit.version}, sm_80, counters and bounds, one thread"
        self._timings = Timings()
        self._launches = {work.name: _Launch(work, Module(_ptx(toolkit, work.kernel))) for work in works}

    def results(self) -> list[Array]:
        return [self._launches[work.name].result() for work in self.works]

    def round(self) -> None:
        for work in self.works:
            self._timings.add(work.name, self._launches[work.name].seconds())

    def best(self, work: Work) -> float:
        return self._timings.best(work.name)


class _Launch:
    def __init__(self, work: Work, module: Module):
        self._work = work
        self._machine = Machine(module, memory_bytes=1 << 28)
        self._values = {
            name: self._machine.array(v) if isinstance(v, np.ndarray) else v for name, v in work.values.items()
        }

    def result(self) -> Array:
        self()
        return np.asarray(self._values[self._work.output].numpy())

    def seconds(self) -> float:
        """CPU seconds of one launch, from as many as fill a tenth of a second."""
        launches, start = 0, time.process_time()
        while (spent := time.process_time() - start) < SAMPLE:
            self()
            launches += 1
        return spent / launches

    def __call__(self) -> None:
        work = self._work
        report = self._machine.launch(
            work.kernel, grid=work.grid, block=work.block, args=list(self._values.values()), budget=BUDGET
        )
        if report.faults:
            raise SystemExit(f"{work.name} stopped at a fault: {report.faults[0].message}")


def _ptx(toolkit: object, kernel: str) -> str:
    """CUDA kernels are here, or among those of the other benchmarks."""
    file = HERE / f"{kernel}.cu"
    if not file.exists():
        file = HERE.parent / "kernels" / f"{kernel}.cu"
    return compile_ptx(toolkit, file.read_text(), file.name)
