"""Failures that are to look like the judge's own: what is booked as `infra` has no reward, and three end a batch.

The control is a harness that takes whatever it cannot read of a compiler's output for a fault of this machine.
"""

from __future__ import annotations

import re

from kernelevo.errors import Infrastructure, SandboxBroken
from kernelevo.interfaces import Compiler
from kernelevo.redteam import problems
from kernelevo.redteam.attack import Attack, Outcome, Skipped
from kernelevo.redteam.kernels import elementwise, outcome
from kernelevo.redteam.range import Range
from kernelevo.types import Budget, BuildFailure, BuildRequest, Image

_NAME = 5000 * "x"
_LONG = re.compile(r"[\w$]{4097,}")

_BESIDE = elementwise(
    f"if (n < 0) {_NAME}(c);", f"__device__ __noinline__ void {_NAME}(float* p) {{ *(volatile float*)p = 1; }}"
)
"""Does nothing, and has a function with a name that few readers of a cubin are made for."""

_HEAD = """
#pragma kernelevo launch attack<<<ceildiv(n, 256), 256>>>(a, b, c, n)
extern "C" __global__ void attack(const float* a, const float* b, float* c, int n);
extern "C" __global__ void other(float* c) {
    asm volatile("ret;\\n}\\n.visible .entry attack(.param .texref t) {");
}
"""
"""Writes its kernel's head itself, with a parameter that no compiler would give it."""


class _EasilyBroken:
    """A compiler whose output must be as its readers expect it."""

    def __init__(self, compiler: Compiler) -> None:
        self.name, self.version = compiler.name, compiler.version
        self._compiler = compiler

    def target(self, arch: str) -> str:
        return self._compiler.target(arch)

    def build(self, request: BuildRequest, budget: Budget) -> Image | BuildFailure:
        built = self._compiler.build(request, budget)
        if isinstance(built, BuildFailure):
            raise SandboxBroken(f"the compiler's output is malformed: {built.diagnostics[-1].message}")
        if _LONG.search(built.ptx):
            raise SandboxBroken("the compiler's output is malformed: a name has no end")
        return built


def _blaming(name: str, title: str, text: str) -> Attack:
    """Gets through if nobody holds the text's failure against it."""

    def run(range_: Range, defended: bool) -> Outcome | Skipped:
        compiler: Compiler = range_.compiler if defended else _EasilyBroken(range_.compiler)
        try:
            return outcome(range_.judge(problems.ADD, text, compiler=compiler))
        except Infrastructure as broken:
            return Outcome(True, "infra", str(broken)[:200])

    return Attack(name, ("K29",), title, "compiler", ("what a text wrote is its own",), run)


ATTACKS = [
    _blaming("a name without an end", "does nothing, and has a function with a name of 5000 characters", _BESIDE),
    _blaming("a head that no plan can launch", "writes its kernel's head in inline assembly", _HEAD),
]
