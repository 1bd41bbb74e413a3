"""Honest kernels of several styles pass, and plainly wrong or rude ones end with the status that they earn."""

from __future__ import annotations

import numpy as np
import pytest
from bench import BUDGET, HONEST, judged, scale_problem, virtual_device, virtual_driver

from kernelevo import InOut, Input, Output, Problem, custom
from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.defences import ALL
from kernelevo.types import Budget, Status

IN_PLACE = Problem(
    arguments=[InOut("x", "f32[n]"), Input("s", "f32[1]")], reference=lambda x, s: x * s, benchmarks=["n=2000"],
    tests=["n=1", "n=100"],
)  # fmt: skip
SUM = Problem(
    arguments=[Input("x", "f32[n]"), Output("total", "f32[1]")],
    reference=lambda x: np.asarray(x.sum()).reshape(1), benchmarks=["n=4000"], tests=["n=1", "n=333"],
)  # fmt: skip
PERMUTED = Problem(
    arguments=[Input("order", "i32[n]"), Input("x", "f32[n]"), Output("y", "f32[n]")],
    reference=lambda order, x: x[order], benchmarks=["n=1500"], tests=["n=1", "n=64"],
    inputs={"order": [custom("permutation", lambda rng, shape: rng.permutation(shape[0]))]},
)  # fmt: skip

STYLES = {
    "in place": (IN_PLACE, """
#pragma kernelevo launch f<<<ceildiv(n, 256), 256>>>(x, s, n)
extern "C" __global__ void f(float* x, const float* s, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) x[i] *= s[0];
}"""),
    "atomics after a clear, with a temp": (SUM, """
#pragma kernelevo temp float parts[n]
#pragma kernelevo zero total
#pragma kernelevo launch f<<<ceildiv(n, 128), 128>>>(x, parts, total, n)
extern "C" __global__ void f(const float* x, float* parts, float* total, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) { parts[i] = __ldcs(x + i); atomicAdd(total, parts[i]); }
}"""),
    "indices that must be a permutation": (PERMUTED, """
#pragma kernelevo launch f<<<ceildiv(n, 64), 64>>>(order, x, y, n)
extern "C" __global__ void f(const int* order, const float* x, float* y, int n) {
  __shared__ float tile[64];
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) tile[threadIdx.x] = x[order[i]];
  __syncthreads();
  if (i < n) y[i] = tile[threadIdx.x];
}"""),
    "two launches": (scale_problem(), """
#pragma kernelevo temp float t[n]
#pragma kernelevo launch three<<<ceildiv(n, 128), 128>>>(x, t, n)
#pragma kernelevo launch one<<<ceildiv(n, 128), 128>>>(t, y, n)
extern "C" __global__ void three(const float* x, float* t, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) t[i] = 3.0f * x[i];
}
extern "C" __global__ void one(const float* t, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = t[i] + 1.0f;
}"""),
}  # fmt: skip


@pytest.mark.parametrize("style", STYLES)
def test_an_honest_kernel_passes(compiler: NvrtcCompiler, style: str) -> None:
    problem, text = STYLES[style]
    verdict = judged(compiler, text, problem, mode="final")
    assert verdict.status is Status.PASSED, verdict.feedback


def changed(was: str, becomes: str) -> str:
    assert was in HONEST
    return HONEST.replace(was, becomes)


RUDE = {
    "a wrong element": (changed("y[i] = 3.0f", "y[i] = (i == 700 ? 3.1f : 3.0f)"), Status.WRONG, "elements is wrong"),
    "an element left out": (changed("if (i < n)", "if (i < n && i != 30)"), Status.WRONG, "never written"),
    "an input changed": (
        changed("+ 1.0f;", "+ 1.0f; if (i == n - 1) ((float*)x)[i] = 0.5f;"), Status.WRONG, "changed its input x",
    ),
    "a store beside": (changed("+ 1.0f;", "+ 1.0f; if (i == 5) y[n + 3] = 1.0f;"), Status.WRONG, "wrote beside y"),
    "a store far away": (changed("+ 1.0f;", "+ 1.0f; if (i == 5) y[1ull << 40] = 1.0f;"), Status.TRAPPED, "scale"),
    "an endless loop": (changed("if (i < n)", "while (x[0] != -123.25f) y[0] = x[0]; if (i < n)"), Status.TIMEOUT, ""),
    "a trap": (changed("if (i < n)", 'if (n > 900) asm("trap;"); if (i < n)'), Status.TRAPPED, "trap"),
}  # fmt: skip


@pytest.mark.parametrize("what", RUDE)
def test_a_rude_kernel_gets_what_it_earns(compiler: NvrtcCompiler, what: str) -> None:
    text, status, words = RUDE[what]
    budget = Budget(BUDGET.seconds, BUDGET.memory_bytes, 10**6)
    device = virtual_device(compiler, lambda given: virtual_driver(budget))
    verdict = judged(compiler, text, scale_problem(), mode="final", device=device)
    assert verdict.status is status and words in verdict.feedback, (verdict.status, verdict.feedback)


def test_without_its_defence_a_changed_input_is_not_told(compiler: NvrtcCompiler) -> None:
    text, _, _ = RUDE["an input changed"]
    assert judged(compiler, text, scale_problem(), ALL.without("inputs_compared")).status is Status.PASSED


def test_two_evaluations_of_one_kernel_meet_other_contents(compiler: NvrtcCompiler) -> None:
    """Times and orders of two judgements differ in nothing a candidate could count on: they are drawn anew."""
    first, second = (judged(compiler, HONEST, scale_problem()) for _ in range(2))
    orders = [[call.case for call in verdict.measurements.samples] for verdict in (first, second)]
    assert orders[0] != orders[1]
