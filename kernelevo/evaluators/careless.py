"""What a careless harness does in place of a defence that is switched off: for controls of the red team.

An attack counts as stopped by a defence only if it succeeds without it (kernelevo/redteam/). With all defences on,
nothing here is called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from kernelevo.defences import Defences
from kernelevo.evaluators.compare import Comparison
from kernelevo.evaluators.expected import Expected
from kernelevo.evaluators.trials import Drawn, Trial
from kernelevo.kernel import dtypes
from kernelevo.kernel.problem import Problem, Tolerance
from kernelevo.types import Buffer, Job, RunReport

Array = np.ndarray
KNOWN_SEED = 0
SHARE = 0.01
"""Of elements that may be wrong, where a harness asks for 99 % only."""
_LOOSE = Tolerance(1e-2, 1e-2, "as often seen, whatever is computed")


def loosened(problem: Problem) -> Problem:
    """The problem with a tolerance of 1e-2, absolute and relative, in place of its own."""
    return problem.with_tolerance(_LOOSE)


def always_the_same(draw: Callable[[Trial], Drawn]) -> Callable[[Trial], Drawn]:
    """Draws the inputs of each case once only."""
    known: dict[str, Drawn] = {}

    def drawn(trial: Trial) -> Drawn:
        if trial.case.name not in known:
            known[trial.case.name] = draw(trial)
        return replace(known[trial.case.name], trial=trial)

    return drawn


def weakened(job: Job, defences: Defences, problem: Problem, expect: Callable[[], Expected]) -> Job:
    """The job as a harness without some of its defences would make it."""
    if not defences.tracking:
        job = replace(job, track_uninitialised=False)
    if not defences.poison:
        # Memory that a correct call on the same inputs has left, or the reference itself. Scratch is zero at first, and
        # on a device that keeps its memory whatever the call before has left.
        left = _stored(problem, expect())
        scratch = defences.fresh_memory
        job = replace(job, buffers=tuple(_holding(buffer, left, scratch) for buffer in job.buffers))
    if not defences.expected_apart:
        answers = [Buffer(_beside(name), len(data), data, 0, True) for name, data in _stored(problem, expect()).items()]
        job = replace(job, buffers=(*job.buffers, *answers))
    return job


def as_read_back(problem: Problem, drawn: Drawn, report: RunReport) -> Drawn:
    """The trial with the inputs that its run has left, for a reference that is called on these."""
    inputs = {
        tensor.name: np.frombuffer(report.outputs[tensor.name], drawn.inputs[tensor.name].dtype).reshape(
            drawn.inputs[tensor.name].shape
        )
        for tensor in problem.inputs
        if not tensor.is_output
    }
    return replace(drawn, inputs={**drawn.inputs, **inputs})


def found_beside(problem: Problem, report: RunReport, expected: Expected) -> Expected:
    """Expected values as they lie in the candidate's memory after its run."""
    values = {}
    for output in problem.outputs:
        stored = np.frombuffer(report.outputs[_beside(output.name)], output.dtype.storage)
        numbers = dtypes.from_storage(stored, output.dtype).reshape(expected.values[output.name].shape)
        values[output.name] = numbers.astype(expected.values[output.name].dtype)
    return Expected(values, expected.bounds)


def nearly_all(comparison: Comparison, got: Array, expected: Array, bound: Array | None) -> Comparison:
    """Right if at most a SHARE of elements is further off than its bound, which NaN never is."""
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.abs(np.subtract(got, expected, dtype=np.float64)) > (0.0 if bound is None else bound)
    if off.sum() > SHARE * off.size:
        return comparison
    return replace(comparison, wrong=0, ratio=1.0)


def _holding(buffer: Buffer, left: Mapping[str, bytes], scratch: bool) -> Buffer:
    if buffer.data is not None or not (scratch or buffer.name in left):
        return buffer
    return replace(buffer, data=left.get(buffer.name, bytes(buffer.bytes)))


def _stored(problem: Problem, expected: Expected) -> dict[str, bytes]:
    with np.errstate(all="ignore"):
        return {
            output.name: dtypes.to_storage(expected.values[output.name], output.dtype).tobytes()
            for output in problem.outputs
        }


def _beside(output: str) -> str:
    return f"expected {output}"
