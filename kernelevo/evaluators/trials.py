"""Trials: which case is run on which inputs. Drawn after the candidate is built, from seeds that it has not seen.

Every test case is run, cheap ones first. The distribution rotates from case to case, starting at a random one, so that
all are met; where there are more distributions than cases, cases are run again. Every second test offsets each
pointer by as much as its declared alignment allows. Benchmark cases come last, on the first distribution, so that
their times can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kernelevo.kernel.cases import Case
from kernelevo.kernel.problem import Problem

Array = np.ndarray
Mode = Literal["search", "final"]

CHEAP_ELEMENTS = 1 << 13
"""Tests with no more elements than this cost about the same."""

ALLOCATION = 256
"""Device allocations are aligned to this many bytes."""


@dataclass(frozen=True)
class Trial:
    """One case, not yet drawn. `index` picks the distribution of every input; `repeat` asks for a second poison."""

    case: Case
    index: int
    timed: bool
    offset: bool
    repeat: bool


@dataclass(frozen=True)
class Drawn:
    """A trial with its inputs, by name, as they are stored."""

    trial: Trial
    inputs: Mapping[str, Array]

    @property
    def name(self) -> str:
        return self.trial.case.name


def plan_trials(problem: Problem, mode: Mode, rng: np.random.Generator) -> list[Trial]:
    """Tests, cheap ones first, then benchmarks. In "final" mode each test meets at least two distributions, and
    benchmarks two poisons.
    """
    tests = sorted(problem.tests, key=lambda case: _turn(elements(problem, case)))
    kinds = distributions(problem)
    least = len(tests) * (min(2, kinds) if mode == "final" else 1)
    rounds = -(-max(kinds, least) // len(tests))
    start = int(rng.integers(kinds))
    trials = [
        Trial(
            case,
            start + place + turn * len(tests) + turn * (len(tests) % kinds == 0),
            False,
            (place + turn) % 2 == 1,
            True,
        )
        for turn in range(rounds)
        for place, case in enumerate(tests)
    ]
    return trials + [Trial(case, 0, True, False, mode == "final") for case in problem.benchmarks]


def draw(problem: Problem, trial: Trial, rng: np.random.Generator) -> Drawn:
    """The inputs of a trial."""
    return Drawn(trial, problem.draw(rng, trial.case.dims, trial.index))


def _turn(size: int) -> tuple[bool, int]:
    """What tests are sorted by: of the cheap ones the largest first, because its mistakes tell most; then by cost."""
    return (False, -size) if size <= CHEAP_ELEMENTS else (True, size)


def elements(problem: Problem, case: Case) -> int:
    """Elements of all tensors of a case: what it costs, roughly."""
    return sum(tensor.elements(case.dims) for tensor in problem.tensors)


def distributions(problem: Problem) -> int:
    """How many different distributions it takes to meet all of every input."""
    return max((len(choices) for choices in problem.distributions.values()), default=1)


def skew(aligned: int, trial: Trial) -> int:
    """Bytes by which a pointer with this declared alignment is moved off an allocation's start."""
    return aligned if trial.offset and aligned < ALLOCATION else 0
