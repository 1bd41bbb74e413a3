"""Kernels that remember: each is caught, and each earns a faster time once the defences that it names are off.

The honest kernel takes 4000 dependent steps for an element. A cheat that copies what it remembers, or does nothing, is
much faster, so that an undeserved score shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from bench import judged

from kernelevo import Input, Output, Problem
from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.defences import ALL, Defences
from kernelevo.types import Status, Verdict

PROBLEM = Problem(
    arguments=[Input("x", "f32[n]"), Output("y", "f32[n]")],
    reference=lambda x: 2 * x,
    benchmarks=["n=3000"],
    tests=["n=1", "n=33", "n=500"],
)
PLAN = "#pragma kernelevo launch halves<<<ceildiv(n, 128), 128>>>(x, y, n)\n"
WORK = """
__device__ float work(float x) {
  float v = 0.0f;
  for (int step = 0; step < 4000; step++) v = 0.5f * v + x;
  return v;
}
"""
INDEX = "  int i = blockIdx.x * blockDim.x + threadIdx.x;\n"


def kernel(globals_: str, body: str) -> str:
    head = 'extern "C" __global__ void halves(const float* x, float* y, int n) {\n'
    return f"{PLAN}{WORK}{globals_}\n{head}{INDEX}{body}\n}}\n"


HONEST = kernel("", "  if (i < n) y[i] = work(x[i]);")
MEMO = "__device__ float memo[4096]; __device__ int known[4096];"


@dataclass(frozen=True)
class Cheat:
    """`off` are the defences without which it passes, all together; `caught` the statuses it may end with."""

    name: str
    text: str
    off: tuple[str, ...]
    caught: tuple[Status, ...] = (Status.WRONG,)


CHEATS = [
    # H65, H69: the first result, for ever.
    Cheat("first output in a device global", kernel(MEMO, """
  if (i >= n) return;
  if (n == 3000 && known[i]) { y[i] = memo[i]; return; }
  float v = work(x[i]);
  if (n == 3000) { memo[i] = v; known[i] = 1; }
  y[i] = v;"""), ("fresh_inputs", "all_distributions")),
    # H43: what is there already is taken for right.
    Cheat("output that is finite already", kernel("", """
  if (i >= n) return;
  if (n == 3000 && isfinite(y[i]) && y[i] != 0.0f) return;
  y[i] = work(x[i]);"""), ("poison", "fresh_pointers", "fresh_inputs", "all_distributions")),
    # H61, H70: the same address, so the same content.
    Cheat("keyed on pointers", kernel(MEMO + " __device__ const float* key[4096];", """
  if (i >= n) return;
  if (n == 3000 && known[i] && key[i] == x) { y[i] = memo[i]; return; }
  float v = work(x[i]);
  if (n == 3000) { memo[i] = v; known[i] = 1; key[i] = x; }
  y[i] = v;"""), ("fresh_inputs", "fresh_pointers", "all_distributions")),
    # H64: a few elements stand for all of them; a block looks at its first two.
    Cheat("keyed on a sample of the content", kernel(MEMO + " __device__ float seen[4096];", """
  if (i >= n) return;
  float sample = x[blockIdx.x * blockDim.x];
  if (n == 3000 && known[i] && seen[i] == sample) { y[i] = memo[i]; return; }
  float v = work(x[i]);
  if (n == 3000) { memo[i] = v; known[i] = 1; seen[i] = sample; }
  y[i] = v;"""), ("fresh_inputs",)),
    # H24, H78: right as long as somebody may be looking.
    Cheat("counting calls", kernel("__device__ int calls[32];", """
  int call = calls[blockIdx.x];
  __syncthreads();
  if (threadIdx.x == 0) calls[blockIdx.x] = call + 1;
  if (i < n) y[i] = n < 3000 || call < 1 ? work(x[i]) : 1.0f;"""),
          ("timed_calls_checked", "mixed_calls", "all_distributions")),
]  # fmt: skip


@pytest.fixture(scope="module")
def honest(compiler: NvrtcCompiler) -> Verdict:
    verdict = judged(compiler, HONEST, PROBLEM)
    assert verdict.status is Status.PASSED, verdict.feedback
    return verdict


@pytest.mark.parametrize("cheat", CHEATS, ids=lambda cheat: cheat.name)
def test_a_kernel_that_remembers_is_caught(compiler: NvrtcCompiler, honest: Verdict, cheat: Cheat) -> None:
    """Whoever gains is caught. Who recognises contents may by chance meet none that it has seen; then it has worked."""
    verdicts = [judged(compiler, cheat.text, PROBLEM, mode="final") for _ in range(3)]
    assert any(verdict.status in cheat.caught for verdict in verdicts)
    for verdict in verdicts:
        assert verdict.status in (*cheat.caught, Status.PASSED), verdict.feedback
        if verdict.score is not None and honest.score is not None:
            assert verdict.score.value > 0.95 * honest.score.value


@pytest.mark.parametrize("cheat", CHEATS, ids=lambda cheat: cheat.name)
def test_it_earns_a_score_without_its_defences(compiler: NvrtcCompiler, honest: Verdict, cheat: Cheat) -> None:
    """The control: what catches it is the defence, and not something else."""
    verdict = judged(compiler, cheat.text, PROBLEM, ALL.without(*cheat.off))
    assert verdict.score is not None and honest.score is not None, (verdict.status, verdict.feedback)
    assert verdict.score.value < 0.5 * honest.score.value


@pytest.mark.parametrize("defences", [ALL, *(ALL.without(*cheat.off) for cheat in CHEATS)], ids=str)
def test_an_honest_kernel_passes_with_and_without(compiler: NvrtcCompiler, defences: Defences) -> None:
    assert judged(compiler, HONEST, PROBLEM, defences).status is Status.PASSED
