"""What the outputs should be: the reference in float64, in this process, and how far off they may be.

Expected values exist only here. They are never part of a Job, nor of anything else that reaches a child process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from kernelevo.evaluators import tolerance
from kernelevo.evaluators.trials import Drawn
from kernelevo.kernel import dtypes
from kernelevo.kernel.arguments import Tensor
from kernelevo.kernel.problem import Problem

Array = np.ndarray


@dataclass(frozen=True)
class Expected:
    """Per output name: values (float64, or an integer type), and bounds of the same shape (None: must be equal)."""

    values: Mapping[str, Array]
    bounds: Mapping[str, Array | None]


def expect(problem: Problem, drawn: Drawn) -> Expected:
    """Expected outputs of a trial, by the problem's reference; raises BadInput if the reference fails."""
    exact = evaluate(problem, drawn, _unchanged)
    values = {output.name: as_stored(output, exact[output.name]) for output in problem.outputs}
    return Expected(values, _bounds(problem, drawn, values))


def evaluate(problem: Problem, drawn: Drawn, wrap: Callable[[Array], Array]) -> dict[str, Array]:
    """The reference's outputs by name; every float input goes through `wrap`, and every input is a fresh copy."""
    arrays = {}
    with np.errstate(all="ignore"):
        for tensor in problem.inputs:
            numbers = dtypes.from_storage(drawn.inputs[tensor.name], tensor.dtype)
            arrays[tensor.name] = wrap(numbers) if tensor.dtype.is_float else numbers
        return problem.expected(arrays, drawn.trial.case.dims)


def _unchanged(array: Array) -> Array:
    return array


def as_stored(output: Tensor, values: Array) -> Array:
    """Integers as the output stores them; floats in float64, with infinity where the output's type overflows."""
    if not output.dtype.is_float:
        return dtypes.to_storage(values, output.dtype)
    floats = values.astype(np.float64, copy=False)
    largest = output.dtype.largest * (1 + output.dtype.epsilon / 4)
    if floats.size and -largest <= floats.min() and floats.max() <= largest:
        return floats
    with np.errstate(invalid="ignore"):
        return np.where(np.abs(floats) > largest, np.copysign(np.inf, floats), floats)


def _bounds(problem: Problem, drawn: Drawn, values: Mapping[str, Array]) -> dict[str, Array | None]:
    outputs = [output for output in problem.outputs if output.dtype.is_float]
    bounds: dict[str, Array | None] = dict.fromkeys(values)
    if problem.tolerance is not None:
        declared = problem.tolerance
        return bounds | {each.name: tolerance.declared(values[each.name], declared) for each in outputs}
    if not outputs:
        return bounds
    derived = tolerance.derive(
        lambda wrap: [evaluate(problem, drawn, wrap)[output.name] for output in outputs],
        [values[output.name] for output in outputs],
        problem.compute_dtype.name,
        [output.dtype.name for output in outputs],
    )
    return bounds | {output.name: bound for output, bound in zip(outputs, derived, strict=True)}
