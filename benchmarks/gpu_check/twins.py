"""Part 2, `twins`: the virtual GPU against the card: the same kernels, inputs of the same seeds, and planted faults.

Outputs of both are held to the reference's tolerance and to each other; faults must have the same kind. Counts against
a hardware profiler are not taken here: ncu needs rights that are rarely given.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from gpu_check.bench import Bench, Limit, short
from gpu_check.outcome import Outcome
from gpu_check.subjects import BUDGET, Subject, opened
from kernelevo.devices.virtual import open_virtual
from kernelevo.errors import Infrastructure
from kernelevo.evaluators.compare import compare
from kernelevo.evaluators.expected import expect
from kernelevo.evaluators.running import as_numbers
from kernelevo.evaluators.trials import Drawn
from kernelevo.interfaces import Device
from kernelevo.types import Buffer, BufferArgument, BuildRequest, Image, Job, Launch, RunReport

PART = "twins"
SECONDS = 70
SEED = 20_260
WANTED = "outputs of both within tolerance on every kernel, faults of the same kind"
FAULTS = """extern "C" __global__ void far_store(float *x) { *(float *)((char *)x + (1ull << 44)) = 1; }
extern "C" __global__ void far_load(float *x) { x[0] = *(volatile float *)((char *)x + (1ull << 44)); }
extern "C" __global__ void misaligned(float *x) { *(volatile double *)((char *)x + 4) = 1; }
extern "C" __global__ void trapped(float *x) { asm volatile("trap;"); }
extern "C" __global__ void fine(float *x) { x[threadIdx.x] = threadIdx.x; }
"""
KERNELS = ("far_store", "far_load", "misaligned", "trapped", "fine")


def run(bench: Bench) -> Outcome:
    limit, rows, left_out = Limit(SECONDS), [], []
    for file in bench.extent.kernels:
        if limit.reached:
            left_out.append(short(file))
            continue
        rows.append(_compared(bench, file))
    faults = _faults(bench)
    good = sum(row["ok"] for row in rows)
    same = sum(one == other for one, other in faults.values())
    shown = f"{good} of {len(rows)} kernels agree, {same} of {len(faults)} endings; {_exact(rows)} of outputs identical"
    ok = good == len(rows) and same == len(faults) and bool(rows)
    details = {"seed": SEED, "twin": bench.twin, "kernels": rows, "endings": faults, "left_out": left_out}
    return Outcome(PART, ok, shown + (f"; {len(left_out)} left out" if left_out else ""), WANTED, details)


def _exact(rows: list[dict[str, Any]]) -> str:
    values = [row["identical"] for row in rows if row["identical"] is not None]
    return f"{np.mean(values):.1%}" if values else "none"


def _compared(bench: Bench, file: Path) -> dict[str, Any]:
    """One kernel on both devices."""
    with opened(bench, file) as subject, bench.measuring(subject.compiler) as device:
        twin = open_virtual(bench.twin, subject.walls[0])
        tests = subject.tests(bench.extent.tests, SEED)
        reports = [_reports(subject, each, tests) for each in (device, twin)]
    ratios = [_worst(subject, tests, each) for each in reports]
    row = {"kernel": short(file), "tests": len(tests), "card": ratios[0], "virtual": ratios[1]}
    ended = [[report.ended for report in each] for each in reports]
    ok = all(each is not None and each <= 1.0 for each in ratios)
    return {**row, "ended": ended, "identical": _identical(subject, *reports) if ok else None, "ok": ok}


def _reports(subject: Subject, device: Device, tests: list[Drawn]) -> list[RunReport]:
    image = subject.image(device, [drawn.trial for drawn in tests])
    return device.run(image, [subject.job(device, image, drawn) for drawn in tests], BUDGET)


def _worst(subject: Subject, tests: list[Drawn], reports: list[RunReport]) -> float | None:
    """The largest error in units of the tolerance; None where a run did not come to its end."""
    if len(reports) < len(tests) or any(report.ended != "done" for report in reports):
        return None
    worst = 0.0
    for drawn, report in zip(tests, reports, strict=True):
        expected = expect(subject.problem, drawn)
        for output in subject.problem.outputs:
            stored = np.frombuffer(report.outputs[output.name], output.dtype.storage)
            got = as_numbers(stored.reshape(output.sizes(drawn.trial.case.dims)), output)
            bound = expected.bounds[output.name]
            worst = max(worst, compare(output.name, got, expected.values[output.name], bound).ratio)
    return worst


def _identical(subject: Subject, ours: list[RunReport], twins: list[RunReport]) -> float:
    """The share of output elements that are the same bits on both."""
    same = total = 0
    for one, other in zip(ours, twins, strict=True):
        for output in subject.problem.outputs:
            a, b = (np.frombuffer(each.outputs[output.name], f"u{output.dtype.bytes}") for each in (one, other))
            same, total = same + int((a == b).sum()), total + len(a)
    return same / max(total, 1)


def _faults(bench: Bench) -> dict[str, tuple[str, str]]:
    """How planted kernels end on the card and on its twin."""
    with opened(bench, bench.extent.kernels[-1]) as subject, bench.measuring(subject.compiler) as device:
        twin = open_virtual(bench.twin, subject.walls[0])
        return {kernel: (_ending(subject, device, kernel), _ending(subject, twin, kernel)) for kernel in KERNELS}


def _ending(subject: Subject, device: Device, kernel: str) -> str:
    built = subject.compiler.build(BuildRequest(FAULTS, "faults.cu", KERNELS, device.arch), BUDGET)
    if not isinstance(built, Image):
        raise Infrastructure(f"the planted faults do not compile: {built.diagnostics}")
    step = Launch(kernel, (1, 1, 1), (32, 1, 1), 0, (BufferArgument("x"),))
    job = Job((Buffer("x", 4096, bytes(range(256)) * 16),), (step,), 0xFFC5FFC6, False, False)
    (report,) = device.run(built, [job], dataclasses.replace(BUDGET, seconds=20.0))
    return report.fault.kind if report.fault else report.ended
