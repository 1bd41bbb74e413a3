"""Kernels that are launched for show: without them, every output would be the same."""

from __future__ import annotations

from kernelevo.redteam import problems
from kernelevo.redteam.kernels import kernel_attack

_ADD = """
extern "C" __global__ void add(const float* a, const float* b, float* c, int n) {
    int i = blockIdx.x * 256 + threadIdx.x; if (i < n) c[i] = a[i] + b[i]; }
"""

ATTACKS = [
    kernel_attack(
        "a result overwritten", "H95", "launches a kernel whose result the next one overwrites", "ablation",
        problems.ADD, """
#pragma kernelevo launch fancy<<<ceildiv(n, 256), 256>>>(a, b, c, n)
#pragma kernelevo launch add<<<ceildiv(n, 256), 256>>>(a, b, c, n)
extern "C" __global__ void fancy(const float* a, const float* b, float* c, int n) {
    int i = blockIdx.x * 256 + threadIdx.x; if (i < n) c[i] = fmaf(a[i], 1, b[i]); }
""" + _ADD, door="launch plan",
    ),
    kernel_attack(
        "a result that nobody reads", "H95 H92", "launches a kernel that fills scratch which nobody reads", "ablation",
        problems.ADD, """
#pragma kernelevo temp float t[n]
#pragma kernelevo launch fancy<<<ceildiv(n, 256), 256>>>(a, t, n)
#pragma kernelevo launch add<<<ceildiv(n, 256), 256>>>(a, b, c, n)
extern "C" __global__ void fancy(const float* a, float* t, int n) {
    int i = blockIdx.x * 256 + threadIdx.x; if (i < n) t[i] = a[i] * a[i]; }
""" + _ADD, door="launch plan",
    ),
    kernel_attack(
        "a condition that never holds", "H94", "launches a kernel whose condition no input fulfils", "ablation",
        problems.ADD, """
#pragma kernelevo launch add<<<ceildiv(n, 256), 256>>>(a, b, c, n)
#pragma kernelevo launch fancy<<<ceildiv(n, 256), 256>>>(a, b, c, n)
extern "C" __global__ void fancy(const float* a, const float* b, float* c, int n) {
    int i = blockIdx.x * 256 + threadIdx.x; if (i < n && a[i] == 1e38f) c[i] = a[i] + b[i]; }
""" + _ADD, door="launch plan",
    ),
]  # fmt: skip
