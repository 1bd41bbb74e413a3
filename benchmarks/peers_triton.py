"""The same Triton kernels on the same inputs, on the virtual GPU and in Triton's own interpreter, in one run.

    python benchmarks/peers_triton.py [--repeats 3] [--json] [--record]

The interpreter (TRITON_INTERPRET=1) executes the Triton language with NumPy, one program after the other; the virtual
GPU executes the PTX that Triton compiles for sm_80, with bounds checks, and with counters, or as a profile with caches
and scoreboard. The kernels are the shipped starts with the tile sizes below. Both results are checked against float64
NumPy. Times are CPU seconds of one launch, the best of the repeats after one launch to warm up; compiling (once, in the
virtual GPU's column only) stands beside them. The interpreter is chosen when triton is imported, so it runs in a
process of its own. --record writes benchmarks/results/peers_triton.json.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
RESULT = ROOT / "benchmarks" / "results" / "peers_triton.json"
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Work:
    """One launch: what the parameters are given in their order, what the last array must then hold, and how nearly."""

    kernel: str
    shape: str
    grid: tuple[int, ...]
    constants: Mapping[str, int]
    values: Mapping[str, Any]
    output: str
    expected: Array
    tolerance: float

    def check(self, got: Array) -> None:
        np.testing.assert_allclose(got.astype(np.float64), self.expected, rtol=self.tolerance, atol=self.tolerance)


@dataclass(frozen=True)
class Row:
    """CPU seconds of one launch; `compile` those of compiling once."""

    kernel: str
    shape: str
    interpreter: float
    virtual: float
    profile: float
    compile: float

    @property
    def ratio(self) -> float:
        return self.interpreter / self.virtual


def main() -> int:
    options = _options()
    if options.interpreter:
        print(json.dumps([_interpreted(work, options.repeats) for work in _works()]))
        return 0
    interpreted = _in_a_process_of_its_own(options.repeats)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRITON_CACHE_DIR"] = folder  # Nothing compiled before is found.
        rows = [_row(work, seconds, options.repeats) for work, seconds in zip(_works(), interpreted, strict=True)]
    record = {"unit": "CPU seconds of one launch", "triton": _triton_version(), "rows": [asdict(row) for row in rows]}
    if options.record:
        RESULT.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record) if options.json else _table(rows))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="timed launches of each kernel")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--record", action="store_true", help=f"write {RESULT.relative_to(ROOT)}")
    parser.add_argument("--interpreter", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _works() -> list[Work]:
    return [_softmax(512, 1024), _layernorm(512, 1024), _matmul(256), _attention(2, 256, 64)]


def _softmax(rows: int, cols: int) -> Work:
    x = _normal(rows, cols)
    weights = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
    values = {"x": x, "y": np.zeros_like(x), "cols": cols}
    expected = weights / weights.sum(axis=1, keepdims=True)
    return Work("softmax", f"{rows}x{cols}", (rows,), {"BLOCK": 1024}, values, "y", expected, 1e-5)


def _layernorm(rows: int, cols: int) -> Work:
    x, gamma, beta, epsilon = _normal(rows, cols), _normal(cols), _normal(cols), 1e-5
    wide = x.astype(np.float64)
    scale = 1 / np.sqrt(wide.var(axis=1, keepdims=True) + epsilon)
    expected = (wide - wide.mean(axis=1, keepdims=True)) * scale * gamma + beta
    values = {"x": x, "gamma": gamma, "beta": beta, "y": np.zeros_like(x), "cols": cols, "epsilon": epsilon}
    return Work("layernorm", f"{rows}x{cols}", (rows,), {"BLOCK": 1024}, values, "y", expected, 1e-5)


def _matmul(size: int) -> Work:
    a, b = _normal(size, size).astype(np.float16), _normal(size, size).astype(np.float16)
    values = {"a": a, "b": b, "c": np.zeros((size, size), np.float32), "m": size, "n": size, "k": size}
    tiles = {"BLOCK_M": 64, "BLOCK_N": 64, "BLOCK_K": 32, "GROUP": 4}
    expected = a.astype(np.float64) @ b.astype(np.float64)
    return Work("matmul_f16", f"{size}x{size}x{size}", ((size // 64) ** 2,), tiles, values, "c", expected, 1e-4)


def _attention(heads: int, length: int, width: int) -> Work:
    q, k, v = (_normal(heads, length, width).astype(np.float16) for _ in range(3))
    scores = q.astype(np.float64) @ np.swapaxes(k, 1, 2).astype(np.float64) / np.sqrt(width)
    weights = np.exp(scores - scores.max(axis=2, keepdims=True))
    expected = weights @ v.astype(np.float64) / weights.sum(axis=2, keepdims=True)
    values = {"q": q, "k": k, "v": v, "out": np.zeros_like(q), "length": length, "width": width}
    tiles = {"BLOCK_M": 64, "BLOCK_N": 64, "WIDTH": width}
    return Work("attention", f"{heads}x{length}x{width}", (length // 64, heads), tiles, values, "out", expected, 1e-3)


def _normal(*shape: int) -> Array:
    return np.random.default_rng(sum(shape)).standard_normal(shape, np.float32)


def _in_a_process_of_its_own(repeats: int) -> list[float]:
    words = [sys.executable, __file__, "--interpreter", "--repeats", str(repeats)]
    done = subprocess.run(
        words, env={**os.environ, "TRITON_INTERPRET": "1"}, stdout=subprocess.PIPE, text=True, check=True
    )
    seconds: list[float] = json.loads(done.stdout)
    return seconds


def _interpreted(work: Work, repeats: int) -> float:
    import torch

    torch.set_num_threads(1)
    kernel = _kernel(work.kernel)
    values = {name: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for name, v in work.values.items()}

    def launch() -> None:
        kernel[work.grid](**values, **work.constants)

    seconds = _best(launch, repeats)
    work.check(values[work.output].numpy())
    return seconds


def _row(work: Work, interpreter: float, repeats: int) -> Row:
    # What compiles ahead of time and launches is kept with the tests that need it, too.
    sys.path.insert(0, str(ROOT / "tests" / "triton_kernels"))
    from ahead_of_time import compile_kernel, launch

    from kernelevo.virtual import Machine, Module

    kernel, types = _kernel(work.kernel), {name: _type(value) for name, value in work.values.items()}
    divisible = [name for name, value in work.values.items() if not isinstance(value, float)]
    start = time.process_time()
    compiled = compile_kernel(kernel, types, work.constants, divisible)
    compile_seconds = time.process_time() - start
    with Machine(Module(compiled.ptx), memory_bytes=1 << 28, shared_bytes_per_block=164 << 10) as machine:
        given = {name: machine.array(v) if isinstance(v, np.ndarray) else v for name, v in work.values.items()}
        virtual, profile = (
            _best(
                lambda watch=watch: _finish(launch(machine, compiled, work.grid, list(given.values()), **watch)),
                repeats,
            )
            for watch in ({}, {"caches": True, "scoreboard": True})
        )
        work.check(given[work.output].numpy())
    return Row(work.kernel, work.shape, interpreter, virtual, profile, compile_seconds)


def _finish(report: Any) -> None:
    if report.faults:
        raise SystemExit(f"the kernel stopped at a fault: {report.faults[0].message}")


def _kernel(name: str) -> Any:
    """The @triton.jit function of a shipped start, which has the name of its file."""
    spec = importlib.util.spec_from_file_location(f"{name}_triton", ROOT / "kernels" / f"{name}.triton.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def _type(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return {np.dtype(np.float16): "*fp16", np.dtype(np.float32): "*fp32"}[value.dtype]
    return "i32" if isinstance(value, int) else "fp32"


def _best(launch: Callable[[], None], repeats: int) -> float:
    launch()
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        launch()
        seconds.append(time.process_time() - start)
    return min(seconds)


def _triton_version() -> str:
    import triton

    return str(triton.__version__)


def _table(rows: list[Row]) -> str:
    lines = [f"{'kernel':12}{'shape':14}{'interpreter':>12}{'virtual':>9}{'profile':>9}{'compile':>9}{'times':>7}"]
    for row in rows:
        times = f"{row.interpreter * 1e3:12.1f}{row.virtual * 1e3:9.1f}{row.profile * 1e3:9.1f}{row.compile * 1e3:9.1f}"
        lines.append(f"{row.kernel:12}{row.shape:14}{times}{row.ratio:7.0f}")
    words = "ms of CPU time for one launch; times: interpreter / virtual, both without compiling"
    return "\n".join([*lines, f"Triton {_triton_version()}; {words}"])


if __name__ == "__main__":
    sys.exit(main())
