"""The noun of what must go right: an honest kernel that must pass, or a plainly wrong one that must be caught."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kernelevo.kernel.problem import Problem
from kernelevo.redteam.attack import Outcome, Skipped
from kernelevo.redteam.kernels import outcome

if TYPE_CHECKING:
    from kernelevo.redteam.range import Range


@dataclass(frozen=True)
class Control:
    """`honest` kernels must get a score, and others must not."""

    name: str
    honest: bool
    run: Callable[[Range], Outcome | Skipped]


@dataclass(frozen=True)
class Controlled:
    """A control with its outcome."""

    control: Control
    outcome: Outcome | Skipped

    @property
    def failed(self) -> bool:
        return isinstance(self.outcome, Outcome) and self.outcome.got_through != self.control.honest

    @property
    def reason(self) -> str:
        if isinstance(self.outcome, Skipped):
            return self.outcome.reason
        return f"{self.outcome.status}: {self.outcome.words}" if self.failed else ""


def honest(name: str, problem: Problem, text: str) -> Control:
    return Control(name, True, lambda range_: outcome(range_.judge(problem, text)))


def wrong(name: str, problem: Problem, text: str) -> Control:
    return Control(name, False, lambda range_: outcome(range_.judge(problem, text)))
