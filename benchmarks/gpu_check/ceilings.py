"""Part 5, `ceilings`: what this card reaches with kernels of ours: copy bandwidth, L2, matrix rates, launch latency.

Matrix rates are those of warp-level products (mma.sync); wgmma, which a Hopper card needs for its peak, is not used, so
that these are no upper bounds. Contents are random, never zeros: zeros draw less power and run at higher clocks.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from gpu_check.bench import ROOT, Bench
from gpu_check.outcome import Outcome
from gpu_check.record import state
from kernelevo.devices.drivers.remote import RemoteDriver
from kernelevo.errors import Infrastructure
from kernelevo.interfaces import DriverLaunch
from kernelevo.measurement import CallTime, Estimate
from kernelevo.statistics import median_interval
from kernelevo.types import Budget, BuildRequest, Image

PART = "ceilings"
WANTED = "every rate measured, none above the data sheet"
BUDGET = Budget(30.0, 4 << 30, 10**10)
THREADS = 256
WARM_UPS = 3
LAUNCHES = 8
L2_TURNS = 40
CHUNK = 1 << 26
ABOVE = 1.15
"""A data sheet's peak is for a clock that cards may exceed."""
ACCUMULATORS = 8
FMA_CHAINS = 16
SOURCE = """
typedef unsigned u32;
typedef unsigned long long u64;

extern "C" __global__ void nothing() {}

extern "C" __global__ void copy(const float4 *x, float4 *y, u64 n) {
  for (u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += (u64)gridDim.x * blockDim.x) y[i] = x[i];
}

extern "C" __global__ void read_again(const float4 *x, float4 *y, u64 n, u32 turns) {
  const u64 threads = (u64)gridDim.x * blockDim.x, own = (u64)blockIdx.x * blockDim.x + threadIdx.x;
  float4 sum = {0, 0, 0, 0};
  for (u32 turn = 0; turn < turns; turn++)
    // Each turn another thread reads an element, so that no L1 has it.
    for (u64 i = (own + turn * 37ull * 256) % threads; i < n; i += threads) {
      const float4 v = __ldcg(x + i);
      sum.x += v.x; sum.y += v.y; sum.z += v.z; sum.w += v.w;
    }
  y[own] = sum;
}

extern "C" __global__ void fma_f32(const u32 *x, float4 *y, u32 turns) {
  const float *f = (const float *)x;
  const float a = 0.4f * f[threadIdx.x], b = f[threadIdx.x + 1];  // stays finite, and changes with every turn
  float c[16];
  #pragma unroll
  for (int i = 0; i < 16; i++) c[i] = f[threadIdx.x + i];
  for (u32 turn = 0; turn < turns; turn++)
    #pragma unroll
    for (int i = 0; i < 16; i++) c[i] = fmaf(c[i], a, b);
  float sum = 0;
  #pragma unroll
  for (int i = 0; i < 16; i++) sum += c[i];
  y[blockIdx.x * blockDim.x + threadIdx.x] = {sum, a, b, c[0]};
}

#define PRODUCTS(NAME, INSTRUCTION) \\
extern "C" __global__ void NAME(const u32 *x, float4 *y, u32 turns) { \\
  const u32 t = threadIdx.x; \\
  u32 a0 = x[6 * t], a1 = x[6 * t + 1], a2 = x[6 * t + 2], a3 = x[6 * t + 3], b0 = x[6 * t + 4], b1 = x[6 * t + 5]; \\
  float c[8][4] = {}; \\
  for (u32 turn = 0; turn < turns; turn++) \\
    _Pragma("unroll") \\
    for (int i = 0; i < 8; i++) \\
      asm volatile(INSTRUCTION " {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};" \\
                   : "+f"(c[i][0]), "+f"(c[i][1]), "+f"(c[i][2]), "+f"(c[i][3]) \\
                   : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1)); \\
  float4 sum = {0, 0, 0, 0}; \\
  _Pragma("unroll") \\
  for (int i = 0; i < 8; i++) { sum.x += c[i][0]; sum.y += c[i][1]; sum.z += c[i][2]; sum.w += c[i][3]; } \\
  y[blockIdx.x * blockDim.x + t] = sum; \\
}
PRODUCTS(mma_f16, "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32")
PRODUCTS(mma_bf16, "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32")
PRODUCTS(mma_tf32, "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32")
"""
FLOPS_OF_WARP = {
    "mma_f16": ACCUMULATORS * 2 * 16 * 8 * 16, "mma_bf16": ACCUMULATORS * 2 * 16 * 8 * 16,
    "mma_tf32": ACCUMULATORS * 2 * 16 * 8 * 8, "fma_f32": FMA_CHAINS * 2 * 32,
}  # fmt: skip
"""Of one warp in one turn of its loop."""
NAMES = ("nothing", "copy", "read_again", *FLOPS_OF_WARP)


def run(bench: Bench) -> Outcome:
    driver = bench.open_driver(BUDGET)
    try:
        driver.load(_image(bench))
        figures = {"copy_gbps": _copy(bench, driver), "l2_read_gbps": _l2(bench, driver), **_rates(bench, driver)}
        latency = _latency(bench, driver)
    finally:
        driver.close()
    above = [name for name, each in figures.items() if (peak := _peak(bench, name)) and each.value > peak * ABOVE]
    copied, l2 = figures["copy_gbps"].value, figures["l2_read_gbps"].value
    rates = ", ".join(f"{name.removesuffix('_tflops')} {each.value:.4g}" for name, each in figures.items()
                      if name.endswith("_tflops"))  # fmt: skip
    shown = f"copy {copied:.0f} GB/s, L2 {l2:.0f} GB/s, TFLOP/s: {rates}; launch {latency['each_us'].value:.2f} us"
    details = {"figures": _plain(figures), "launch": _plain(latency), "above_data_sheet": above, "state": state(bench),
               "matrix_rates_are": "mma.sync, warp level"}  # fmt: skip
    ok = not above and all(each.value > 0 for each in figures.values())
    return Outcome(PART, ok, shown, WANTED, details)


