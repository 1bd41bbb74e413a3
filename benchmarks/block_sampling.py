"""What it costs and saves to watch a sample of blocks: error of the modelled time, and CPU time of a profile.

    python benchmarks/block_sampling.py [--only matmul] [--blocks 64] [--changes 3] [--json] [--record]

Each shipped kernel is taken at sizes with large grids, as it is and with the first changes that the rules propose. It
runs with counts only, with all blocks watched, and with a sample of them. Times are modelled by the device; seconds are
CPU seconds of this process for the launches alone (best of three), so that they hold on a busy machine.
"unlike" says that the sampled blocks differ, where a search watches all of them instead, and pays for both.
--record writes benchmarks/results/block_sampling.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from interpreter_speed import machine_words

from kernelevo import run
from kernelevo.evaluators.jobs import build_job
from kernelevo.evaluators.schedule import LaunchStep, schedule
from kernelevo.evaluators.trials import Trial, draw
from kernelevo.settings import Request, Settings
from kernelevo.types import (
    Attempt,
    Budget,
    Buffer,
    BufferArgument,
    BuildRequest,
    Candidate,
    Clear,
    Image,
    Job,
    RunReport,
    Sample,
)
from kernelevo.virtual import Array, Machine, Module

HERE = Path(__file__).parent
RESULT = HERE / "results" / "block_sampling.json"
BUDGET = Budget(600.0, 8 << 30, 10**11)
REPEATS = 3
SEED = 5
CASES = {
    "softmax": ("rows=65536,cols=128", "rows=8192,cols=1000"),
    "layernorm": ("rows=65536,cols=128", "rows=8192,cols=1000"),
    "transpose": ("rows=65536,cols=64", "rows=2048,cols=2048"),
    "matmul": ("m=512,n=512,k=512", "m=1024,n=512,k=256"),
    "attention": ("heads=64,length=256,width=64",),
    "reduce_sum": ("n=16777216",),
    "vector_add": ("n=4194304", "n=16777216"),
}


@dataclass(frozen=True)
class Row:
    """One kernel at one size. Errors are relative to what a profile of all blocks says; `blocks` of `of` were watched,
    0 where the launches do not allow a sample.
    """

    kernel: str
    change: str
    case: str
    blocks: int
    of: int
    unlike: bool
    time_us: float
    sampled_us: float
    error: float
    chain_error: float
    l2_error: float
    dram_error: float
    plain_s: float
    full_s: float
    sampled_s: float


def main() -> int:
    asked = _options()
    rows = [row for name in CASES if asked.only in (None, name) for row in measure(name, asked.blocks, asked.changes)]
    record = {"machine": machine_words(), "sample": asked.blocks, "rows": [asdict(row) for row in rows]}
    if asked.record:
        RESULT.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record) if asked.json else table(rows))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=CASES, help="measure one kernel")
    parser.add_argument("--blocks", type=int, default=64, help="blocks to sample")
    parser.add_argument("--changes", type=int, default=3, help="proposals to measure beside each kernel")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--record", action="store_true", help=f"write {RESULT.relative_to(HERE.parent)}")
    return parser.parse_args()


def measure(name: str, blocks: int, changes: int) -> Iterator[Row]:
    """A row for each size of the kernel and each of its changes."""
    request = Request(HERE.parent / "kernels" / f"{name}.cu", cases=CASES[name])
    task = run.open_task(request)
    settings = Settings.from_environment(dict(os.environ))
    bench = run.KernelBench(request, task, settings)
    try:
        for candidate in candidates(task, bench, settings, changes):
            for case, job in jobs(task, bench, candidate):
                row = compare(bench, *job, Sample(blocks, SEED))
                yield replace(row, kernel=name, change=", ".join(candidate.moves), case=case)
                print(".", end="", file=sys.stderr, flush=True)
    finally:
        bench.close()


def candidates(task: run.Task, bench: run.KernelBench, settings: Settings, changes: int) -> list[Candidate]:
    """The kernel as it is, and what the rules propose first."""
    start = Candidate(task.text)
    if changes == 0:
        return [start]
    verdict = bench.light.evaluate(start, BUDGET)
    if verdict.score is None:
        raise SystemExit(f"{task.name} does not pass: {verdict.feedback}")
    rules = run.kernel_proposers(task, bench, settings).members[0]
    return [start, *rules.propose(Attempt(start, verdict), frozenset({start.id}), changes)]


def jobs(task: run.Task, bench: run.KernelBench, candidate: Candidate) -> Iterator[tuple[str, tuple[Image, Job]]]:
    """The profiled job of each benchmark case."""
    plan = task.language.read_plan(candidate.text, f"{task.name}.cu", candidate.defines)
    schedules = {case.name: schedule(plan, task.problem, case, bench.properties) for case in task.problem.benchmarks}
    launches = [step for each in schedules.values() for step in each.steps if isinstance(step, LaunchStep)]
    names = tuple(dict.fromkeys(step.kernel for step in launches))
    request = BuildRequest(candidate.text, f"{task.name}.cu", names, bench.light.device.arch, candidate.defines)
    image = bench.compiler.build(request, BUDGET)
    if not isinstance(image, Image):
        raise SystemExit(f"{task.name} does not compile: {image}")
    for case in task.problem.benchmarks:
        drawn = draw(task.problem, Trial(case, 0, True, False, False), np.random.default_rng(1))
        yield case.name, (image, build_job(task.problem, drawn, schedules[case.name], image, 0x7FC12345, True))


def compare(bench: run.KernelBench, image: Image, job: Job, sample: Sample) -> Row:
    """What the device says of the job in full and from a sample, and what either costs."""
    full, part = (profiled(bench, image, replace(job, sample=each)) for each in (None, sample))
    words = [step.details["sampled"] for step in part.steps if "sampled" in step.details]
    seconds, drawn = {}, False
    for name, options in {"plain": {}, "full": PROFILE, "sampled": {**PROFILE, "sample": sample}}.items():
        seconds[name], sampled = min(replay(image, job, options) for _ in range(REPEATS))
        drawn |= sampled
    return Row(
        kernel="", change="", case="", blocks=sum(each["blocks"] for each in words),
        of=sum(each["of"] for each in words), unlike=drawn and not words,
        time_us=full.time.value, sampled_us=part.time.value, error=part.time.value / full.time.value - 1,
        chain_error=error(full, part, "chain_cycles_sum"), l2_error=error(full, part, "l2_read_sectors"),
        dram_error=error(full, part, "dram_read_sectors", "dram_write_sectors"),
        plain_s=seconds["plain"], full_s=seconds["full"], sampled_s=seconds["sampled"],
    )  # fmt: skip


PROFILE = {"caches": True, "scoreboard": True, "lines": True}


def profiled(bench: run.KernelBench, image: Image, job: Job) -> RunReport:
    (report,) = bench.light.device.run(image, [job], BUDGET)
    if report.ended != "done" or report.time is None:
        raise SystemExit(f"a run ended by {report.ended}: {report.fault or report.reason}")
    return report


def error(full: RunReport, part: RunReport, *names: str) -> float:
    """Of the sum of these counts over the launches, relative."""
    whole, estimated = (sum(step.counts[name] for step in each.steps for name in names) for each in (full, part))
    return estimated / whole - 1 if whole else 0.0


def replay(image: Image, job: Job, options: dict[str, Any]) -> tuple[float, bool]:
    """CPU seconds of the job's launches in this process, and whether a sample was drawn in one of them."""
    seconds, drawn = 0.0, False
    with Machine(Module(image.ptx), memory_bytes=BUDGET.memory_bytes) as machine:
        buffers = {each.name: buffer_of(machine, each) for each in job.buffers}
        for step in job.steps:
            if isinstance(step, Clear):
                buffers[step.buffer].write(np.zeros(buffers[step.buffer].shape, np.uint8))
                continue
            args = [buffers[each.buffer] if isinstance(each, BufferArgument) else each.value for each in step.arguments]
            started = time.process_time()
            report = machine.launch(
                step.kernel, grid=step.grid, block=step.block, args=args, budget=BUDGET.warp_instructions,
                shared_bytes=step.shared_bytes, cooperative=step.cooperative, **options,
            )  # fmt: skip
            seconds += time.process_time() - started
            if report.faults:
                raise SystemExit(f"{step.kernel} stopped at a fault: {report.faults[0].message}")
            drawn |= bool(report.sample["strata"])
    return seconds, drawn


def buffer_of(machine: Machine, buffer: Buffer) -> Array:
    if buffer.data is None:
        return machine.empty(buffer.bytes, np.uint8, name=buffer.name)
    return machine.array(np.frombuffer(buffer.data, np.uint8), name=buffer.name)


def table(rows: list[Row]) -> str:
    head = f"{'kernel':12}{'change':34}{'case':30}{'blocks':>14}{'us':>9}{'error':>8}{'chain':>8}{'L2':>8}{'DRAM':>8}"
    lines = [head + f"{'plain':>8}{'full':>8}{'sampled':>8}{'gain':>6}  (CPU seconds)"]
    for row in rows:
        blocks = "unlike" if row.unlike else f"{row.blocks}/{row.of}" if row.of else "all"
        errors = "".join(f"{each:8.2%}" for each in (row.error, row.chain_error, row.l2_error, row.dram_error))
        seconds = "".join(f"{each:8.3f}" for each in (row.plain_s, row.full_s, row.sampled_s))
        lines.append(
            f"{row.kernel:12}{row.change[:32]:34}{row.case:30}{blocks:>14}{row.time_us:9.2f}{errors}{seconds}"
            f"{row.full_s / row.sampled_s:6.2f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
