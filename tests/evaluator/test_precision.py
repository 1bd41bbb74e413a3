"""The declared compute precision is enforced: real kernels on the virtual GPU, which compute in it, pass, and the same
kernels in the next precision down are wrong. Where that cannot be told, the self-test says 'not separable'.

A kernel here rounds the result of every operation (R), and the factors of products (F), so that what it does is honest
arithmetic of that precision; the types it loads and stores (T) are the problem's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.compilers.toolkit import find_toolkit
from kernelevo.devices.virtual import open_virtual
from kernelevo.errors import NotInstalled
from kernelevo.evaluators.kernels import KernelEvaluator, seeded_generator
from kernelevo.kernel.arguments import Input, Output
from kernelevo.kernel.problem import Problem
from kernelevo.sandbox import Sandbox
from kernelevo.types import Budget, Candidate, Status, Verdict

BUDGET = Budget(60.0, 4 << 30, 10**9)
FEW_BITS = (
    "__uint_as_float((__float_as_uint(v) + ((1 << {0}) / 2 - 1) + ((__float_as_uint(v) >> {0}) & 1)) & ~0u << {0})"
)
F16, BF16 = "__half2float(__float2half(v))", "__bfloat162float(__float2bfloat16(v))"
ROUNDINGS = {  # name: of every result, of factors
    "f32": ("v", "v"), "tf32": ("v", FEW_BITS.format(13)), "bf16-factors": ("v", BF16),
    "f16": (F16, "v"), "bf16": (BF16, "v"), "fp8": (FEW_BITS.format(20), "v"),
}  # fmt: skip
TYPES = {"f32": "float", "f16": "__half", "bf16": "__nv_bfloat16"}

KERNELS = {
    "matmul": """
#pragma kernelevo launch k<<<dim3(ceildiv(n, 32), m), 32>>>(a, b, c, m, n, k)
extern "C" __global__ void k(const T* a, const T* b, T* c, int m, int n, int k) {
    int j = blockIdx.x * 32 + threadIdx.x, i = blockIdx.y;
    if (j >= n) return;
    float sum = 0;
    for (int p = 0; p < k; p++) sum = R(sum + R(F((float)a[i * k + p]) * F((float)b[p * n + j])));
    c[i * n + j] = (T)sum;
}""",
    "softmax": """
#pragma kernelevo launch k<<<ceildiv(rows, 32), 32>>>(x, y, rows, cols)
extern "C" __global__ void k(const T* x, T* y, int rows, int cols) {
    int row = blockIdx.x * 32 + threadIdx.x;
    if (row >= rows) return;
    float most = -INFINITY, sum = 0;
    for (int i = 0; i < cols; i++) most = fmaxf(most, (float)x[row * cols + i]);
    for (int i = 0; i < cols; i++) sum = R(sum + R(expf(R((float)x[row * cols + i] - most))));
    for (int i = 0; i < cols; i++) y[row * cols + i] = (T)R(R(expf(R((float)x[row * cols + i] - most))) / sum);
}""",
    "layernorm": """
#pragma kernelevo launch k<<<ceildiv(rows, 32), 32>>>(x, y, rows, cols)
extern "C" __global__ void k(const T* x, T* y, int rows, int cols) {
    int row = blockIdx.x * 32 + threadIdx.x;
    if (row >= rows) return;
    float sum = 0, squares = 0;
    for (int i = 0; i < cols; i++) sum = R(sum + (float)x[row * cols + i]);
    float mean = R(sum / cols);
    for (int i = 0; i < cols; i++) {
        float d = R((float)x[row * cols + i] - mean);
        squares = R(squares + R(d * d));
    }
    float scale = R(sqrtf(R(R(squares / cols) + R(0.0625f))));
    for (int i = 0; i < cols; i++) y[row * cols + i] = (T)R(R((float)x[row * cols + i] - mean) / scale);
}""",
    "reduce_sum": """
