"""The device `virtual:NAME`: executes an image's PTX on the virtual GPU behind the wall, and models the time.

Results, faults and counts are exact; times come from `cost.py`, fed with counts that `machine_code.py` has brought
nearer to what the hardware executes, and are labelled `modelled`. Jobs of one call run in one
jailed child, each in fresh device memory.

PTX has no spills, but the cubin does: they are charged as often as the machine code executes them; where that is not
known, each spilled byte of a kernel once per thread, which is a lower bound where it lies in a loop. A step that clears
a buffer costs a launch and its bytes' way to DRAM. A job with a sample of blocks is run again, with all of them
watched, where the sampled ones differ (`sampling.py`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kernelevo.devices import gpus, sampling
from kernelevo.devices.calibrating import NOT_CALIBRATED, calibrated, calibration_of
from kernelevo.devices.confidence import Launched, reasons
from kernelevo.devices.cost import LAUNCH, SECTOR, estimate
from kernelevo.devices.gpus import Gpu
from kernelevo.devices.machine_code import Comparison, accesses_of_spills, compare, counts_for_model, describe, doubts
from kernelevo.devices.modelling import Held, clear_us, hold, timing
from kernelevo.errors import BadInput
from kernelevo.interfaces import Disassembler, Wall
from kernelevo.types import (
    Budget,
    Capability,
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
MIN_SECONDS = 0.01


def open_virtual(name: str, wall: Wall, disassembler: Disassembler | None = None) -> VirtualDevice:
    """The device called `name`, like "virtual:h100"; raises BadInput naming those there are. With a disassembler its
    times are modelled from what the machine code does, without one from what the PTX says.
    """
    if name not in {PREFIX + each for each in gpus.names()}:
        choices = ", ".join(PREFIX + each for each in gpus.names())
        raise BadInput(f"there is no device {name!r}; choose one of {choices}")
    return VirtualDevice(gpus.gpu(name.removeprefix(PREFIX)), wall, disassembler)


@dataclass(frozen=True)
class _Compiled:
    """An image, and its machine code where that is known."""

    image: Image
    code: MachineCode | None

    def compare(self, step: StepReport) -> Comparison | None:
        return compare(step.kernel, step.lines, self.image.ptx, self.code) if self.code else None

    def describe(self, step: StepReport, comparison: Comparison | None) -> dict[str, Any] | None:
        """What a report says of the machine code, where it is known."""
        if self.code is None or comparison is None:
            return None
        registers = next(kernel.registers for kernel in self.image.kernels if kernel.name == step.kernel)
        return describe(comparison, self.code, registers)


class VirtualDevice:
    """Implements interfaces.Device. The wall belongs to the caller; a device must be used by one thread at a time."""

    how: How = "modelled"
    capabilities: frozenset[Capability] = frozenset(("order", "uninitialised", "races", "many faults"))

    def __init__(self, gpu: Gpu, wall: Wall, disassembler: Disassembler | None = None) -> None:
        found = calibration_of(gpu)
        self.calibration = str(found or NOT_CALIBRATED)
        gpu = calibrated(gpu, found.parameters) if found else gpu
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

        def timing_of(launch: Launch) -> Mapping[str, int]:
            return timing(gpu, held[launch])

        request = run_request(image.ptx, jobs, limits, timing_of, budget.warp_instructions)
        started = time.monotonic()
        reports = run_reports(self._wall.call(request, budget), jobs)
        profiled = any(job.profile and report.ended == "done" for job, report in zip(jobs, reports, strict=False))
        of = _Compiled(image, self._disassembler.read(image) if self._disassembler and profiled else None)
        timed = [self._timed(job, report, held, of) for job, report in zip(jobs, reports, strict=False)]
        left = replace(budget, seconds=max(budget.seconds - (time.monotonic() - started), MIN_SECONDS))
        return self._watched_in_full(image, jobs, timed, left)

    def close(self) -> None:
        """The wall is the caller's; nothing else is held."""

    def _watched_in_full(
        self, image: Image, jobs: Sequence[Job], reports: list[RunReport], budget: Budget
    ) -> list[RunReport]:
        """The reports, but of a job whose sampled blocks differ that of another run, in which all are watched."""
        whole = list(reports)
        for place, (job, report) in enumerate(zip(jobs, reports, strict=False)):
            if sampling.differs(report):
                (whole[place],) = self.run(image, [replace(job, sample=None)], budget)
        return whole

    def _hold_all(self, image: Image, jobs: Sequence[Job]) -> dict[Launch, Held] | Fault:
        """How every launch of the plan sits on an SM; a launch that can never run is a fault of the whole plan."""
        kernels = {kernel.name: kernel for kernel in image.kernels}
        held: dict[Launch, Held] = {}
        for launch in (step for job in jobs for step in job.steps if isinstance(step, Launch)):
            try:
                held[launch] = held.get(launch) or self._hold(kernels[launch.kernel], launch)
            except ValueError as error:
                return Fault("invalid_launch", str(error), launch.kernel)
        return held

    def _hold(self, kernel: KernelImage, launch: Launch) -> Held:
        return hold(self._gpu, kernel, launch.grid, launch.block, launch.shared_bytes, launch.cooperative)

    def _timed(self, job: Job, report: RunReport, held: Mapping[Launch, Held], of: _Compiled) -> RunReport:
        # A job that stopped at a fault has counts of an unfinished launch: nothing to model.
        if report.ended != "done" or not job.profile:
            return report
        launches = iter([sampling.whole_grid(step) for step in report.steps])
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
        us = clear_us(gpu, size)
        return StepReport(
            f"zero {clear.buffer}", counts, time=Figure(gpu.launch_us + us, "us", self.name, self.how),
            limiter=LAUNCH if gpu.launch_us > us else "DRAM bandwidth",
            details={"bounds_us": {"DRAM bandwidth": us}, "launch_us": gpu.launch_us, **self._trust([])},
        )  # fmt: skip

    def _trust(self, doubts: Sequence[str]) -> dict[str, Any]:
        """How far a time may be off: by the factor `band` either way, and `comparison_band` between two variants."""
        bands = gpus.bands()
        return {
            "band": bands.low_confidence_factor if doubts else bands.absolute_factor,
            "comparison_band": bands.comparison_band,
            "confidence": "low" if doubts else "normal",
            "confidence_reasons": list(doubts),
            "calibration": self.calibration,
        }

    def _model(self, step: StepReport, launch: Launch, held: Held, of: _Compiled) -> StepReport:
        comparison = of.compare(step)
        counts = held.with_spills(step.counts, accesses_of_spills(comparison))
        spilled = counts["local_sectors"] - step.counts["local_sectors"]
        likely = counts_for_model(counts, comparison)
        modelled = estimate(self._gpu, likely, held.occupancy)
        known = Launched(self._gpu, likely, held.occupancy, modelled, held.spill_bytes, held.l1_bytes, of.image.arch)
        said = of.describe(step, comparison)
        doubtful = [*reasons(known), *(doubts(said) if said else ())]
        return replace(
            step,
            counts=counts,
            lines=tuple(line for line in step.lines if line.warp_instructions),
            time=Figure(modelled.us, "us", self.name, self.how),
            limiter=modelled.limiter,
            occupancy=held.occupancy.share,
            details={
                **step.details,
                "bounds_us": dict(modelled.bounds_us),
                "launch_us": modelled.launch_us,
                "waves": modelled.waves,
                "tail_share": modelled.tail_us / modelled.us,
                **self._trust(doubtful),
                "occupancy_limiter": held.occupancy.limiter,
                "resident_blocks": held.occupancy.blocks_per_sm * self._gpu.sms,
                "grid": launch.grid,
                "block": launch.block,
                **({"spill_sectors": spilled} if spilled else {}),
                **({"machine_code": said} if said else {}),
            },
        )
