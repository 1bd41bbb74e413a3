"""The device `virtual:NAME`: executes an image's PTX on the virtual GPU behind the wall, and models the time.

Results, faults and counts are exact; times come from `cost.py`, fed with counts that `machine_code.py` has brought
nearer to what the hardware executes, and are labelled `modelled`. Jobs of one call run in one
jailed child, each in fresh device memory.

PTX has no spills, but the cubin does: each spilled byte of a kernel is charged once per thread, which is a lower bound
where it lies in a loop. A step that clears a buffer costs a launch and its bytes' way to DRAM.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kernelevo.devices import gpus
from kernelevo.devices.cost import SECTOR, estimate
from kernelevo.devices.gpus import Gpu
from kernelevo.devices.machine_code import Comparison, compare, counts_for_model, describe, doubts
from kernelevo.devices.occupancy import SHARED_RESERVED, Occupancy, occupancy
from kernelevo.errors import BadInput
from kernelevo.interfaces import Disassembler, Wall
from kernelevo.types import (
    Budget,
    Clear,
    Fault,
    Figure,
    How,
    Image,
    Job,
    KernelImage,
    Launch,
    MachineCode,
    RunReport,
    StepReport,
)
from kernelevo.wire.run import MachineLimits, run_reports, run_request

PREFIX = "virtual:"
LEAST_L1_BYTES = 4 << 10


def open_virtual(name: str, wall: Wall, disassembler: Disassembler | None = None) -> VirtualDevice:
    """The device called `name`, like "virtual:h100"; raises BadInput naming those there are. With a disassembler its
    times are modelled from what the machine code does, without one from what the PTX says.
    """
    if name not in {PREFIX + each for each in gpus.names()}:
        choices = ", ".join(PREFIX + each for each in gpus.names())
        raise BadInput(f"there is no device {name!r}; choose one of {choices}")
    return VirtualDevice(gpus.gpu(name.removeprefix(PREFIX)), wall, disassembler)


@dataclass(frozen=True)
class _Held:
    """How one launch sits on an SM: its occupancy, and the bytes of L1 that are left for each of its blocks."""

    occupancy: Occupancy
    l1_bytes: int
    spill_sectors: int
    """Of one warp: its lanes' spilled words lie next to each other, so a spilled byte of each lane is a sector."""


@dataclass(frozen=True)
class _Compiled:
    """An image, and its machine code where that is known."""

    image: Image
    code: MachineCode | None

    def compare(self, step: StepReport) -> Comparison | None:
        return compare(step.kernel, step.lines, self.image.ptx, self.code) if self.code else None

    def details(self, step: StepReport, comparison: Comparison | None) -> dict[str, Any]:
        """What a report says of the machine code, and whether it makes the estimate doubtful."""
        if self.code is None or comparison is None:
            return {}
        registers = next(kernel.registers for kernel in self.image.kernels if kernel.name == step.kernel)
        said = describe(comparison, self.code, registers)
        reasons = doubts(said)
        return {"machine_code": said} | ({"confidence": "low", "confidence_reasons": reasons} if reasons else {})


