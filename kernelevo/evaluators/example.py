"""One example of a shape fuzzer: sizes, what the inputs are drawn from, how far pointers are moved, and a seed.

It is what a trial is made of, and it can be written down: `--case rows=1,cols=33 --inputs 3 --offset x=4 --seed 0`.
"""

from __future__ import annotations

from dataclasses import dataclass

from kernelevo.errors import BadInput
from kernelevo.evaluators.trials import ALLOCATION, Trial, distributions, elements
from kernelevo.kernel.problem import Problem

WATCHED_ELEMENTS = 1 << 15
"""Up to so many, an example runs a second time, and values that nobody wrote are tracked."""


@dataclass(frozen=True)
class Example:
    """`index` picks the distribution of every input; `offsets` are bytes by tensor, without those that are zero."""

    case: str
    index: int
    offsets: tuple[tuple[str, int], ...]
    seed: int

    def trial(self, problem: Problem) -> Trial:
        """The trial that it stands for; raises BadInput if the problem has no such case, distribution or
        tensor.
        """
        case = problem.case(self.case)
        if (last := distributions(problem) - 1) < self.index:
            raise BadInput(f"--inputs {self.index}: no input has so many distributions; give a number from 0 to {last}")
        tensors = {tensor.name: tensor for tensor in problem.tensors}
        for name, offset in self.offsets:
            if name not in tensors:
                raise BadInput(f"--offset {name}={offset}: there is no tensor {name}; there are {', '.join(tensors)}")
            if offset % tensors[name].aligned or not 0 <= offset < ALLOCATION:
                raise BadInput(
                    f"--offset {name}={offset}: {name} is declared to be aligned to {tensors[name].aligned} bytes; "
                    f"give a multiple of that below {ALLOCATION}"
                )
        small = elements(problem, case) <= WATCHED_ELEMENTS
        return Trial(case, self.index, False, False, small, self.offsets)

    def words(self) -> list[str]:
        """What `kernelevo check` is told to run this first."""
        told = ["--case", self.case, "--inputs", str(self.index)]
        for name, offset in self.offsets:
            told += ["--offset", f"{name}={offset}"]
        return [*told, "--seed", str(self.seed)]
