"""Runs the small works in Numba's CUDA simulator, and prints one JSON object: versions, and CPU seconds of each launch.

    NUMBA_ENABLE_CUDASIM=1 python numba_simulator.py FOLDER

Runs in an environment of its own, with Numba and NumPy; results go to FOLDER as WORK.npy, for the caller to check. The
simulator starts one host thread for each thread of a block; CPU time is that of all of them. One launch each, without
one to warm up: nothing is compiled.
"""

from __future__ import annotations

import json
import math
import platform
import sys
import time
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import cuda
from works import Work, small


@cuda.jit
def saxpy(a: Any, x: Any, y: Any, n: Any) -> None:
    i = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    if i < n:
        y[i] = a * x[i] + y[i]


@cuda.jit
def sgemm_naive(a: Any, b: Any, c: Any, m: Any, n: Any, k: Any) -> None:
    column = cuda.blockIdx.x * cuda.blockDim.x + cuda.threadIdx.x
    row = cuda.blockIdx.y * cuda.blockDim.y + cuda.threadIdx.y
    if row >= m or column >= n:
        return
    total = np.float32(0)
    for i in range(k):
        total += a[row, i] * b[i, column]
    c[row, column] = total


@cuda.jit
def reduction(x: Any, sums: Any, length: Any) -> None:
    part = cuda.shared.array(256, np.float32)
    thread, block = cuda.threadIdx.x, cuda.blockIdx.x
    own = np.float32(0)
    for i in range(thread, length, 256):
        own += x[block, i]
    part[thread] = own
    cuda.syncthreads()
    half = 128
    while half:
        if thread < half:
            part[thread] += part[thread + half]
        cuda.syncthreads()
        half //= 2
    if thread == 0:
        sums[block] = part[0]


@cuda.jit
def softmax(x: Any, y: Any, cols: Any) -> None:
    part = cuda.shared.array(256, np.float32)
    thread, row = cuda.threadIdx.x, cuda.blockIdx.x
    highest = x[row, 0]
    for i in range(thread, cols, 256):
        highest = max(highest, x[row, i])
    part[thread] = highest
    cuda.syncthreads()
    half = 128
    while half:
        if thread < half:
            part[thread] = max(part[thread], part[thread + half])
        cuda.syncthreads()
        half //= 2
    highest = part[0]
    cuda.syncthreads()
    total = np.float32(0)
    for i in range(thread, cols, 256):
        total += math.exp(x[row, i] - highest)
    part[thread] = total
    cuda.syncthreads()
    half = 128
    while half:
        if thread < half:
            part[thread] += part[thread + half]
        cuda.syncthreads()
        half //= 2
    total = part[0]
    for i in range(thread, cols, 256):
        y[row, i] = math.exp(x[row, i] - highest) / total


KERNELS = {"saxpy": saxpy, "softmax": softmax, "sgemm_naive": sgemm_naive, "reduction": reduction}


def main() -> None:
    if not numba.config.ENABLE_CUDASIM:
        sys.exit("this is Numba's CUDA compiler, not its simulator; set NUMBA_ENABLE_CUDASIM=1")
    folder = Path(sys.argv[1])
    seconds = {work.name: launch(work, folder) for work in small()}
    print(json.dumps({"version": f"{numba.__version__}, Python {platform.python_version()}", "seconds": seconds}))


def launch(work: Work, folder: Path) -> float:
    values = {name: v.copy() if isinstance(v, np.ndarray) else v for name, v in work.values.items()}
    start = time.process_time()
    KERNELS[work.kernel][work.grid, work.block](*values.values())
    seconds = time.process_time() - start
    np.save(folder / f"{work.name}.npy", values[work.output])
    return seconds


if __name__ == "__main__":
    main()