class VirtualDevice:
    """Implements interfaces.Device. The wall belongs to the caller; a device must be used by one thread at a time."""

    how: How = "modelled"

    def __init__(self, gpu: Gpu, wall: Wall, disassembler: Disassembler | None = None) -> None:
        self.name = PREFIX + gpu.name
        self.arch = gpu.arch
        self.properties: Mapping[str, int] = gpu.properties()
        self.band = gpus.bands().comparison_band
        self._gpu = gpu
        self._wall = wall
        self._disassembler = disassembler

    def run(self, image: Image, jobs: Sequence[Job], budget: Budget) -> list[RunReport]:
        if not jobs:
            return []
        held = self._hold_all(image, jobs)
        if isinstance(held, Fault):
            return [RunReport("fault", {}, (), fault=held)]
        gpu = self._gpu
        limits = MachineLimits(1024, gpu.shared_bytes_per_block, gpu.sms, budget.memory_bytes)

        def timing(launch: Launch) -> Mapping[str, int]:
            return {**gpu.latency, "l1_bytes": held[launch].l1_bytes, "l2_bytes": gpu.l2_bytes}

        request = run_request(image.ptx, jobs, limits, timing, budget.warp_instructions)
        reports = run_reports(self._wall.call(request, budget), jobs)
        timed = any(job.profile and report.ended == "done" for job, report in zip(jobs, reports, strict=False))
        of = _Compiled(image, self._disassembler.read(image) if self._disassembler and timed else None)
        return [self._timed(job, report, held, of) for job, report in zip(jobs, reports, strict=False)]

    def close(self) -> None:
        """The wall is the caller's; nothing else is held."""

    def _hold_all(self, image: Image, jobs: Sequence[Job]) -> dict[Launch, _Held] | Fault:
        """How every launch of the plan sits on an SM; a launch that can never run is a fault of the whole plan."""
        kernels = {kernel.name: kernel for kernel in image.kernels}
        held: dict[Launch, _Held] = {}
        for launch in (step for job in jobs for step in job.steps if isinstance(step, Launch)):
            try:
                held[launch] = held.get(launch) or self._hold(kernels[launch.kernel], launch)
            except ValueError as error:
                return Fault("invalid_launch", str(error), launch.kernel)
        return held

    def _hold(self, kernel: KernelImage, launch: Launch) -> _Held:
        threads = launch.block[0] * launch.block[1] * launch.block[2]
        shared = kernel.static_shared_bytes + launch.shared_bytes
        found = occupancy(self._gpu, threads, kernel.registers, shared)
        resident = found.blocks_per_sm * self._gpu.sms
        blocks = launch.grid[0] * launch.grid[1] * launch.grid[2]
        if launch.cooperative and blocks > resident:
            raise ValueError(
                f"a cooperative launch of {blocks} blocks, of which {resident} are resident at once on "
                f"{self._gpu.title}; launch no more than these"
            )
        left = self._gpu.l1_bytes - (shared + SHARED_RESERVED) * found.blocks_per_sm
        return _Held(found, max(left // found.blocks_per_sm, LEAST_L1_BYTES), kernel.spill_bytes * 32 // SECTOR)

    def _timed(self, job: Job, report: RunReport, held: Mapping[Launch, _Held], of: _Compiled) -> RunReport:
        # A job that stopped at a fault has counts of an unfinished launch: nothing to model.
        if report.ended != "done" or not job.profile:
            return report
        launches = iter(report.steps)
        sizes = {buffer.name: buffer.bytes for buffer in job.buffers}
        steps = tuple(
            self._model_clear(step, sizes[step.buffer], report.steps)
            if isinstance(step, Clear)
            else self._model(next(launches), step, held[step], of)
            for step in job.steps
        )
        return replace(report, steps=steps)

    def _model_clear(self, clear: Clear, size: int, launches: Sequence[StepReport]) -> StepReport:
        """What a memset of the buffer costs; its counters have the names that those of launches have."""
        gpu = self._gpu
        sectors = -(-size // SECTOR)
        counts = dict.fromkeys(launches[0].counts, 0) if launches else {}
        counts |= {"l2_write_sectors": sectors, "dram_write_sectors": sectors}
        us = sectors * SECTOR / (gpu.dram_gbps * gpu.dram_efficiency * 1e3)
        return StepReport(
            f"zero {clear.buffer}", counts, time=Figure(gpu.launch_us + us, "us", self.name, self.how),
            limiter="DRAM bandwidth", details={"bounds_us": {"DRAM bandwidth": us}},
        )  # fmt: skip

    def _model(self, step: StepReport, launch: Launch, held: _Held, of: _Compiled) -> StepReport:
        counts = {**step.counts, "local_sectors": step.counts["local_sectors"] + self._spills(step, held)}
        comparison = of.compare(step)
        modelled = estimate(self._gpu, counts_for_model(counts, comparison), held.occupancy)
        return replace(
            step,
            counts=counts,
            lines=tuple(line for line in step.lines if line.warp_instructions),
            time=Figure(modelled.us, "us", self.name, self.how),
            limiter=modelled.limiter,
            occupancy=held.occupancy.share,
            details={
                "bounds_us": dict(modelled.bounds_us),
                "occupancy_limiter": held.occupancy.limiter,
                "resident_blocks": held.occupancy.blocks_per_sm * self._gpu.sms,
                "grid": launch.grid,
                "block": launch.block,
                **of.details(step, comparison),
            },
        )

    @staticmethod
    def _spills(step: StepReport, held: _Held) -> int:
        return step.counts["warps"] * held.spill_sectors
