"""Trials: which case is run on which inputs. Drawn after the candidate is built, from seeds that it has not seen.

Every test case is run, cheap ones first. The distribution rotates from case to case, starting at a random one, so that
all are met; where there are more distributions than cases, cases are run again. Every second test offsets each
pointer by as much as its declared alignment allows. Benchmark cases come last, timed on the first distribution, so
that their times can be compared. A kernel can tell a benchmark by its sizes, so in "final" mode (and in "sanitize",
whose trials are the same) every other distribution is met at the size of some benchmark, untimed: no shortcut can rest
on what the timed inputs look like.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from kernelevo.defences import ALL, Defences
from kernelevo.kernel.arguments import Tensor
from kernelevo.kernel.cases import Case
from kernelevo.kernel.problem import Problem

Array = np.ndarray
Mode = Literal["search", "final", "sanitize"]

CHEAP_ELEMENTS = 1 << 13
"""Tests with no more elements than this cost about the same."""

ALLOCATION = 256
"""Device allocations are aligned to this many bytes."""


@dataclass(frozen=True)
class Trial:
    """One case, not yet drawn. `index` picks the distribution of every input; `repeat` asks for a second run, under
    another poison. A trial that is neither timed nor repeated runs as fast as the device can, with nothing observed.
    `offset` moves every pointer as its alignment allows; `offsets` (tensor, bytes) each as it says.
    """

    case: Case
    index: int
    timed: bool
    offset: bool
    repeat: bool
    offsets: tuple[tuple[str, int], ...] = ()

    @property
    def is_test(self) -> bool:
        """Whether it is one of a test case, and none at a benchmark's sizes."""
        return self.repeat and not self.timed


@dataclass(frozen=True)
class Drawn:
    """A trial with its inputs, by name, as they are stored."""

    trial: Trial
    inputs: Mapping[str, Array]

    @property
    def name(self) -> str:
        return self.trial.case.name


def plan_trials(problem: Problem, mode: Mode, rng: np.random.Generator, defences: Defences = ALL) -> list[Trial]:
    """Tests, cheap ones first, then benchmarks. In "final" mode each test meets at least two distributions, and
    benchmarks two poisons and all distributions.
    """
    start = int(rng.integers(distributions(problem)))
    trials = _tests(problem, mode, start) if defences.edge_cases else []
    trials += _benchmarks(problem, mode, start)
    return trials if defences.all_distributions else [replace(trial, index=0) for trial in trials]


def _tests(problem: Problem, mode: Mode, start: int) -> list[Trial]:
    tests = sorted(problem.tests, key=lambda case: _turn(elements(problem, case)))
    kinds = distributions(problem)
    least = len(tests) * (min(2, kinds) if mode != "search" else 1)
    rounds = -(-max(kinds, least) // len(tests))
    return [
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


def _benchmarks(problem: Problem, mode: Mode, start: int) -> list[Trial]:
    """The timed trials; in "final" mode each twice, and then an untimed one of every other distribution, dealt to the
    cases in turn from a secret start.
    """
    cases = problem.benchmarks
    timed = [Trial(case, 0, True, False, mode != "search") for case in cases]
    others = range(1, distributions(problem)) if mode != "search" else ()
    dealt = [(cases[(start + index) % len(cases)], index) for index in others]
    return timed + [Trial(case, index, False, index // len(cases) % 2 == 1, False) for case, index in dealt]


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


def skew(tensor: Tensor, trial: Trial) -> int:
    """Bytes by which the tensor's pointer is moved off an allocation's start."""
    usual = tensor.aligned if trial.offset and tensor.aligned < ALLOCATION else 0
    return dict(trial.offsets).get(tensor.name, usual)


def drawn_from(problem: Problem, trial: Trial) -> str:
    """`x from wide, bias from normal(0,1)`; inputs with only one distribution are not named where others have more."""
    named = {name: choices[trial.index % len(choices)].name for name, choices in problem.distributions.items()}
    varied = {name: named[name] for name, choices in problem.distributions.items() if len(choices) > 1} or named
    return ", ".join(f"{name} from {kind}" for name, kind in varied.items())
