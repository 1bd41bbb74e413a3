"""Evaluations per second through the whole path: real compiler, wall, checks, virtual device; no build comes from the
cache.

    python benchmarks/evaluations_per_second.py [--kernel kernels/softmax.cu] [--count 20] [--workers 2] [--in-full]

Each candidate is the kernel with another comment line, so that nothing is compiled twice. Two figures: with the
search's own checks, and with full checks. Prints one JSON object. It depends on the machine; record it with the
machine beside it (benchmarks/results).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

from kernelevo import run
from kernelevo.executors.local import LocalExecutor, PerWorker
from kernelevo.settings import Request, Settings, usable_cores
from kernelevo.types import Candidate, Verdict

MAX_BLOCKS = 2**31
"""No grid is so many times as large, so that all blocks are watched."""


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--kernel", type=Path, default=Path("kernels/softmax.cu"))
    words.add_argument("--count", type=int, default=20)
    words.add_argument("--workers", type=int, default=usable_cores())
    words.add_argument("--device", default="virtual:h100")
    words.add_argument("--in-full", action="store_true", help="watch all blocks of large grids in the search's checks")
    asked = words.parse_args()
    request = Request(asked.kernel, device=asked.device, workers=asked.workers)
    with tempfile.TemporaryDirectory() as cache:
        settings = Settings.from_environment({**os.environ, "KERNELEVO_CACHE": cache})
        modes = {mode: measure(request, settings, asked.count, mode, asked.in_full) for mode in ("light", "full")}
    print(
        json.dumps(
            {**machine(), "kernel": str(asked.kernel), "device": asked.device, "workers": asked.workers, **modes},
            indent=2,
        )
    )


def measure(request: Request, settings: Settings, count: int, mode: str, in_full: bool) -> dict[str, float | int]:
    """Rate over all workers, and the median seconds of one evaluation; the first, which warms the worker, is left
    out.
    """
    task = run.open_task(request)
    benches = PerWorker(lambda: run.KernelBench(request, task, settings))
    executor = LocalExecutor(request.workers)

    def judge(number: int) -> Verdict:
        bench = benches.get()
        evaluator = bench.full if mode == "full" else bench.light
        evaluator.sample_blocks = MAX_BLOCKS if in_full else evaluator.sample_blocks
        return evaluator.evaluate(Candidate(f"{task.text}\n// {mode} {number}\n"), run.EVALUATION)

    try:
        list(executor.map(judge, range(-request.workers, 0)))
        started = time.perf_counter()
        verdicts = [verdict for _, verdict in executor.map(judge, range(count))]
        seconds = time.perf_counter() - started
    finally:
        executor.close()
        benches.close()
    failed = [verdict for verdict in verdicts if verdict.score is None]
    if failed:
        sys.exit(
            f"{len(failed)} of {count} evaluations did not pass ({failed[0].feedback}); a rate of failures is no rate"
        )
    each = [verdict.seconds for verdict in verdicts]
    return {
        "evaluations": count,
        "per_second": round(count / seconds, 2),
        "median_seconds": round(statistics.median(each), 3),
    }


def machine() -> dict[str, str | int]:
    return {"machine": platform.machine(), "cores": usable_cores(), "python": platform.python_version()}


if __name__ == "__main__":
    main()
