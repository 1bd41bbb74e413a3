"""A task, a harness and verdicts for tests of the policy."""

from __future__ import annotations

from pathlib import Path

from kernelevo.interfaces import Model
from kernelevo.kernel.arguments import Input, Output
from kernelevo.kernel.languages import CUDA
from kernelevo.kernel.problem import Problem
from kernelevo.models.budget import TokenBudget
from kernelevo.models.recorded import CallTime, RecordedModel
from kernelevo.proposers.policy import PolicyHarness, PolicyProposer, TaskWords, read_policy_harness
from kernelevo.proposers.policy.task_words import task_words
from kernelevo.stores.memory import MemoryStore
from kernelevo.types import Attempt, Candidate, CaseResult, Check, Figure, Status, StepReport, Verdict

ROOT = Path(__file__).parent.parent.parent
KERNEL = """#ifndef BLOCK
#define BLOCK 128
#endif
#pragma kernelevo tune BLOCK 64 128
#pragma kernelevo launch twice<<<ceildiv(n, BLOCK), BLOCK>>>(x, y, n)
extern "C" __global__ void twice(const float* x, float* y, int n)
{
    int i = blockIdx.x * BLOCK + threadIdx.x;
    if (i < n) y[i] = 2 * x[i];
}
"""
PROBLEM = Problem([Input("x", "f32[n]"), Output("y", "f32[n]")], lambda x: x * 2, ["n=4096"], tests=["n=31", "n=4099"])


def harness() -> PolicyHarness:
    return read_policy_harness(ROOT / "harness" / "default")


def task() -> TaskWords:
    words = task_words(
        PROBLEM, CUDA, "virtual:h100 (modelled)", {"sms": 132, "warp": 32}, "reference = lambda x: x * 2"
    )
    return TaskWords(words, CUDA, "twice.cu", 0.25)


def figure(us: float) -> Figure:
    return Figure(us, "us", "virtual:h100", "modelled")


def passed(candidate: Candidate, us: float = 10.0) -> Attempt:
    step = StepReport("twice", {"warp_instructions": 4096, "thread_instructions": 131072}, time=figure(us))
    case = CaseResult("n=4096", {"n": 4096}, figure(us), dict(step.counts), "DRAM bandwidth", 0.1, (step,))
    checks = (Check("outputs", True, "fine"),)
    return Attempt(candidate, Verdict(candidate.id, "virtual:h100", Status.PASSED, "fine", figure(us), (case,), checks))


def variant(number: int) -> str:
    """Another right kernel file."""
    return KERNEL.replace("2 * x[i]", f"x[i] * 2 + {number} - {number}")


def reply(number: int) -> str:
    return f"Change: variant {number}\n```cuda\n{variant(number)}```\n"


def policy(model: Model, store: MemoryStore | None = None, tokens: int = 10**9, children=lambda about: []):
    store = MemoryStore() if store is None else store
    dialogue = RecordedModel(model, store, TokenBudget(tokens), CallTime(60.0, lambda: 1000.0))
    return PolicyProposer(dialogue, harness(), task(), children)
