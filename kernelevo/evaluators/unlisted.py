"""Sizes that stand in no list: a kernel may know every size that a problem tests and times, and be wrong at all others.

A problem that leaves its tests to us is meant for every size that it allows. So a full check runs a few more, drawn by
lot like inputs: small ones and a larger one, each on one of the distributions, no dimension larger than in any of the
tests (or of the timed sizes, where constraints leave next to no tests): beyond these even an honest kernel may meet a
limit of the device, and would pass or fail by lot. They follow from the seed that the verdict records, and take no part
in what else is drawn from it. A problem that lists its own tests has said which sizes count, and an oracle is known to
be right at those alone: there none are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kernelevo.evaluators.example import Example
from kernelevo.evaluators.rejection import Rejected
from kernelevo.evaluators.sizes import CHEAP, Sizes
from kernelevo.evaluators.trials import distributions
from kernelevo.kernel.cases import ENOUGH
from kernelevo.kernel.problem import Problem
from kernelevo.types import Status

CHECK = "sizes of no list"
LIMITS = (CHEAP, CHEAP, 1 << 18)
"""What each of the sizes may cost at the most; see `sizes`."""
TRIES = 8
"""For each of them: sizes may be listed, or break a constraint between dimensions."""
MOST_SEED = (1 << 31) - 1
_STREAM = 5
"""Sets this generator apart from the evaluation's own, which has the same seed."""


class Unlisted:
    """Draws examples for one problem; what it knows of the problem's dimensions is found out once."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._sizes: Sizes | None = None

    @property
    def wanted(self) -> bool:
        """Whether sizes count that are not listed."""
        return self._problem.any_size and self._problem.oracle is None

    def draw(self, seed: str) -> list[Example]:
        """The examples of an evaluation with this seed (hexadecimal); none where only listed sizes count."""
        if not self.wanted:
            return []
        self._sizes = self._sizes or Sizes(self._problem, self._largest())
        rng = np.random.Generator(np.random.SFC64([int(seed, 16), _STREAM]))
        taken = {case.name for case in (*self._problem.tests, *self._problem.benchmarks)}
        found: list[Example] = []
        for limit in LIMITS:
            name = self._unlisted(self._sizes, rng, limit, taken)
            if name:
                taken.add(name)
                index = int(rng.integers(distributions(self._problem)))
                found.append(Example(name, index, (), int(rng.integers(MOST_SEED, endpoint=True))))
        return found

    def _largest(self) -> dict[str, int]:
        """The tests' range; that of the timed sizes, too, where constraints leave so few tests that they have none."""
        problem = self._problem
        cases = problem.tests if len(problem.tests) >= ENOUGH else (*problem.tests, *problem.benchmarks)
        return {name: max(case.dims[name] for case in cases) for name in problem.dims}

    def _unlisted(self, sizes: Sizes, rng: np.random.Generator, limit: int, taken: set[str]) -> str:
        def whole(low: int, high: int) -> int:
            return int(rng.integers(low, high, endpoint=True))

        for _ in range(TRIES):
            dims = sizes.draw(whole, limit)
            name = ",".join(f"{name}={size}" for name, size in dims.items())
            if name not in taken and self._problem.allows(dims):
                return name
        return ""


def in_words(ran: Sequence[str]) -> str:
    """What a verdict says of the sizes that were drawn and ran, and of those that could not be drawn."""
    missing = len(LIMITS) - len(ran)
    told = [f"right at {' and '.join(ran)}, drawn by lot among those that the problem allows"] if ran else []
    if missing:
        told.append(
            f"{missing} of {len(LIMITS)} could not be drawn: in {TRIES} tries each, none was found that the problem's "
            "constraints allow and that is in no list"
        )
    return "; ".join(told)


def explained(fault: Rejected, example: Example) -> Rejected:
    """The fault, and that it was met at sizes which the problem allows and does not list."""
    where = (
        f"The problem lists no tests, so every size that it allows counts, and {example.case} was drawn by lot. Run it "
        f"again: {' '.join(example.words())}. If such sizes are not meant, say so in the problem: constraints or tests"
    )
    if fault.status is Status.TIMEOUT:
        where += '; if its kernels honestly do more work than one step for each number, declare flops="..."'
    return Rejected(
        fault.status, CHECK, f"{fault.feedback}\n{where}", fault.fault, fault.diagnostics, fault.check.detail
    )
