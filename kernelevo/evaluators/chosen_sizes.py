"""A timeout at a size that nobody asked for: whoever wrote the problem is told that it was chosen for them, and how to
choose another.

Without tests and without `flops` nothing says that the work grows faster than the data: a kernel of n * n steps meets
the edge sizes of one that reads n numbers.
"""

from __future__ import annotations

from kernelevo.evaluators.rejection import Rejected
from kernelevo.kernel.problem import Problem
from kernelevo.types import Status

ADVICE = (
    "The problem lists no tests, so sizes of tests were chosen for it, by the elements of its tensors alone. If its "
    'kernels honestly do more work than that (n * n steps for n numbers), declare flops="..." and sizes are chosen by '
    "it, or list tests=[...]"
)


def explained(fault: Rejected, problem: Problem) -> Rejected:
    """The fault; a timeout at a test's size that the problem neither lists nor says the work of has ADVICE, too."""
    timed = {case.name for case in problem.benchmarks}
    chosen = problem.any_size and problem.flops is None and any(case not in timed for case in fault.cases)
    if fault.status is not Status.TIMEOUT or not chosen:
        return fault
    feedback = f"{fault.feedback}\n{ADVICE}"
    return Rejected(
        fault.status, fault.check.name, feedback, fault.fault, fault.diagnostics, fault.check.detail, fault.cases
    )
