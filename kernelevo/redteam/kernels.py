"""Attacks by a kernel's text, and honest kernels: how their texts are put together, and how they are judged."""

from __future__ import annotations

from kernelevo.defences import ALL, Defences
from kernelevo.kernel.problem import Problem
from kernelevo.redteam.attack import Attack, Door, Outcome, Skipped
from kernelevo.redteam.range import BUDGET, Mode, Range
from kernelevo.types import Budget, Status, Verdict

SHOWN = 300
"""Characters of a verdict's feedback that an outcome keeps."""


def kernel_attack(
    name: str,
    rows: str,
    title: str,
    defences: str,
    problem: Problem,
    text: str,
    *,
    mode: Mode = "final",
    door: Door = "device code",
    budget: Budget = BUDGET,
) -> Attack:
    """A kernel that aims at a score which it did not earn. `rows` and `defences` are words with spaces between them;
    the control is judged with all of these defences off. Raises ValueError for a defence that is none.
    """
    off = ALL.without(*defences.split())

    def run(range_: Range, defended: bool) -> Outcome | Skipped:
        return outcome(range_.judge(problem, text, ALL if defended else off, mode=mode, budget=budget))

    return Attack(name, tuple(rows.split()), title, door, tuple(defences.split()), run)


def outcome(verdict: Verdict) -> Outcome:
    """What a verdict means to an attacker: only a score is a success."""
    return Outcome(verdict.status is Status.PASSED, str(verdict.status), " ".join(verdict.feedback.split())[:SHOWN])


def elementwise(body: str, head: str = "", arguments: str = "a, b, c, n", more: str = "") -> str:
    """A kernel for ADD whose thread i does `body`; `head` goes before it, `more` are further parameters."""
    return f"""{head}
#pragma kernelevo launch attack<<<ceildiv(n, 256), 256>>>({arguments})
extern "C" __global__ void attack(const float* a, const float* b, float* c, {more}int n) {{
    int i = blockIdx.x * 256 + threadIdx.x;
    {body}
}}
"""


__all__ = ["ALL", "Defences", "elementwise", "kernel_attack", "outcome"]
