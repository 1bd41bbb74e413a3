"""How long a build takes behind the wall: start of the wall, first and later kernels, and a build from the cache.

    python benchmarks/compile_latency.py [--kernels 40] [--compiler nvrtc|nvcc]

The kernels are distinct texts of three shapes (elementwise, block reduction, tiled matrix product), so that nothing
is answered from a cache that is not meant to. Prints the median with the least and the most; times are wall time on
this machine, measured.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from kernelevo.compilers.nvcc import NvccCompiler
from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.compilers.toolkit import find_toolkit
from kernelevo.interfaces import Compiler
from kernelevo.sandbox import Sandbox
from kernelevo.types import Budget, BuildRequest, Image

BUDGET = Budget(seconds=60.0, memory_bytes=4 << 30, warp_instructions=1)
ELEMENTWISE = """extern "C" __global__ void k(const float *x, float *y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = x[i] * %d.0f + expf(x[i]);
}
"""
REDUCTION = """extern "C" __global__ void k(const float *x, float *y, int n) {
  __shared__ float part[32];
  float sum = %d.0f;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) sum += x[i];
  for (int d = 16; d; d >>= 1) sum += __shfl_down_sync(0xffffffff, sum, d);
  if (threadIdx.x %% 32 == 0) part[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0) for (int w = 0; w < blockDim.x / 32; ++w) atomicAdd(y, part[w]);
}
"""
TILED = """extern "C" __global__ void k(const float *a, const float *b, float *c, int n) {
  __shared__ float s[16][17], t[16][17];
  int r = blockIdx.y * 16 + threadIdx.y, q = blockIdx.x * 16 + threadIdx.x;
  float sum = %d.0f;
  for (int p = 0; p < n; p += 16) {
    s[threadIdx.y][threadIdx.x] = a[r * n + p + threadIdx.x];
    t[threadIdx.y][threadIdx.x] = b[(p + threadIdx.y) * n + q];
    __syncthreads();
    for (int i = 0; i < 16; ++i) sum += s[threadIdx.y][i] * t[i][threadIdx.x];
    __syncthreads();
  }
  c[r * n + q] = sum;
}
"""
SHAPES = {"elementwise": ELEMENTWISE, "block reduction": REDUCTION, "tiled matrix product": TILED}


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def build(compiler: Compiler, text: str) -> None:
    image = compiler.build(BuildRequest(text, "k.cu", ("k",), "sm_90"), BUDGET)
    if not isinstance(image, Image):
        raise SystemExit(f"the benchmark's own kernel did not build: {image}")


def row(name: str, times: list[float]) -> str:
    middle = statistics.median(times) * 1e3
    return f"{name:32} {middle:8.1f} ms  ({min(times) * 1e3:.1f} to {max(times) * 1e3:.1f}, {len(times)} times)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernels", type=int, default=40, help="distinct kernels of each shape")
    parser.add_argument("--compiler", choices=["nvrtc", "nvcc"], default="nvrtc")
    arguments = parser.parse_args()
    toolkit = find_toolkit()
    starts = [seconds(lambda: Sandbox(toolkit.library, toolkit.read_only).close()) for _ in range(5)]
    with Sandbox(toolkit.library, toolkit.read_only) as wall, tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        made: dict[str, Callable[[], Compiler]] = {
            "nvrtc": lambda: NvrtcCompiler(wall, toolkit, cache),
            "nvcc": lambda: NvccCompiler(wall, cache),
        }
        compiler = made[arguments.compiler]()
        print(f"{compiler.name} {compiler.version}, sm_90, behind the wall")
        print(row("start of the wall, compiler warm", starts))
        for name, shape in SHAPES.items():
            texts = [shape % number for number in range(arguments.kernels)]
            print(row(name, [seconds(lambda text=text: build(compiler, text)) for text in texts]))
            print(row(f"{name}, cached", [seconds(lambda text=text: build(compiler, text)) for text in texts]))


if __name__ == "__main__":
    main()
