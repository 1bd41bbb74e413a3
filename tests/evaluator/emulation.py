"""A device that runs Python functions in place of kernels, and a compiler that goes with it.

A kernel is a function of the launch's arguments: uint8 arrays for buffers, numbers for scalars. It may read and write
the arrays as a kernel would, and raise `Trap` to fault. The text of a candidate is a launch line; its kernel's name
picks the function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from kernelevo.devices.null import PROPERTIES
from kernelevo.types import (
    Budget,
    BufferArgument,
    BuildFailure,
    BuildRequest,
    Candidate,
    Capability,
    Clear,
    Diagnostic,
    Fault,
    Figure,
    Image,
    Job,
    KernelImage,
    Launch,
    Parameter,
    RunReport,
    StepReport,
)

Kernel = Callable[..., None]
BUDGET = Budget(60.0, 1 << 30, 10**9)


class Trap(Exception):
    """The emulated kernel faults."""

    def __init__(self, kind: str, **details: object) -> None:
        super().__init__(kind)
        self.fault = Fault(kind, f"an access was {kind}", "kernel", **details)


class Stopped(Exception):
    """The emulated run is stopped from outside."""

    def __init__(self, ended: str, reason: str) -> None:
        super().__init__(reason)
        self.ended, self.reason = ended, reason


class FunctionDevice:
    """`jobs` are all jobs it was given; each step takes `microseconds`."""

    def __init__(self, kernels: dict[str, Kernel], microseconds: float = 5.0) -> None:
        self.name, self.how, self.arch, self.band = "functions", "modelled", "sm_80", 0.0
        self.calibration = "not calibrated"
        self.properties = {**PROPERTIES, "sms": 4}
        self.capabilities: frozenset[Capability] = frozenset()
        self.kernels = kernels
        self.microseconds = microseconds
        self.jobs: list[Job] = []
        self.batches: list[int] = []

    def run(self, image: Image, jobs: Sequence[Job], budget: Budget) -> list[RunReport]:
        self.batches.append(len(jobs))
        reports: list[RunReport] = []
        for job in jobs:
            self.jobs.append(job)
            reports.append(self._run_one(job))
            if reports[-1].ended != "done":
                break
        return reports

    def close(self) -> None:
        pass

    def _run_one(self, job: Job) -> RunReport:
        memory = {buffer.name: self._content(buffer, job.poison) for buffer in job.buffers}
        try:
            steps = tuple(self._step(step, memory, job.profile) for step in job.steps)
        except Trap as trap:
            return RunReport("fault", {}, (), trap.fault)
        except Stopped as stop:
            return RunReport(stop.ended, {}, (), reason=stop.reason)
        outputs = {buffer.name: memory[buffer.name].tobytes() for buffer in job.buffers if buffer.read_back}
        return RunReport("done", outputs, steps)

    def _content(self, buffer, poison: int) -> np.ndarray:
        if buffer.data is not None:
            return np.frombuffer(bytearray(buffer.data), np.uint8)
        return np.frombuffer(
            bytearray((poison.to_bytes(4, "little") * (buffer.bytes // 4 + 1))[: buffer.bytes]), np.uint8
        )

    def _step(self, step: Launch | Clear, memory: dict[str, np.ndarray], profile: bool) -> StepReport:
        time = Figure(self.microseconds, "us", self.name, self.how) if profile else None
        if isinstance(step, Clear):
            memory[step.buffer][...] = 0
            return StepReport("clear", {}, time=time)
        given = [memory[each.buffer] if isinstance(each, BufferArgument) else each.value for each in step.arguments]
        self.kernels[step.kernel](*given)
        counts = {
            "global_load_requests": 10,
            "global_load_sectors": 40,
            "warp_instructions": 7,
            "divergent_branches": 0,
        }
        return StepReport(step.kernel, counts, time=time, limiter="DRAM bandwidth" if profile else "", occupancy=0.5)


POINTER, INTEGER = Parameter("u64", 0, 8), Parameter("u32", 0, 4)


class FunctionCompiler:
    """ "Builds" any text; `refuse` in the text is an error. Every kernel has the parameters given."""

    name, version = "functions", "1"

    def __init__(self, parameters: Sequence[Parameter], **details: int) -> None:
        self.parameters = tuple(parameters)
        self.details = details
        self.requests: list[BuildRequest] = []

    def target(self, arch: str) -> str:
        return arch

    def build(self, request: BuildRequest, budget: Budget) -> Image | BuildFailure:
        self.requests.append(request)
        if "refuse" in request.text:
            return BuildFailure((Diagnostic("error", "identifier is undefined", request.file_name, 3, 7),))
        kernel = KernelImage("", "", self.parameters, 32, 0, 0, 0, 1024)
        kernels = tuple(replace(kernel, name=name, spelled=name, **self.details) for name in request.names)
        return Image("key", request.arch, "", b"", kernels, "functions 1")


def candidate(
    kernel: str, arguments: str = "x, y, rows, cols", plan: str = "<<<ceildiv(rows, 128), 128>>>"
) -> Candidate:
    return Candidate(f"#pragma kernelevo launch {kernel}{plan}({arguments})\n__global__ void {kernel}() {{}}\n")
