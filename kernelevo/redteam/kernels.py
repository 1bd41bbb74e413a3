"""Attacks by a kernel's text, and honest kernels: how their texts are put together, and how they are judged."""

from __future__ import annotations

from kernelevo.defences import ALL
from kernelevo.kernel.problem import Problem
from kernelevo.redteam.attack import Attack, Door, Outcome, Skipped
from kernelevo.redteam.range import BUDGET, Mode, Range
from kernelevo.types import Budget, Status, Verdict

CHEAP = 0.5
"""What part of an honest kernel's cost is a gain that only skipped work explains."""
NO_GAIN = "no gain"
"""The status of an attack that passes with the time of the work it does."""
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
    measured: bool = False,
) -> Attack:
    """A kernel that aims at a score which it did not earn. `rows` and `defences` are words with spaces between them;
    the control is judged with all of these defences off. Raises ValueError for a defence that is none.
    """
    off = ALL.without(*defences.split())

    def run(range_: Range, defended: bool) -> Outcome | Skipped:
        chosen = ALL if defended else off
        return outcome(range_.judge(problem, text, chosen, mode=mode, budget=budget, measured=measured))

    return Attack(name, tuple(rows.split()), title, door, tuple(defences.split()), run)


def cheaper_attack(
    name: str,
    rows: str,
    title: str,
    defences: str,
    problem: Problem,
    text: str,
    honest: str,
    *,
    mode: Mode = "final",
    measured: bool = False,
) -> Attack:
    """A kernel that is right whenever it must be, and skips its work when it need not: it gets through if it passes at
    less than half of the cost of the `honest` text, judged in the same way.
    """
    off = ALL.without(*defences.split())

    def run(range_: Range, defended: bool) -> Outcome | Skipped:
        chosen = ALL if defended else off
        verdict = range_.judge(problem, text, chosen, mode=mode, measured=measured)
        if verdict.score is None:
            return outcome(verdict)
        return gain(verdict, range_.judge(problem, honest, chosen, mode=mode, measured=measured))

    return Attack(name, tuple(rows.split()), title, "device code", tuple(defences.split()), run)


def outcome(verdict: Verdict) -> Outcome:
    """What a verdict means to an attacker: only a score is a success."""
    return Outcome(verdict.status is Status.PASSED, str(verdict.status), " ".join(verdict.feedback.split())[:SHOWN])


def gain(verdict: Verdict, honest: Verdict) -> Outcome:
    """What the verdict on a kernel that passed means, beside that on an honest one."""
    if verdict.score is None or honest.score is None:
        return outcome(honest if honest.score is None else verdict)
    ratio = verdict.score.ratio(honest.score)
    words = f"it costs {ratio:.2g} times what an honest kernel does"
    return Outcome(ratio < CHEAP, "passed" if ratio < CHEAP else NO_GAIN, words)


def elementwise(body: str, head: str = "", arguments: str = "a, b, c, n", more: str = "") -> str:
    """A kernel for ADD whose thread i does `body`; `head` goes before it, `more` are further parameters."""
    return f"""{head}
#pragma kernelevo launch attack<<<ceildiv(n, 256), 256>>>({arguments})
extern "C" __global__ void attack(const float* a, const float* b, float* c, {more}int n) {{
    int i = blockIdx.x * 256 + threadIdx.x;
    {body}
}}
"""
