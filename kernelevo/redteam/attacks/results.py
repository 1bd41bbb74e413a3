"""Forged results: recorded answers, clocks that lie, and work that is put off until nobody counts."""

from __future__ import annotations

from kernelevo.defences import ALL
from kernelevo.devices.virtual import open_virtual
from kernelevo.redteam import problems
from kernelevo.redteam.attack import Attack, Outcome, Skipped
from kernelevo.redteam.hostile import Lie, ReplayingWall, lying_device
from kernelevo.redteam.kernels import elementwise, outcome
from kernelevo.redteam.range import Range

_HONEST = elementwise("if (i < n) c[i] = a[i] + b[i];")
_TWICE = """
#pragma kernelevo launch twice<<<ceildiv(n, 256), 256>>>(x, y, n)
extern "C" __global__ void twice(const float* x, float* y, int n) {
    int i = blockIdx.x * 256 + threadIdx.x; if (i < n) y[i] = 2 * x[i]; }
"""
_LARGE = problems.TWICE.with_cases(["n=1200000"])
"""Its inputs take 1.4 us from DRAM, of which events leave 0.4 as a floor."""


def _replayed(range_: Range, defended: bool) -> Outcome | Skipped:
    """An honest kernel's answers, given again for one that does nothing."""
    defences = ALL if defended else ALL.without("secret_seeds")
    wall = ReplayingWall(range_.wall)
    device = open_virtual("virtual:h100", wall)
    honest = range_.judge(problems.ADD, _HONEST, defences, device=device)
    if honest.score is None:
        return outcome(honest)
    wall.replaying = True
    return outcome(range_.judge(problems.ADD, elementwise(""), defences, device=device))


def _lied(lie: Lie, *off: str) -> Attack:
    names = {"short events": "events of a hundredth", "work after the call": "work after the call"}
    titles = {
        "short events": "a driver's process that was taken over tells a hundredth of what its events saw",
        "work after the call": "a driver's process that was taken over works only after it has answered",
    }
    rows = {"short events": ("H13", "H14", "H15"), "work after the call": ("H3", "H16", "H19", "H21", "H104")}

    def run(range_: Range, defended: bool) -> Outcome | Skipped:
        # Any score is undeserved: the time that it rests on is none.
        device = lying_device(range_.compiler, range_.scratch, lie)
        defences = ALL if defended else ALL.without(*off)
        return outcome(range_.judge(_LARGE, _TWICE, defences, mode="search", device=device))

    return Attack(f"measured: {names[lie]}", rows[lie], titles[lie], "result", off, run)


ATTACKS = [
    Attack(
        "recorded answers", ("H99", "H52"), "a worker that was taken over gives an honest kernel's answers again",
        "result", ("secret_seeds",), _replayed,
    ),
    _lied("short events", "clocks_agree", "physics_floor"),
    _lied("work after the call", "physics_floor"),
]  # fmt: skip
