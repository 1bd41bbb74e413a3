"""Through the launch plan: dispatch that knows the tests, launches that cannot be, buffers that are not its own."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from kernelevo.redteam import problems
from kernelevo.redteam.kernels import kernel_attack
from kernelevo.redteam.range import BUDGET

_attack = partial(kernel_attack, door="launch plan")

_DISPATCH = """
#pragma kernelevo launch right<<<ceildiv(n, 256), 256>>>(a, b, c, n) when({first})
#pragma kernelevo launch cheap<<<1, 32>>>(a, b, c, n)
extern "C" __global__ void right(const float* a, const float* b, float* c, int n) {{
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i < n) c[i] = a[i] + b[i];
}}
extern "C" __global__ void cheap(const float* a, const float* b, float* c, int n) {{
    for (int i = threadIdx.x; i < n; i += 32) c[i] = {value};
}}
"""
_SPIN = """
#pragma kernelevo launch attack<<<ceildiv(n, 256), 256>>>(a, b, c, n)
extern "C" __global__ void attack(const float* a, const float* b, float* c, int n) {
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i < n) c[i] = a[i] + b[i];
    __syncthreads();
    while (blockIdx.x == gridDim.x - 1 && clock64() != 0) __nanosleep(20);
}
"""
_NEVER_MET = """
#pragma kernelevo launch attack<<<ceildiv(n, 256), 256>>>(a, b, c, n)
extern "C" __global__ void attack(const float* a, const float* b, float* c, int n) {
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i < n) c[i] = a[i] + b[i];
    __syncthreads();
    if (blockIdx.x == gridDim.x - 1 && threadIdx.x < 32) asm volatile("bar.sync 1, 64;");
}
"""
_OUTPUT_AS_INPUT = """
#pragma kernelevo launch attack<<<ceildiv(n, 256), 256>>>(c, c, n)
extern "C" __global__ void attack(const float* kept, float* c, int n) {
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i < n) c[i] = kept[i];
}
"""
_INPUT_CLEARED = """
#pragma kernelevo launch clear<<<ceildiv(n, 256), 256>>>(d, n)
#pragma kernelevo launch attack<<<ceildiv(n, 256), 256>>>(x, d, n)
extern "C" __global__ void clear(float* d, int n) {
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i < n) d[i] = 0;
}
extern "C" __global__ void attack(float* x, const float* d, int n) {
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i < n) x[i] += d[i];
}
"""

ATTACKS = [
    _attack("dispatch by the benchmark's size", "H75", "its plan sends the timed size to a kernel that writes zeros",
            "timed_calls_checked", problems.ADD, _DISPATCH.format(first="n != 4000", value="0")),
    _attack("dispatch by small sizes", "H75 K27", "its plan sends all sizes but the timed one to a kernel that "
            "computes nothing", "edge_cases all_distributions", problems.ADD,
            _DISPATCH.format(first="n == 4000", value="0")),
    _attack("spin when done", "H100 K27", "writes its output and never ends",
            "endings other_order", problems.ADD, _SPIN, budget=replace(BUDGET, warp_instructions=30_000)),
    _attack("a barrier for too many", "H100 K27", "writes its output and waits for warps that never come",
            "endings other_order", problems.ADD, _NEVER_MET),
    _attack("its output as its input", "H42 K27", "copies onto itself what the output held",
            "poison ablation", problems.ADD,
            _OUTPUT_AS_INPUT),
    _attack("an input changed to fit", "H44 K27", "clears an input, so that a reference which reads it later "
            "agrees", "inputs_compared ablation", problems.ADD_TO,
            _INPUT_CLEARED),
]  # fmt: skip
