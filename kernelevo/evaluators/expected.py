"""What the outputs should be: the reference in float64, in this process, and how far off they may be.

Expected values exist only here. They are never part of a Job, nor of anything else that reaches a child process.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
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
    """Per output name: values (float64, or an integer type), and bounds of the same shape (None: must be equal).

    Where `in_full` is there, the bounds rest on the first styles of an honest implementation alone; what they accept is
    accepted, and what they refuse is compared again with the bounds that `in_full` gives, which are nowhere tighter.
    """

    values: Mapping[str, Array]
    bounds: Mapping[str, Array | None]
    in_full: Callable[[], Expected] | None = None
    styles: tuple[str, ...] = ()
    """Those that derived bounds rest on, where these are not all."""


def expect(problem: Problem, drawn: Drawn) -> Expected:
    """Expected outputs of a trial, by the problem's reference; raises BadInput if the reference fails."""
    numbers = _numbers(problem, drawn)
    values = _exact(problem, drawn, numbers)
    return Expected(values, _bounds(problem, drawn, numbers, values))


def expect_first(problem: Problem, drawn: Drawn) -> Expected:
    """As `expect`, but with the bounds of the first styles only where there are more, and `in_full` for all of them:
    most outputs are within these, and a style costs as much as the reference.
    """
    numbers = _numbers(problem, drawn)
    values = _exact(problem, drawn, numbers)
    floats = [values[output.name] for output in problem.outputs if output.dtype.is_float]
    if problem.tolerance is not None or not floats or _few_styles(floats):
        return Expected(values, _bounds(problem, drawn, numbers, values))
    first = _bounds(problem, drawn, numbers, values, tolerance.FIRST_STYLES)
    in_full = functools.cache(lambda: Expected(values, _bounds(problem, drawn, numbers, values)))
    return Expected(values, first, in_full, tolerance.FIRST_STYLES)


def _few_styles(outputs: Sequence[Array]) -> bool:
    return tolerance.styles_for(max(output.size for output in outputs)) == tolerance.FIRST_STYLES


def _exact(problem: Problem, drawn: Drawn, numbers: Mapping[str, Array]) -> dict[str, Array]:
    exact = _evaluate(problem, drawn, numbers, _unchanged)
    return {output.name: as_stored(output, exact[output.name]) for output in problem.outputs}


def evaluate(problem: Problem, drawn: Drawn, wrap: Callable[[Array], Array]) -> dict[str, Array]:
    """The reference's outputs by name; every float input goes through `wrap`, and every input is a fresh copy."""
    return _evaluate(problem, drawn, _numbers(problem, drawn), wrap)


def _numbers(problem: Problem, drawn: Drawn) -> dict[str, Array]:
    return {tensor.name: dtypes.from_storage(drawn.inputs[tensor.name], tensor.dtype) for tensor in problem.inputs}


def _evaluate(
    problem: Problem, drawn: Drawn, numbers: Mapping[str, Array], wrap: Callable[[Array], Array]
) -> dict[str, Array]:
    """As `evaluate`, on numbers that are kept for the next style: the reference gets copies, which it may overwrite."""
    arrays = {}
    with np.errstate(all="ignore"):
        for tensor in problem.inputs:
            mine = numbers[tensor.name].copy()
            arrays[tensor.name] = wrap(mine) if tensor.dtype.is_float else mine
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


def _bounds(
    problem: Problem,
    drawn: Drawn,
    numbers: Mapping[str, Array],
    values: Mapping[str, Array],
    styles: Sequence[str] | None = None,
) -> dict[str, Array | None]:
    outputs = [output for output in problem.outputs if output.dtype.is_float]
    bounds: dict[str, Array | None] = dict.fromkeys(values)
    if problem.tolerance is not None:
        declared = problem.tolerance
        return bounds | {each.name: tolerance.declared(values[each.name], declared) for each in outputs}
    if not outputs:
        return bounds
    derived = tolerance.derive(
        lambda wrap: _pick(_evaluate(problem, drawn, numbers, wrap), outputs),
        [values[output.name] for output in outputs],
        problem.compute_dtype.name,
        [output.dtype.name for output in outputs],
        styles,
    )
    return bounds | {output.name: bound for output, bound in zip(outputs, derived, strict=True)}


def _pick(values: Mapping[str, Array], outputs: Sequence[Tensor]) -> list[Array]:
    return [values[output.name] for output in outputs]
