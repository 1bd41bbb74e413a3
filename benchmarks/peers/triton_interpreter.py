"""Runs the large works in Triton's interpreter, and prints one JSON object: versions, and CPU seconds of each launch.

    TRITON_INTERPRET=1 python triton_interpreter.py FOLDER

Triton describes a block, not a thread, and its interpreter executes an operation on a whole block with NumPy: the work
is the same, the programs are not. Results go to FOLDER as WORK.npy, for the caller to check. NumPy and torch get one
thread from the caller's environment. Softmax is the shipped start.
"""

import importlib.util
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl
from works import Work, large

KERNELS = Path(__file__).parents[2] / "kernels"


@triton.jit
def saxpy(a, x, y, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, a * tl.load(x + i, i < n) + tl.load(y + i, i < n), i < n)


@triton.jit
def sgemm_naive(a, b, c, m, n, k, TILE: tl.constexpr):
    i = tl.arange(0, TILE)
    rows, columns = tl.program_id(1) * TILE + i[:, None], tl.program_id(0) * TILE + i[None, :]
    total = tl.zeros([TILE, TILE], tl.float32)
    for start in range(0, k, TILE):
        left = tl.load(a + rows * k + start + i[None, :])
        right = tl.load(b + (start + i[:, None]) * n + columns)
        total = tl.dot(left, right, total, input_precision="ieee")
    tl.store(c + rows * n + columns, total)


@triton.jit
def reduction(x, sums, length, BLOCK: tl.constexpr):
    total = tl.zeros([BLOCK], tl.float32)
    for start in range(0, length, BLOCK):
        i = start + tl.arange(0, BLOCK)
        total += tl.load(x + tl.program_id(0) * length + i, i < length, other=0.0)
    tl.store(sums + tl.program_id(0), tl.sum(total, 0))


def main() -> None:
    folder = Path(sys.argv[1])
    seconds = {work.name: launch(work, folder) for work in large()}
    words = f"{triton.__version__}, torch {torch.__version__}, Python {platform.python_version()}"
    print(json.dumps({"version": words, "seconds": seconds}))


def launch(work: Work, folder: Path) -> float:
    kernel, grid, constants = program(work)
    values = {name: torch.from_numpy(v.copy()) if isinstance(v, np.ndarray) else v for name, v in work.values.items()}
    start = time.process_time()
    kernel[grid](**values, **constants)
    seconds = time.process_time() - start
    np.save(folder / f"{work.name}.npy", values[work.output].numpy())
    return seconds


def program(work: Work) -> tuple[Any, tuple[int, ...], dict[str, int]]:
    """The kernel, its grid and its constants: blocks that Triton's users would choose."""
    if work.kernel == "saxpy":
        return saxpy, (work.amount // 1024,), {"BLOCK": 1024}
    if work.kernel == "softmax":
        return shipped_softmax(), work.grid[:1], {"BLOCK": 1024}
    if work.kernel == "sgemm_naive":
        return sgemm_naive, (work.expected.shape[1] // 32, work.expected.shape[0] // 32), {"TILE": 32}
    return reduction, work.grid[:1], {"BLOCK": 1024}


def shipped_softmax() -> Any:
    spec = importlib.util.spec_from_file_location("softmax_triton", KERNELS / "softmax.triton.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.softmax


if __name__ == "__main__":
    main()
