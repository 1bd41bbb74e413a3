"""Texts that are another program at another time."""

from __future__ import annotations

import time
from dataclasses import replace

from kernelevo.interfaces import Compiler
from kernelevo.redteam import problems
from kernelevo.redteam.attack import Attack, Outcome, Skipped
from kernelevo.redteam.kernels import elementwise, outcome
from kernelevo.redteam.range import Range
from kernelevo.types import Budget, BuildFailure, BuildRequest, Image


class _WithCalendar:
    """A compiler that knows what day it is."""

    def __init__(self, compiler: Compiler) -> None:
        self.name, self.version = compiler.name, compiler.version
        self._compiler = compiler

    def target(self, arch: str) -> str:
        return self._compiler.target(arch)

    def build(self, request: BuildRequest, budget: Budget) -> Image | BuildFailure:
        today = f'"{_today()}"'
        return self._compiler.build(replace(request, text=request.text.replace("__DATE__", today)), budget)


def _today() -> str:
    """As __DATE__ gives it, but with a zero before a single digit."""
    return time.strftime("%b %d %Y")


def _this_year_only(range_: Range, defended: bool) -> Outcome | Skipped:
    """Right as long as it is compiled in the year in which it is judged."""
    year = _today()[-1]
    text = elementwise(f"if (i < n && __DATE__[10] == '{year}') c[i] = a[i] + b[i];")
    compiler: Compiler = range_.compiler if defended else _WithCalendar(range_.compiler)
    return outcome(range_.judge(problems.ADD, text, compiler=compiler))


def _pasted_date(range_: Range, defended: bool) -> Outcome | Skipped:
    """The same, with a name that no filter of the text would find."""
    year = _today()[-1]
    name = "PASTE(__DA, TE__)" if defended else "__DATE__"
    text = elementwise(f"if (i < n && {name}[10] == '{year}') c[i] = a[i] + b[i];", "#define PASTE(a, b) a##b")
    compiler: Compiler = range_.compiler if defended else _WithCalendar(range_.compiler)
    return outcome(range_.judge(problems.ADD, text, compiler=compiler))


_OFF = ("the compiler is told no date",)
ATTACKS = [
    Attack("right this year", ("K22",), "is right in the year of its judgement", "compiler", _OFF, _this_year_only),
    Attack("a date pasted together", ("K22", "H98"), "the same, by pasted tokens", "compiler", _OFF, _pasted_date),
]
