"""The errand "run": jobs for the virtual GPU into a WallRequest, and its answer into RunReports.

The other end is sandbox/wall/run_request.h and run_errand.cpp. The reports are JSON (sandbox/vgpu/report_json.h)
written by a process that executed untrusted PTX: they are checked strictly, and a malformed one raises SandboxBroken.
What a report *says* is the virtual GPU's word; its times are made from it by the device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from kernelevo.errors import SandboxBroken
from kernelevo.interfaces import WallAnswer, WallRequest
from kernelevo.types import (
    Buffer,
    BufferArgument,
    Clear,
    Fault,
    Job,
    Launch,
    LineCounts,
    RunReport,
    Sample,
    ScalarArgument,
    SourceLine,
    StepReport,
)
from kernelevo.wire.faults import Count, Strict, Words, WrittenFault, WrittenSource
from kernelevo.wire.frames import ALIGNMENT
from kernelevo.wire.heads import HeadReader, HeadWriter
from kernelevo.wire.sample import RAW, SampleCounts, StratumCounts
from kernelevo.wire.words import visible

LATENCIES = (
    "alu",
    "fp64",
    "special",
    "shared",
    "l1_hit",
    "l2_hit",
    "dram",
    "atomic",
    "shuffle",
    "barrier",
    "constant",
    "matrix",
)
CACHES = ("l1_bytes", "l2_bytes")

_NO_DATA = (1 << 64) - 1
_BUFFER_TAG, _INTEGER_TAG, _REAL_TAG = 0, 1, 2
_LAUNCH_TAG, _CLEAR_TAG = 0, 1
_DONE, _FAULT, _OUT_OF_MEMORY = 0, 1, 2
_REPORT_BYTES = (
    8 << 20
)  # per launch: its counts, what it printed (capped), and a line of the profile per PTX instruction


@dataclass(frozen=True)
class MachineLimits:
    """The limits of the device that launches are checked against (vgpu::Limits); sizes in bytes."""

    threads_per_block: int
    shared_bytes_per_block: int
    sms: int
    memory_bytes: int


Timing = Callable[[Launch], Mapping[str, int]]
"""The latencies (cycles) and cache sizes (bytes) for a launch: every name of LATENCIES and CACHES."""


def run_request(
    ptx: str, jobs: Sequence[Job], limits: MachineLimits, timing: Timing, warp_instructions: int
) -> WallRequest:
    """Asks for the jobs to be run in order, each in fresh memory, under one budget of warp instructions for all
    launches.
    """
    head = HeadWriter()
    blobs: list[bytes | memoryview] = [ptx.encode(errors="replace")]
    head.u32(limits.threads_per_block, limits.shared_bytes_per_block, limits.sms)
    head.u64(limits.memory_bytes, warp_instructions)
    head.u32(len(jobs))
    for job in jobs:
        _write_job(head, blobs, job, timing)
    return WallRequest("run", head.bytes(), tuple(blobs), _answer_bytes(len(blobs[0]), jobs))


def run_reports(answer: WallAnswer, jobs: Sequence[Job]) -> list[RunReport]:
    """The reports of the jobs that were run; the last one is of the first job that did not end well. Raises
    SandboxBroken.
    """
    if answer.ended == "died":
        raise SandboxBroken(f"the virtual GPU crashed ({answer.reason}); report this kernel")
    if answer.ended != "done":
        return [RunReport("killed", {}, (), reason=answer.reason)]
    head = HeadReader(answer.head)
    complaints = head.text()
    if complaints:
        return [_unreadable(complaints)]
    count = head.count()
    if not 0 < count <= len(jobs):
        raise SandboxBroken(f"the virtual GPU answered for {count} of {len(jobs)} jobs; report this kernel")
    blobs = iter(answer.blobs)
    reports = [_read_job(head, blobs, job) for job in jobs[:count]]
    if any(report.ended != "done" for report in reports[:-1]) or (count < len(jobs) and reports[-1].ended == "done"):
        raise SandboxBroken("the virtual GPU stopped at another job than it says; report this kernel")
    return reports


def _write_job(head: HeadWriter, blobs: list[bytes | memoryview], job: Job, timing: Timing) -> None:
    head.u32(job.poison & 0xFFFFFFFF, job.profile, job.track_uninitialised, job.check_races, job.max_faults)
    head.u64(job.order)
    sample = job.sample or Sample(0, 0)
    head.u32(sample.blocks, sample.only)
    head.u64(sample.seed)
    head.u32(len(job.buffers))
    places = {buffer.name: index for index, buffer in enumerate(job.buffers)}
    for buffer in job.buffers:
        _write_buffer(head, blobs, buffer)
    head.u32(len(job.steps))
    for step in job.steps:
        if isinstance(step, Clear):
            head.u32(_CLEAR_TAG, places[step.buffer])
        else:
            _write_launch(head, step, places, timing(step))


def _write_buffer(head: HeadWriter, blobs: list[bytes | memoryview], buffer: Buffer) -> None:
    head.text(buffer.name)
    head.u64(buffer.bytes)
    head.u32(buffer.skew, buffer.read_back)
    head.u64(_NO_DATA if buffer.data is None else len(blobs))
    if buffer.data is not None:
        blobs.append(buffer.data)


def _write_launch(head: HeadWriter, launch: Launch, places: Mapping[str, int], timing: Mapping[str, int]) -> None:
    head.u32(_LAUNCH_TAG)
    head.text(launch.kernel)
    head.u32(*launch.grid, *launch.block, *launch.cluster, launch.shared_bytes, launch.cooperative)
    head.u32(*(timing[name] for name in LATENCIES))
    head.u64(*(timing[name] for name in CACHES))
    head.u32(len(launch.arguments))
    for argument in launch.arguments:
        _write_argument(head, argument, places)


def _write_argument(head: HeadWriter, argument: BufferArgument | ScalarArgument, places: Mapping[str, int]) -> None:
    if isinstance(argument, BufferArgument):
        head.u32(_BUFFER_TAG, places[argument.buffer])
    elif isinstance(argument.value, int):
        head.u32(_INTEGER_TAG)
        head.i64(argument.value)
    else:
        head.u32(_REAL_TAG)
        head.f64(argument.value)


def _answer_bytes(ptx_bytes: int, jobs: Sequence[Job]) -> int:
    """Room for everything that may come back; pages that are not written cost nothing."""
    launches = sum(isinstance(step, Launch) for job in jobs for step in job.steps)
    read_back = sum(buffer.bytes + 2 * ALIGNMENT for job in jobs for buffer in job.buffers if buffer.read_back)
    return (1 << 20) + launches * (_REPORT_BYTES + 8 * ptx_bytes) + read_back


def _unreadable(complaints: str) -> RunReport:
    """PTX that the virtual GPU cannot read was made by a compiler, so the candidate is not to blame."""
    first = _checked(_COMPLAINTS, complaints)[0]
    fault = Fault(
        "unsupported", f"line {first.ptx_line} of the PTX: {first.message}", kernel="", ptx_line=first.ptx_line
    )
    return RunReport("fault", {}, (), fault)


def _read_job(head: HeadReader, blobs: Any, job: Job) -> RunReport:
    ended = head.u32()
    reports = [_checked(_REPORT, text) for text in head.texts()]
    launches = [step for step in job.steps if isinstance(step, Launch)]
    steps = tuple(_step(launch.kernel, report, job) for launch, report in zip(launches, reports, strict=False))
    if ended == _OUT_OF_MEMORY:
        return RunReport("killed", {}, (), reason="its buffers do not fit into the device's memory")
    remarks = tuple(found for launch, report in enumerate(reports) for found in _in_launch(report.remarks, launch))
    faults = tuple(found for launch, report in enumerate(reports) for found in _in_launch(report.faults, launch))
    if ended == _FAULT and faults:
        if faults[0].kind == "budget":
            return RunReport("budget", {}, steps, reason=faults[0].message, faults=faults, remarks=remarks)
        return RunReport("fault", {}, steps, faults[0], faults=faults, remarks=remarks)
    if ended != _DONE or len(reports) != len(launches) or faults:
        raise SandboxBroken("the virtual GPU contradicts itself about how a job ended; report this kernel")
    outputs = {buffer.name: _output(blobs, buffer) for buffer in job.buffers if buffer.read_back}
    return RunReport("done", outputs, steps, remarks=remarks)


def _in_launch(written: Sequence[WrittenFault], launch: int) -> Iterator[Fault]:
    return (replace(each.fault(), launch=launch) for each in written)


def _output(blobs: Any, buffer: Buffer) -> bytes:
    content: bytes = next(blobs, b"")
    if len(content) != buffer.bytes:
        raise SandboxBroken(
            f"buffer {buffer.name} came back with {len(content)} of {buffer.bytes} bytes; report this kernel"
        )
    return content


def _step(kernel: str, report: _Report, job: Job) -> StepReport:
    lines = tuple(line.line_counts() for line in report.lines)
    details = {RAW: report.sample.sample_counts(job.sample.seed)} if job.sample else {}
    return StepReport(kernel, report.counts.flat(), lines, report.printed, details=details)


class _Counts(BaseModel):
    model_config = ConfigDict(strict=True, extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Count]
    warp_by_class: dict[str, Count]
    thread_by_class: dict[str, Count]
    slots_by_class: dict[str, Count]
    block_slots_by_class: dict[str, Count]

    def flat(self) -> dict[str, int]:
        """The counts by name; those by class as "warp.fp32" and the like."""
        flat = dict(self.__pydantic_extra__ or {})
        for prefix in ("warp", "thread", "slots", "block_slots"):
            flat.update({f"{prefix}.{name}": count for name, count in getattr(self, f"{prefix}_by_class").items()})
        return flat


class _Line(Strict):
    source: WrittenSource
    ptx_line: Count
    instruction: Words
    warp_instructions: Count
    thread_instructions: Count
    requests: Count
    sectors: Count
    wavefronts: Count
    divergent: Count
    kind: Words
    slots: Count
    requests_merged: Count
    wavefronts_merged: Count

    def line_counts(self) -> LineCounts:
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return LineCounts(**{**fields, "source": SourceLine(self.source.file, self.source.line)})


class _Range(Strict):
    least: Count
    most: Count


class _Stratum(Strict):
    blocks: Count
    sampled: Count
    counts: _Counts
    warp_instructions: _Range
    sectors: _Range
    wavefronts: _Range
    chain_cycles: _Range

    def stratum_counts(self) -> StratumCounts:
        named = {name: getattr(self, name) for name in ("warp_instructions", "sectors", "wavefronts", "chain_cycles")}
        ranges = {name: (each.least, each.most) for name, each in named.items()}
        return StratumCounts(self.blocks, self.sampled, self.counts.flat(), ranges)


class _Sample(Strict):
    in_full: Words
    only: Literal[0, 1]
    strata: list[_Stratum]

    def sample_counts(self, seed: int) -> SampleCounts:
        return SampleCounts(self.in_full, bool(self.only), seed, tuple(each.stratum_counts() for each in self.strata))


class _Report(Strict):
    faults: list[WrittenFault]
    remarks: list[WrittenFault]
    counts: _Counts
    lines: list[_Line]
    printed: Annotated[str, AfterValidator(visible)]
    needs_one_thread: Literal[0]  # jobs run on one
    sample: _Sample


class _Complaint(Strict):
    ptx_line: Count
    message: Words


_REPORT: TypeAdapter[_Report] = TypeAdapter(_Report)
_COMPLAINTS: TypeAdapter[list[_Complaint]] = TypeAdapter(Annotated[list[_Complaint], Field(min_length=1)])


def _checked(adapter: TypeAdapter[Any], text: str) -> Any:
    try:
        # JSON has no tuples, so strictness about them would refuse every list; validate_json knows that.
        return adapter.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        raise SandboxBroken(f"the virtual GPU's report is malformed at {first['loc']}: {first['msg']}") from error