#pragma kernelevo launch k<<<ceildiv(rows, 32), 32>>>(x, y, rows, cols)
extern "C" __global__ void k(const T* x, T* y, int rows, int cols) {
    int row = blockIdx.x * 32 + threadIdx.x;
    if (row >= rows) return;
    float sum = 0;
    for (int i = 0; i < cols; i++) sum = R(sum + (float)x[row * cols + i]);
    y[row] = (T)sum;
}""",
}


def softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def layernorm(x):
    centred = x - x.mean(axis=1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 0.0625)


REFERENCES = {
    "matmul": lambda a, b: a @ b, "softmax": softmax, "layernorm": layernorm, "reduce_sum": lambda x: x.sum(axis=1),
}  # fmt: skip


def problem(name: str, stored: str, compute: str) -> Problem:
    if name == "matmul":
        arguments = [Input("a", f"{stored}[m, k]"), Input("b", f"{stored}[k, n]"), Output("c", f"{stored}[m, n]")]
        cases = ["m=33, n=64, k=48"], ["m=1, n=1, k=1", "m=7, n=40, k=100", "m=64, n=33, k=17"]
    else:
        result = "[rows]" if name == "reduce_sum" else "[rows, cols]"
        arguments = [Input("x", f"{stored}[rows, cols]"), Output("y", f"{stored}{result}")]
        cases = ["rows=64, cols=100"], ["rows=1, cols=1", "rows=40, cols=33", "rows=100, cols=64"]
    return Problem(arguments, REFERENCES[name], cases[0], tests=cases[1], compute_dtype=compute)


def kernel(name: str, stored: str, precision: str) -> Candidate:
    result, factor = ROUNDINGS[precision]
    return Candidate(f"""#include <cuda_fp16.h>
#include <cuda_bf16.h>
typedef {TYPES[stored]} T;
__device__ float R(float v) {{ return {result}; }}
__device__ float F(float v) {{ return {factor}; }}
{KERNELS[name]}
""")


@dataclass
class Judge:
    """The real parts, opened once."""

    compiler: NvrtcCompiler
    wall: Sandbox

    def __call__(self, name: str, stored: str, compute: str, precision: str, seed: int) -> Verdict:
        device, asked = open_virtual("virtual:h100", self.wall), problem(name, stored, compute)
        evaluator = KernelEvaluator(asked, self.compiler, device, mode="search", generator=seeded_generator(seed))
        return evaluator.evaluate(kernel(name, stored, precision), BUDGET)


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    try:
        toolkit = find_toolkit()
        wall = Sandbox(toolkit.library, toolkit.read_only)
    except NotInstalled as missing:
        pytest.skip(f"the native part or the compiler is missing: {missing}")
    yield Judge(NvrtcCompiler(wall, toolkit), wall)
    wall.close()


ALL = tuple(KERNELS)
HONEST = [
    (name, *dtypes) for name in ALL for dtypes in (("f32", "f32"), ("f16", "f32"), ("f16", "f16"), ("bf16", "bf16"))
]
LOWER = [
    *((name, "f32", "f32", "f16") for name in ALL),
    ("matmul", "f32", "f32", "tf32"),
    ("matmul", "f32", "tf32", "bf16-factors"),
    ("matmul", "f32", "tf32", "f16"),
    *((name, "f16", "f32", "f16") for name in ALL),
    *((name, "f16", "f16", "bf16") for name in ALL),
    *((name, "bf16", "bf16", "fp8") for name in ALL),
]


@pytest.mark.parametrize(("name", "stored", "compute"), [*HONEST, ("matmul", "f32", "tf32")])
def test_an_honest_kernel_of_the_declared_precision_passes(judge: Judge, name: str, stored: str, compute: str) -> None:
    for seed in range(3):
        verdict = judge(name, stored, compute, compute, seed)
        assert verdict.status is Status.PASSED, verdict.feedback
    outputs = next(check for check in verdict.checks if check.name == "outputs")
    assert f"honest styles of the reference in {compute} against float64" in outputs.detail


@pytest.mark.parametrize(("name", "stored", "compute", "lower"), LOWER)
def test_the_next_precision_down_is_wrong(judge: Judge, name: str, stored: str, compute: str, lower: str) -> None:
    for seed in range(3):
        verdict = judge(name, stored, compute, lower, seed)
        assert verdict.status is Status.WRONG, verdict.checks
    failed = verdict.checks[-1]
    assert failed.name == "outputs" and f"derived for {compute}" in failed.detail
    assert f"derived for {compute}" in verdict.feedback
