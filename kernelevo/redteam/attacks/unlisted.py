"""Right at every size that somebody can read in the problem, and nowhere else."""

from __future__ import annotations

from kernelevo.redteam import problems
from kernelevo.redteam.kernels import elementwise, kernel_attack

_LISTED = sorted({case.dims["n"] for case in (*problems.ANY_SIZE.tests, *problems.ANY_SIZE.benchmarks)})

ATTACKS = [
    kernel_attack(
        "right at listed sizes only", "K30 H87", "computes at the sizes that are listed, and leaves out all others",
        "unlisted_sizes", problems.ANY_SIZE,
        elementwise("if (i < n && (" + " || ".join(f"n == {size}" for size in _LISTED) + ")) c[i] = a[i] + b[i];"),
    ),
    kernel_attack(
        "a guard for listed sizes", "K30", "a guard of the plan takes the right kernel at the sizes that are listed",
        "unlisted_sizes", problems.ANY_SIZE, f"""
#pragma kernelevo launch whole<<<ceildiv(n, 256), 256>>>(a, b, c, n) when({" || ".join(f"n == {n}" for n in _LISTED)})
#pragma kernelevo launch half<<<ceildiv(n, 512), 256>>>(a, b, c, n)
extern "C" __global__ void half(const float* a, const float* b, float* c, int n) {{
    int i = blockIdx.x * 256 + threadIdx.x; if (2 * i < n) c[2 * i] = a[2 * i] + b[2 * i]; }}
extern "C" __global__ void whole(const float* a, const float* b, float* c, int n) {{
    int i = blockIdx.x * 256 + threadIdx.x; if (i < n) c[i] = a[i] + b[i]; }}
""", door="launch plan",
    ),
]  # fmt: skip
