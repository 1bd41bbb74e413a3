"""The tolerance in words and numbers: what was compared with what, and how much that allows.

    y: derived for f32: 8 times the largest error of 7 honest styles of the reference in f32 against float64 (typically
    2.1e-09), plus 8 ulp of f32; in all typically 1.5e-06 of |expected|

The numbers are medians over an output's elements, and of outputs of more than `SAMPLED` elements over every n-th one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from kernelevo.evaluators.expected import Expected
from kernelevo.evaluators.oracle import ORACLE_ULPS
from kernelevo.evaluators.styles import PRECISIONS
from kernelevo.evaluators.tolerance import ALLOWANCES, median, roundings, styles_for
from kernelevo.kernel.arguments import Tensor
from kernelevo.kernel.problem import Problem, Tolerance

SAMPLED = 1 << 12

Array = np.ndarray
Source = Literal["derived", "declared", "oracle", "integers", "copied"]


@dataclass(frozen=True)
class Derivation:
    """How one output's bound came about in one trial. `scale` is the styles' error, `bound` the whole, `relative` the
    bound over |expected| (None where nothing is expected but zeros); medians all. Absolute numbers are in the output's
    own unit.
    """

    output: str
    source: Source
    compute: str
    storage: str
    styles: tuple[str, ...]
    scale: float
    bound: float
    relative: float | None
    declared: Tolerance | None

    @property
    def rule(self) -> str:
        """What is allowed, in words without numbers of a trial."""
        if self.source == "integers":
            return "integers must be equal"
        if self.source == "copied":
            return f"must be exact, because every honest style in {self.compute} gets it exactly (copied or selected)"
        coarser = PRECISIONS[self.storage].bits < PRECISIONS[self.compute].bits
        stored = f", plus 1 ulp of {self.storage}, which it is stored in" if coarser else ""
        if self.declared is not None:
            limits = f"{self.declared.absolute:g} + {self.declared.relative:g} * |expected|"
            return f"declared: {limits}, because {self.declared.reason}"
        if self.source == "oracle":
            return f"{ORACLE_ULPS:g} ulp of {self.compute} of the oracle kernel's output or of its median{stored}"
        allowed = ALLOWANCES[self.compute]
        against = f"of {len(self.styles)} honest styles of the reference in {self.compute} against float64"
        return (
            f"derived for {self.compute}: {allowed.safety:g} times the largest error {against}, "
            f"plus {allowed.ulps:g} ulp of {self.compute}{stored}"
        )


def derivation(problem: Problem, output: Tensor, expected: Expected) -> Derivation:
    """How the bound of `output` came about."""
    values, bound = expected.values[output.name], expected.bounds[output.name]
    compute, storage = problem.compute_dtype.name, output.dtype.name
    largest = max(values.size for name, values in expected.values.items())
    derived = _source(problem, output, bound) == "derived"
    styles = (expected.styles or styles_for(largest)) if derived else ()
    if bound is None:
        source = _source(problem, output, bound)
        return Derivation(output.name, source, compute, storage, styles, 0.0, 0.0, 0.0, problem.tolerance)
    some_values, some_bounds = _some(values), _some(bound)
    scale = _scale(some_values, some_bounds, compute, storage) if styles else 0.0
    return Derivation(
        output.name, _source(problem, output, bound), compute, storage, styles, scale, median(some_bounds),
        _relative(some_values, some_bounds), problem.tolerance,
    )  # fmt: skip


def _source(problem: Problem, output: Tensor, bound: Array | None) -> Source:
    if not output.dtype.is_float:
        return "integers"
    if problem.tolerance is not None:
        return "declared"
    if problem.oracle is not None:
        return "oracle"
    return "derived" if bound is not None else "copied"


def _some(array: Array) -> Array:
    flat = np.asarray(array).reshape(-1)
    return flat[:: max(1, flat.size // SAMPLED)]


def _scale(values: Array, bounds: Array, compute: str, storage: str) -> float:
    """The styles' part of a derived bound, taken back out of it."""
    allowed = ALLOWANCES[compute]
    rest = bounds - roundings(values, PRECISIONS[compute], allowed.ulps, storage)
    return max(median(rest) / allowed.safety, 0.0)


def _relative(values: Array, bounds: Array) -> float | None:
    usable = np.isfinite(values) & (values != 0)
    with np.errstate(over="ignore"):
        return median(bounds[usable] / np.abs(values[usable])) if usable.any() else None


def alike(derivations: Sequence[Derivation]) -> list[Derivation]:
    """Of one output's tolerance over several trials those that came about in the same way, the one with most styles
    first. In a few trials every style may be exact: nothing is computed in a softmax over one column.
    """
    ordered = sorted(derivations, key=lambda each: (len(each.styles), each.bound), reverse=True)
    return [each for each in ordered if each.source == ordered[0].source]


def describe(derivations: Sequence[Derivation]) -> str:
    """One output's tolerance over several trials; at least one is given."""
    same = alike(derivations)
    first = same[0]
    name, few = f"{first.output}: {first.rule}", min(len(each.styles) for each in same)
    if few < len(first.styles):
        name += f" (of {few} where these suffice, or it has more elements)"
    relative = [each.relative for each in same if each.relative is not None]
    if first.source in ("integers", "copied") or not relative:
        return name
    low, high = min(relative), max(relative)
    span = f"{low:.2g}" if f"{low:.2g}" == f"{high:.2g}" else f"{low:.2g} to {high:.2g}"
    return f"{name}; in all typically {span} of |expected|"


def describe_all(trials: Sequence[Mapping[str, Derivation]]) -> str:
    """The tolerance of every output over the trials, in one sentence each."""
    return "; ".join(describe([trial[name] for trial in trials]) for name in trials[0]) if trials else ""
