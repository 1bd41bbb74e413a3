"""How much faster a launch of independent blocks ends on several host threads: wall time of one thread over that of N.

    OPENBLAS_NUM_THREADS=1 python benchmarks/thread_scaling.py [--threads 2] [--times 1 8] [--repeats 7] ...

The kernels of interpreter_speed.py whose blocks do not use atomics, with counters and bounds checks, as they are and
with eight times the blocks: the first launches take some ten milliseconds, of which starting threads is a part. Those
on one and on N threads alternate; the figure is the ratio of the best wall times, and beside it the CPU time of N
threads over that of one, which is what noticing overlaps costs. NumPy's own threads, which make the expected values,
would go on spinning beside the first launches: hence the variable. --record writes
benchmarks/results/thread_scaling.json.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from interpreter_speed import BUDGET, HERE, Prepared, Workload, machine_words, workloads
from nvrtc_ptx import compile_ptx

from kernelevo.compilers.toolkit import find_toolkit
from kernelevo.virtual import Machine, Module

RESULT = Path(__file__).parent / "results" / "thread_scaling.json"


@dataclass(frozen=True)
class Row:
    """One kernel: best wall seconds on one and on N threads, and their CPU seconds."""

    kernel: str
    shape: str
    one: float
    several: float
    cpu_one: float
    cpu_several: float


def main() -> int:
    options = _options()
    toolkit = find_toolkit()
    rows = []
    for workload in [each for times in options.times for each in workloads(times)]:
        if workload.kernel != "reduce_sum":
            text = (HERE / "kernels" / f"{workload.kernel}.cu").read_text()
            module = Module(compile_ptx(toolkit, text, f"{workload.kernel}.cu"))
            rows.append(_measure(module, workload, options.threads, options.repeats))
    record = {
        "machine": machine_words(),
        "cores": os.cpu_count(),
        "threads": options.threads,
        "rows": [asdict(row) for row in rows],
    }
    if options.record:
        RESULT.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record) if options.json else _table(rows, options.threads))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2, help="host threads that are compared with one")
    parser.add_argument("--times", type=int, nargs="+", default=[1, 8], help="sizes: times the rows of the workloads")
    parser.add_argument("--repeats", type=int, default=7, help="timed launches of each kernel and number of threads")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--record", action="store_true", help=f"write {RESULT.relative_to(HERE.parent)}")
    return parser.parse_args()


def _measure(module: Module, workload: Workload, threads: int, repeats: int) -> Row:
    with Machine(module, memory_bytes=1 << 30) as machine:
        prepared = workload.prepare(machine)
        times: dict[int, list[tuple[float, float]]] = {1: [], threads: []}
        for number in [1, threads] * (repeats + 1):
            times[number].append(_launch(machine, workload, prepared, number))
    # The first launch of each warms up.
    one, several = times[1][1:], times[threads][1:]
    return Row(
        workload.kernel,
        workload.shape,
        min(wall for wall, _ in one),
        min(wall for wall, _ in several),
        min(cpu for _, cpu in one),
        min(cpu for _, cpu in several),
    )


def _launch(machine: Machine, workload: Workload, prepared: Prepared, threads: int) -> tuple[float, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    report = machine.launch(
        workload.kernel,
        grid=workload.grid,
        block=workload.block,
        args=prepared.args,
        budget=BUDGET,
        threads=threads,
    )
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if report.faults or report.needs_one_thread:
        raise SystemExit(f"{workload.kernel} did not run on {threads} threads: {report.json[:200]}")
    return wall, cpu


def _table(rows: list[Row], threads: int) -> str:
    lines = [f"{'kernel':17}{'shape':15}{'1 thread ms':>12}{f'{threads} ms':>8}{'speed-up':>10}{'CPU time':>10}"]
    for row in rows:
        lines.append(
            f"{row.kernel:17}{row.shape:15}{row.one * 1e3:12.1f}{row.several * 1e3:8.1f}{row.one / row.several:9.2f}x"
            f"{row.cpu_several / row.cpu_one:9.2f}x"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
