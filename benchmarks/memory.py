"""Peak resident memory of the virtual GPU on a matrix of 4096 x 4096 f32: softmax and transpose, in three settings.

    python benchmarks/memory.py [--size 4096] [--json] [--record]

Each launch has a process of its own, whose peak (VmHWM of /proc/self/status, Linux only: the kernel's high-water mark
since the program was loaded) is read before the machine is made and after the launch. It holds the input twice, in
NumPy and on the device, and the output once: three matrices. Results are checked afterwards, where checking cannot
raise the peak. The command fails where a peak reaches the limit of 1 GB. --record writes
benchmarks/results/memory.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from interpreter_speed import BUDGET, HERE, SETTINGS, machine_words
from nvrtc_ptx import compile_ptx

from kernelevo.compilers.toolkit import find_toolkit
from kernelevo.virtual import Argument, Machine, Module

RESULT = HERE / "results" / "memory.json"
LIMIT = 10**9
KERNELS = ("softmax_block", "transpose_shared")


@dataclass(frozen=True)
class Row:
    """Peaks in bytes: `before` of Python, NumPy and the input, `peak` after the launch; `matrices` is what three of
    them take.
    """

    kernel: str
    setting: str
    before: int
    peak: int
    matrices: int


def main() -> int:
    options = _options()
    if options.launch:
        print(json.dumps(asdict(_measure(*options.launch, options.size))))
        return 0
    rows = [_in_a_process_of_its_own(kernel, setting, options.size) for kernel in KERNELS for setting in SETTINGS]
    record = {"machine": machine_words(), "size": options.size, "unit": "bytes", "rows": [asdict(row) for row in rows]}
    print(json.dumps(record) if options.json else _table(rows, options.size))
    over = [f"{row.kernel} ({row.setting})" for row in rows if row.peak >= LIMIT]
    if over:
        raise SystemExit(f"these launches need {LIMIT} bytes or more: {', '.join(over)}; nothing is recorded")
    if options.record:
        RESULT.write_text(json.dumps(record, indent=1) + "\n")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=4096, help="rows and columns, a multiple of 32")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--record", action="store_true", help="write benchmarks/results/memory.json")
    parser.add_argument("--launch", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def _in_a_process_of_its_own(kernel: str, setting: str, size: int) -> Row:
    words = [sys.executable, __file__, "--launch", kernel, setting, "--size", str(size)]
    return Row(**json.loads(subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout))


def _measure(kernel: str, setting: str, size: int) -> Row:
    text = (HERE / "kernels" / f"{kernel}.cu").read_text()
    module = Module(compile_ptx(find_toolkit(), text, f"{kernel}.cu"))
    x = np.random.default_rng(1).random((size, size), np.float32)
    before = _peak()
    with Machine(module) as machine:
        y = machine.empty(x.shape)
        args: list[Argument] = [machine.array(x), y]
        tiles = size // 32
        if kernel == "softmax_block":
            grid, block, args = (size,), (256,), [*args, size // 4]
        else:
            grid, block, args = (tiles, tiles), (32, 8), [*args, size, size]
        report = machine.launch(kernel, grid=grid, block=block, args=args, budget=BUDGET, **SETTINGS[setting])
        peak = _peak()
        if report.faults:
            raise SystemExit(f"{kernel} stopped at a fault: {report.faults[0].message}")
        _check(kernel, x, y.numpy())
    return Row(kernel, setting, before, peak, 3 * x.nbytes)


def _check(kernel: str, x: np.ndarray, y: np.ndarray) -> None:
    expected = x.T
    if kernel == "softmax_block":
        weights = np.exp(x.astype(np.float64))
        expected = weights / weights.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(y, expected, rtol=2e-5)


def _peak() -> int:
    """Peak resident bytes of this process; getrusage would count the parent's from before this program was loaded."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


def _table(rows: list[Row], size: int) -> str:
    lines = [f"{'kernel':18}{'setting':15}{'before MB':>11}{'peak MB':>10}{'3 matrices MB':>15}"]
    for row in rows:
        lines.append(
            f"{row.kernel:18}{row.setting:15}{row.before / 1e6:11.0f}{row.peak / 1e6:10.0f}{row.matrices / 1e6:15.0f}"
        )
    return "\n".join([*lines, f"{size} x {size} f32; peak resident memory of one process, limit {LIMIT / 1e6:.0f} MB"])


if __name__ == "__main__":
    sys.exit(main())