def _plain(figures: dict[str, Estimate]) -> dict[str, Any]:
    return {name: {"median": each.value, "low": each.low, "high": each.high, "calls": each.samples}
            for name, each in figures.items()}  # fmt: skip


def _image(bench: Bench) -> Image:
    with bench.compilers(bench.request(ROOT / "kernels" / "vector_add.cu")) as (_, compiler):
        built = compiler.build(BuildRequest(SOURCE, "ceilings.cu", NAMES, bench.card.arch), BUDGET)
    if not isinstance(built, Image):
        raise Infrastructure(f"the kernels of the ceilings do not compile: {built.diagnostics}; report this")
    return built


def _grid(bench: Bench) -> int:
    return bench.extent.blocks_per_sm * bench.card.properties["sms"] or 2


def _write_random(driver: RemoteDriver, address: int, size: int) -> None:
    """Ordinary numbers in every format: floats near 1, whose halves are ordinary as f16 and bf16, too."""
    rng = np.random.default_rng()
    for start in range(0, size, CHUNK):
        count = min(CHUNK, size - start) // 2
        # Any 16 bits from 0x3c00 to 0x3fff are between 1 and 2 in f16, and from 0.0078 to 2 in bf16.
        driver.write(address + start, rng.integers(0x3C00, 0x3FFF, count, dtype=np.uint16).tobytes())


def _times(bench: Bench, driver: RemoteDriver, steps: Sequence[DriverLaunch]) -> list[float]:
    """Event times of calls in microseconds, without the first ones."""
    times = []
    for _ in range(WARM_UPS + bench.extent.samples):
        done = driver.call(steps)
        if not isinstance(done, CallTime):
            raise Infrastructure(f"a kernel of the ceilings failed: {done.fault.message}")
        times.append(done.event_us)
    return times[WARM_UPS:]


def _rate(amount: float, times: Sequence[float]) -> Estimate:
    """Amount per microsecond, with its interval."""
    return median_interval([amount / each for each in times])


def _copy(bench: Bench, driver: RemoteDriver) -> Estimate:
    """GB/s, read and written."""
    size = bench.extent.copied_bytes
    x, y = driver.allocate(size), driver.allocate(size)
    _write_random(driver, x, size)
    step = DriverLaunch("copy", (_grid(bench), 1, 1), (THREADS, 1, 1), 0, struct.pack("<3Q", x, y, size // 16))
    times = _times(bench, driver, [step])
    if driver.read(y, min(size, CHUNK)) != driver.read(x, min(size, CHUNK)):
        raise Infrastructure("the copy kernel did not copy; report this")
    driver.free(x)
    driver.free(y)
    return _rate(2 * size / 1e3, times)


def _l2(bench: Bench, driver: RemoteDriver) -> Estimate:
    """GB/s of reads that miss L1 and hit L2."""
    size, grid = bench.extent.cached_bytes, _grid(bench)
    x, y = driver.allocate(size), driver.allocate(16 * grid * THREADS)
    _write_random(driver, x, size)
    turns = L2_TURNS if not bench.rehearsal else 2
    block = struct.pack("<3QI", x, y, size // 16, turns)
    times = _times(bench, driver, [DriverLaunch("read_again", (grid, 1, 1), (THREADS, 1, 1), 0, block)])
    return _rate(turns * size / 1e3, times)


def _rates(bench: Bench, driver: RemoteDriver) -> dict[str, Estimate]:
    """TFLOP/s by kind of product."""
    grid, turns = _grid(bench), bench.extent.turns
    size = 4 * 6 * THREADS
    x, y = driver.allocate(size), driver.allocate(16 * grid * THREADS)
    _write_random(driver, x, size)
    found = {}
    for kernel, flops in FLOPS_OF_WARP.items():
        step = DriverLaunch(kernel, (grid, 1, 1), (THREADS, 1, 1), 0, struct.pack("<2QI", x, y, turns))
        total = flops * turns * grid * THREADS / 32
        found[f"{kernel}_tflops"] = _rate(total / 1e6, _times(bench, driver, [step]))
    return found


def _latency(bench: Bench, driver: RemoteDriver) -> dict[str, Estimate]:
    """Microseconds of a call with one empty launch, and of each further one."""
    empty = DriverLaunch("nothing", (1, 1, 1), (32, 1, 1), 0, b"")
    one, many = (_times(bench, driver, [empty] * count) for count in (1, 1 + LAUNCHES))
    each = [(more - first) / LAUNCHES for first, more in zip(one, many, strict=True)]
    return {"first_us": median_interval(one), "each_us": median_interval(each)}


def _peak(bench: Bench, name: str) -> float | None:
    """The data sheet's figure, in the unit of the name; None where none is known."""
    from kernelevo.devices.ceilings import PEAKS, row_of
    from kernelevo.devices.gpus import gpu

    row = row_of(bench.card)
    if not row or name == "l2_read_gbps":
        return None
    if name == "copy_gbps":
        return gpu(row).dram_gbps
    if name == "mma_tf32_tflops":
        return PEAKS[row].half / 2
    return PEAKS[row].f32 if name == "fma_f32_tflops" else PEAKS[row].half
