"""How fast the virtual GPU executes: millions of warp instructions a second and core, for nine kernels.

    python benchmarks/interpreter_speed.py [--repeats 7] [--only saxpy] [--json] [--record]

Each kernel of benchmarks/kernels is compiled by NVRTC, run once to warm up and to check its result against NumPy, then
timed in CPU seconds of this process (the interpreter uses one core); only the first result is checked, because saxpy
and reduce_sum change their inputs. Four settings: counters with bounds checks (the
default of a check), the same with initialised-bit tracking, the same with the check of races, and the profile with
caches and scoreboard. The figure is
the best of the repeats, the median stands beside it. --record writes benchmarks/results/interpreter_speed.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from nvrtc_ptx import compile_ptx

from kernelevo.compilers.toolkit import find_toolkit
from kernelevo.virtual import Argument, Array, Machine, Module

HERE = Path(__file__).parent
RESULT = HERE / "results" / "interpreter_speed.json"
BUDGET = 10**9
SETTINGS: dict[str, dict[str, bool]] = {
    "counters": {},
    "uninitialised": {"track_uninitialised": True},
    "races": {"check_races": True},
    "profile": {"caches": True, "scoreboard": True},
}
Values = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Prepared:
    """Arguments on a machine, the array that holds the result and what it must hold."""

    args: list[Argument]
    result: Array
    expected: Values


Prepare = Callable[[Machine], Prepared]


@dataclass(frozen=True)
class Workload:
    """One kernel at one shape; `floor` is the speed to keep (M warp instructions/s with counters), 0 where none is."""

    kernel: str
    shape: str
    grid: tuple[int, ...]
    block: tuple[int, ...]
    floor: int
    prepare: Prepare


@dataclass(frozen=True)
class Row:
    """Speeds in M warp instructions/s of one kernel in one setting; `seconds` is the best CPU time of one launch."""

    kernel: str
    shape: str
    setting: str
    warp_instructions: int
    seconds: float
    best: float
    median: float
    floor: int


def main() -> int:
    options = _options()
    toolkit = find_toolkit()
    rows = []
    for workload in workloads():
        if options.only in (None, workload.kernel):
            text = (HERE / "kernels" / f"{workload.kernel}.cu").read_text()
            module = Module(compile_ptx(toolkit, text, f"{workload.kernel}.cu"))
            rows += [_measure(module, workload, setting, options.repeats) for setting in SETTINGS]
    record = {"machine": machine_words(), "unit": "M warp instructions/s/core", "rows": [asdict(row) for row in rows]}
    if options.record:
        RESULT.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record) if options.json else _table(rows))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7, help="timed launches of each kernel and setting")
    parser.add_argument("--only", help="run one kernel")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--record", action="store_true", help=f"write {RESULT.relative_to(HERE.parent)}")
    return parser.parse_args()


def _measure(module: Module, workload: Workload, setting: str, repeats: int) -> Row:
    with Machine(module, memory_bytes=1 << 30) as machine:
        prepared = workload.prepare(machine)
        counts = _launch(machine, workload, prepared, SETTINGS[setting])
        np.testing.assert_allclose(prepared.result.numpy(), prepared.expected, rtol=2e-5, atol=1e-6)
        seconds = []
        for _ in range(repeats):
            start = time.process_time()
            _launch(machine, workload, prepared, SETTINGS[setting])
            seconds.append(time.process_time() - start)
    speeds = [counts / second / 1e6 for second in seconds]
    return Row(
        workload.kernel,
        workload.shape,
        setting,
        counts,
        min(seconds),
        max(speeds),
        statistics.median(speeds),
        workload.floor if setting == "counters" else 0,
    )


def _launch(machine: Machine, workload: Workload, prepared: Prepared, setting: dict[str, bool]) -> int:
    report = machine.launch(
        workload.kernel, grid=workload.grid, block=workload.block, args=prepared.args, budget=BUDGET, **setting
    )
    if report.faults:
        raise SystemExit(f"{workload.kernel} stopped at a fault: {report.faults[0].message}")
    return report.counts["warp_instructions"]


def workloads(times: int = 1) -> list[Workload]:
    """Shapes and floors are those of the interpreter prototype: AVX2, counters and bounds checks, one core.

    `times` multiplies the rows, and with them the blocks, of all but reduce_sum.
    """
    length, height, across = (times << 22), 1500 * times, 512 * times
    return [
        Workload("saxpy", f"{length}", (length // 256,), (256,), 106, _saxpy(length)),
        Workload("softmax_block", f"{across}x4096", (across,), (256,), 69, _softmax_block(across)),
        Workload("softmax_naive", f"{across}x1000", (across // 128,), (128,), 58, _softmax_naive(across)),
        Workload("transpose_naive", f"{height}x2000", (63, -(-height // 32)), (32, 32), 73, _transpose(height)),
        Workload("transpose_shared", f"{height}x2000", (63, -(-height // 32)), (32, 8), 64, _transpose(height)),
        Workload("sgemm_naive", f"{256 * times}x256x256", (16, 16 * times), (16, 16), 58, _sgemm(256 * times, 256)),
        Workload("sgemm_tiled", f"{across}x512x512", (4, 4 * times), (256,), 51, _sgemm(across, 512)),
        Workload("hgemm_mma", f"{across}x512x512", (8, 8 * times), (128,), 18, _hgemm(across, 512)),
        Workload("reduce_sum", "4194304", (256,), (256,), 0, _reduce_sum),
    ]


def _random(*shape: int) -> Values:
    return np.random.default_rng(1).standard_normal(shape, np.float32)


def _positive(*shape: int) -> Values:
    """Values in [1, 2): sums do not cancel, so a relative tolerance holds in any order of summation."""
    return np.random.default_rng(2).random(shape, np.float32) + 1


def _saxpy(length: int) -> Prepare:
    def prepare(machine: Machine) -> Prepared:
        x, y = _random(length), _positive(length)
        result = machine.array(y)
        return Prepared([0.5, machine.array(x), result, length], result, np.float32(0.5) * x + y)

    return prepare


def _softmax(x: Values) -> Values:
    exponentials = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
    return (exponentials / exponentials.sum(axis=1, keepdims=True)).astype(np.float32)


def _softmax_block(rows: int) -> Prepare:
    def prepare(machine: Machine) -> Prepared:
        x = _random(rows, 4096)
        result = machine.empty(x.shape)
        return Prepared([machine.array(x), result, x.shape[1] // 4], result, _softmax(x))

    return prepare


def _softmax_naive(rows: int) -> Prepare:
    def prepare(machine: Machine) -> Prepared:
        x = _random(rows, 1000)
        result = machine.empty(x.shape)
        return Prepared([machine.array(x), result, *x.shape], result, _softmax(x))

    return prepare


def _transpose(height: int) -> Prepare:
    def prepare(machine: Machine) -> Prepared:
        x = _random(height, 2000)
        result = machine.empty(x.shape[::-1])
        return Prepared([machine.array(x), result, x.shape[1], x.shape[0]], result, x.T)

    return prepare


def _sgemm(rows: int, size: int) -> Prepare:
    def prepare(machine: Machine) -> Prepared:
        a, b = _positive(rows, size), _positive(size, size)
        result = machine.empty((rows, size))
        args: list[Argument] = [machine.array(a), machine.array(b), result, rows, size, size]
        return Prepared(args, result, a @ b)

    return prepare


def _hgemm(rows: int, size: int) -> Prepare:
    """Small multiples of 1/8: every sum is exact."""

    def prepare(machine: Machine) -> Prepared:
        random = np.random.default_rng(3)
        a, b = ((random.integers(-8, 9, (many, size)) / 8).astype(np.float16) for many in (rows, size))
        result = machine.empty((rows, size))
        args: list[Argument] = [machine.array(a), machine.array(b), result, rows, size, size]
        return Prepared(args, result, a.astype(np.float32) @ b.astype(np.float32).T)

    return prepare


def _reduce_sum(machine: Machine) -> Prepared:
    x = _positive(1 << 22)
    result = machine.array(np.zeros(1, np.float32))
    return Prepared([machine.array(x), result, len(x)], result, np.array([x.sum(dtype=np.float64)], np.float32))


def machine_words() -> str:
    """Processor and compiler-visible platform; no host name."""
    cpuinfo = Path("/proc/cpuinfo")
    names = [line.split(":", 1)[1].strip() for line in _lines(cpuinfo) if line.startswith("model name")]
    return f"{names[0] if names else platform.processor() or platform.machine()}, {platform.system()}"


def _lines(file: Path) -> list[str]:
    return file.read_text().splitlines() if file.exists() else []


def _table(rows: list[Row]) -> str:
    lines = [f"{'kernel':17}{'shape':13}{'setting':15}{'M wi':>7}{'ms':>8}{'best':>7}{'median':>8}{'floor':>7}"]
    for row in rows:
        floor = f"{row.floor:7d}" if row.floor else ""
        lines.append(
            f"{row.kernel:17}{row.shape:13}{row.setting:15}{row.warp_instructions / 1e6:7.2f}"
            f"{row.seconds * 1e3:8.1f}{row.best:7.1f}{row.median:8.1f}{floor}"
        )
    return "\n".join([*lines, "best and median in M warp instructions/s/core"])


if __name__ == "__main__":
    sys.exit(main())
