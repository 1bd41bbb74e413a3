"""A device as a careless harness has it: for controls of what the virtual device stops by its own nature.

It executes PTX on the virtual GPU in this process, so it is for texts of this package only. With `fresh_memory` off,
memory and device globals last from call to call, and a call that is timed is made once before, to warm up; with
`bounds` off, all buffers of a call lie side by side in one allocation, so that an access beyond one lands in the next;
with `endings` off, a run that a fault or a limit stopped counts as done. Its times are the number of warp instructions,
and mean nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kernelevo.defences import Defences
from kernelevo.interfaces import Device
from kernelevo.types import (
    Budget,
    Buffer,
    BufferArgument,
    Capability,
    Clear,
    Fault,
    Figure,
    How,
    Image,
    Job,
    Launch,
    RunReport,
    StepReport,
)
from kernelevo.virtual import Array, Machine, Module

ALIGNMENT = 256
ARENA_BYTES = 1 << 24
"""Of one call's buffers: attacks are small."""


@dataclass
class _Memory:
    """A machine with one arena. `places` are the buffers of the call that is running."""

    machine: Machine
    arena: Array
    separate: bool
    places: dict[str, Array] = field(default_factory=dict)
    _kept: dict[tuple[str, int, int], Array] = field(default_factory=dict)

    def place(self, buffers: Sequence[Buffer]) -> None:
        self.places = {}
        end = 0
        for buffer in buffers:
            if self.separate:
                key = buffer.name, buffer.bytes, buffer.skew
                if key not in self._kept:
                    self._kept[key] = self.machine.empty(buffer.bytes, np.uint8, name=buffer.name, skew=buffer.skew)
                self.places[buffer.name] = self._kept[key]
            else:
                start = -(-end // ALIGNMENT) * ALIGNMENT + buffer.skew
                address, shape = self.arena.address + start, (buffer.bytes,)
                self.places[buffer.name] = Array(
                    self.machine, buffer.name, address, shape, np.dtype(np.uint8), buffer.bytes
                )
                end = start + buffer.bytes


class CarelessDevice:
    """Implements interfaces.Device like `like`, without those of its defences that are off."""

    how: How = "modelled"
    calibration = ""

    def __init__(self, like: Device, defences: Defences) -> None:
        self.name, self.arch, self.band = like.name, like.arch, like.band
        self.properties: Mapping[str, int] = like.properties
        self.capabilities: frozenset[Capability] = like.capabilities
        self._defences = defences
        self._memories: dict[str, _Memory] = {}

    def run(self, image: Image, jobs: Sequence[Job], budget: Budget) -> list[RunReport]:
        reports: list[RunReport] = []
        for job in jobs:
            reports.append(self._run(image, job, budget))
            if reports[-1].ended != "done":
                break
        return reports

    def close(self) -> None:
        for memory in self._memories.values():
            memory.machine.close()
        self._memories.clear()

    def _run(self, image: Image, job: Job, budget: Budget) -> RunReport:
        if job.profile and not self._defences.fresh_memory:
            self._call(image, job, budget)
        return self._call(image, job, budget)

    def _call(self, image: Image, job: Job, budget: Budget) -> RunReport:
        memory = self._memory(image, budget)
        memory.place(job.buffers)
        for buffer in job.buffers:
            if buffer.data is not None or self._defences.poison:
                memory.places[buffer.name].write(np.frombuffer(_content(buffer, job.poison), np.uint8))
        steps: list[StepReport] = []
        for step in job.steps:
            if isinstance(step, Clear):
                memory.places[step.buffer].write(np.zeros(memory.places[step.buffer].nbytes, np.uint8))
                steps.append(self._step(f"zero {step.buffer}", {"warp_instructions": 1}))
                continue
            report = self._launch(memory, step, job, budget)
            if isinstance(report, Fault):
                if self._defences.endings:
                    return RunReport("fault", {}, tuple(steps), report, faults=(report,))
                steps.append(self._step(step.kernel, {"warp_instructions": 1}))
            else:
                steps.append(self._step(step.kernel, report))
        outputs = {each.name: memory.places[each.name].numpy().tobytes() for each in job.buffers if each.read_back}
        return RunReport("done", outputs, tuple(steps))

    def _memory(self, image: Image, budget: Budget) -> _Memory:
        if self._defences.fresh_memory:
            self.close()
        if image.key not in self._memories:
            machine = Machine(
                Module(image.ptx), budget.memory_bytes, sms=self.properties["sms"],
                shared_bytes_per_block=self.properties["shared_bytes_per_block"],
            )  # fmt: skip
            arena = machine.empty(ARENA_BYTES, np.uint8, name="everything")
            self._memories[image.key] = _Memory(machine, arena, self._defences.bounds)
        return self._memories[image.key]

    def _launch(self, memory: _Memory, launch: Launch, job: Job, budget: Budget) -> Mapping[str, int] | Fault:
        args = [
            memory.places[each.buffer] if isinstance(each, BufferArgument) else each.value for each in launch.arguments
        ]
        report = memory.machine.launch(
            launch.kernel, grid=launch.grid, block=launch.block, args=args, shared_bytes=launch.shared_bytes,
            cooperative=launch.cooperative, order=job.order, check_races=job.check_races, max_faults=job.max_faults,
            budget=budget.warp_instructions,
        )  # fmt: skip
        return report.faults[0] if report.faults else report.counts

    def _step(self, name: str, counts: Mapping[str, int]) -> StepReport:
        time = Figure(float(max(counts["warp_instructions"], 1)), "us", self.name, self.how)
        return StepReport(name, counts, time=time)


def _content(buffer: Buffer, poison: int) -> bytes:
    if buffer.data is not None:
        return bytes(buffer.data)
    return (poison.to_bytes(4, "little") * (buffer.bytes // 4 + 1))[: buffer.bytes]
