"""Forged results: recorded answers, clocks that lie, and work that is put off until nobody counts."""

from __future__ import annotations

from kernelevo.defences import ALL
from kernelevo.devices.virtual import open_virtual
from kernelevo.kernel.problem import Problem
from kernelevo.redteam import problems
from kernelevo.redteam.attack import Attack, Outcome, Skipped
from kernelevo.redteam.hostile import Lie, ReplayingWall, lying_device
from kernelevo.redteam.kernels import elementwise, outcome
from kernelevo.redteam.range import Range
from kernelevo.types import Budget

_HONEST = elementwise("if (i < n) c[i] = a[i] + b[i];")
_TWICE = """
#pragma kernelevo launch twice<<<ceildiv(n, 256), 256>>>(x, y, n)
extern "C" __global__ void twice(const float* x, float* y, int n) {
    int i = blockIdx.x * 256 + threadIdx.x; if (i < n) y[i] = 2 * x[i]; }
"""
_BUDGET = Budget(seconds=60.0, memory_bytes=1 << 30, warp_instructions=20_000_000)
_SLOW = """
#pragma kernelevo launch twice<<<ceildiv(n, 128), 128>>>(x, y, n)
extern "C" __global__ void twice(const float* x, float* y, int n) {
    int i = blockIdx.x * 128 + threadIdx.x;
    if (i < n) { float v = 0; for (int s = 0; s < 20000; s++) v = 0.5f * v + x[i]; y[i] = v; }
}
"""
"""Takes far longer than what clocks may differ by for one call."""
_FAST_ON_TESTS = _SLOW.replace("s < 20000", "s < (n < 3000 ? 200 : 20000)")
_LARGE = problems.TWICE.with_cases(["n=2400000"])
"""Its inputs take 2.9 us from DRAM, of which events leave 1.9 as a floor; a call takes 9 us."""


def _replayed(range_: Range, defended: bool) -> Outcome | Skipped:
    """An honest kernel's answers, given again for one that does nothing."""
    defences = ALL if defended else ALL.without("secret_seeds")
    wall = ReplayingWall(range_.wall)
    device = open_virtual(range_.virtual_name, wall)
    honest = range_.judge(problems.ADD, _HONEST, defences, device=device)
    if honest.score is None:
        return outcome(honest)
    wall.replaying = True
    return outcome(range_.judge(problems.ADD, elementwise(""), defences, device=device))


def _lied(name: str, rows: str, title: str, lie: Lie, off: str, problem: Problem, text: str) -> Attack:
    """Any score is undeserved: the time that it rests on is none."""

    def run(range_: Range, defended: bool) -> Outcome | Skipped:
        device = lying_device(range_.compiler, range_.scratch, lie)
        defences = ALL if defended else ALL.without(off)
        return outcome(range_.judge(problem, text, defences, mode="search", budget=_BUDGET, device=device))

    return Attack(f"measured: {name}", tuple(rows.split()), title, "result", (off,), run)


ATTACKS = [
    Attack(
        "recorded answers", ("H99", "H52"), "a worker that was taken over gives an honest kernel's answers again",
        "result", ("secret_seeds",), _replayed,
    ),
    _lied(
        "events of a hundredth", "H13 H14 H15", "a driver's process that was taken over tells a hundredth of its times",
        "short events", "clocks_agree", problems.TWICE, _SLOW,
    ),
    _lied(
        "events of a hundredth for benchmarks", "H13 H14 H15",
        "the same for the calls that are timed only, of which there are fewer than of tests", "short long calls",
        "clocks_agree", problems.TWICE, _FAST_ON_TESTS,
    ),
    _lied(
        "work after the call", "H3 H16 H19 H21 H104",
        "a driver's process that was taken over works only after it has answered", "work after the call",
        "physics_floor", _LARGE, _TWICE,
    ),
]  # fmt: skip
