"""The words of a verdict on a passed candidate: where its time goes, in the counters that a change can move."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from kernelevo.counting import counted
from kernelevo.diagnosis.bounds import resource
from kernelevo.types import CaseResult, Image, StepReport

HOT_LINES = 3
_EFFICIENCIES = (
    ("global loads", "global_load_sectors", "global_load_requests", "sectors per request"),
    ("global stores", "global_store_sectors", "global_store_requests", "sectors per request"),
    ("local memory (spills)", "local_sectors", "local_requests", "sectors per request"),
    ("shared loads", "shared_load_wavefronts", "shared_load_requests", "wavefronts per request"),
    ("shared stores", "shared_store_wavefronts", "shared_store_requests", "wavefronts per request"),
)


def passed(cases: Sequence[CaseResult], image: Image) -> str:
    """Per case and kernel: time, limiter, occupancy, efficiency of memory access, divergence, and the hottest source
    lines.
    """
    return "\n".join(line for case in cases for line in _case(case, image))


def _case(case: CaseResult, image: Image) -> Iterator[str]:
    yield f"{case.name}: {case.time}" + (f", limited by {resource(case.limiter)}" if case.limiter else "")
    for step in case.steps:
        yield from (f"  {line}" for line in _step(step, image))


def _step(step: StepReport, image: Image) -> Iterator[str]:
    time = f": {step.time}" if step.time else ""
    yield f"{step.kernel}{time}{_resources(step, image)}"
    for name, moved, requests, unit in _EFFICIENCIES:
        if step.counts.get(requests):
            ratio = step.counts[moved] / step.counts[requests]
            yield f"  {name}: {counted(step.counts[requests], 'request')}, {ratio:.2f} {unit}"
    yield from _work(step.counts)
    yield from _hot_lines(step)


def _resources(step: StepReport, image: Image) -> str:
    parts = [f"limited by {resource(step.limiter)}"] if step.limiter else []
    if step.occupancy is not None:
        parts.append(f"occupancy {100 * step.occupancy:.0f} %")
    for kernel in image.kernels:
        if kernel.name == step.kernel:
            parts.append(counted(kernel.registers, "register"))
            parts += [f"{counted(kernel.spill_bytes, 'byte')} of spills"] if kernel.spill_bytes else []
    return "".join(f", {part}" for part in parts)


def _work(counts: Mapping[str, int]) -> Iterator[str]:
    instructions = counts.get("warp_instructions", 0)
    if instructions:
        lanes = counts.get("thread_instructions", 0) / instructions
        yield f"  {instructions} warp instructions, {lanes:.1f} of 32 lanes active"
    if counts.get("divergent_branches"):
        yield f"  {counts['divergent_branches']} of {counted(counts['branches'], 'branch')} diverged"
    if counts.get("global_atomic_requests"):
        yield f"  {counts['global_atomic_requests']} atomic requests"


def _hot_lines(step: StepReport) -> Iterator[str]:
    """The source lines with most sectors and wavefronts, then instructions."""
    lines: dict[tuple[str, int], list[int]] = {}
    for count in step.lines:
        if count.source.line:
            sums = lines.setdefault((count.source.file, count.source.line), [0, 0])
            sums[0] += count.sectors + count.wavefronts
            sums[1] += count.warp_instructions
    hottest = sorted(lines.items(), key=lambda item: item[1], reverse=True)[:HOT_LINES]
    for (file, line), (traffic, instructions) in hottest:
        yield f"  {file}:{line}: {traffic} sectors and wavefronts, {instructions} warp instructions"
