"""Comparing one output with what was expected, element by element.

An element is right if it is NaN where NaN is expected, the same infinity where infinity is expected, and otherwise
within its bound; integers must be equal. There is no share of elements that may be wrong. What is not right is
counted, shown and described.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kernelevo.evaluators.patterns import describe

SHOWN = 4

Array = np.ndarray


@dataclass(frozen=True)
class Comparison:
    """How an output compares: `ratio` is the largest error in units of its bound (inf where NaN, infinity or an
    integer differs).
    """

    output: str
    elements: int
    wrong: int
    unwritten: int
    ratio: float
    text: str

    @property
    def passed(self) -> bool:
        return self.wrong == 0


def compare(output: str, got: Array, expected: Array, bound: Array | None, poison: Array | None = None) -> Comparison:
    """`got` against `expected` (same shape, numbers) within `bound` (None: exactly).

    `poison` holds the values that an element nobody wrote may have, in got's dtype; None where that is unknown. Raises
    ValueError if the shapes differ, for that would be a defect of ours.
    """
    if got.shape != expected.shape:
        raise ValueError(f"output {output} has shape {got.shape} but {expected.shape} is expected")
    error = _error(got, expected, bound)
    worst = float(error.max(initial=0.0))
    if worst <= 1.0:
        return Comparison(output, got.size, 0, 0, worst, _all_right(output, got.size))
    wrong = _wrong(got, expected, error)
    if not wrong.any():
        return Comparison(output, got.size, 0, 0, _finite_max(error), _all_right(output, got.size))
    unwritten = wrong & _holds(got, poison)
    text = _sentences(output, got, expected, error, wrong, int(unwritten.sum()))
    return Comparison(output, got.size, int(wrong.sum()), int(unwritten.sum()), _ratio(error, wrong), text)


def _error(got: Array, expected: Array, bound: Array | None) -> Array:
    """|got - expected| / bound; where exact, 0 for equal and inf for different. NaN wherever either side is not
    finite.
    """
    if bound is None:
        return np.where(got == expected, 0.0, np.inf)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        error = np.subtract(got, expected, dtype=np.float64)
        np.abs(error, out=error)
        return np.divide(error, bound, out=error)


def _wrong(got: Array, expected: Array, error: Array) -> Array:
    """Which elements are not right; equal elements are, whatever their bound."""
    # Widening a signalling NaN is an invalid operation, and no fault of ours.
    with np.errstate(invalid="ignore"):
        same = (got == expected) | (np.isnan(got) & np.isnan(expected))
    # Where either side is not finite, so is the error, and not within anything.
    return ~(same | (error <= 1.0))


def _holds(got: Array, poison: Array | None) -> Array:
    """Which elements have the very bits of a poisoned one. A NaN that was computed has others."""
    if poison is None:
        return np.zeros(got.shape, bool)
    bits = f"u{got.itemsize}"
    return np.isin(got.view(bits), poison.reshape(-1).view(bits))


def _ratio(error: Array, wrong: Array) -> float:
    worst = error[wrong].max()
    return float(worst) if np.isfinite(worst) else float("inf")


def _all_right(output: str, size: int) -> str:
    return f"{output}: all {size} elements are right" if size != 1 else f"{output}: its one element is right"


def _finite_max(error: Array) -> float:
    return float(error[np.isfinite(error)].max(initial=0.0))


def _sentences(output: str, got: Array, expected: Array, error: Array, wrong: Array, unwritten: int) -> str:
    count = int(wrong.sum())
    are = "is" if count == 1 else "are"
    lines = [f"{output}: {count} of {got.size} elements {are} wrong ({100 * count / got.size:.3g} %)."]
    if got.size == 1:
        lines = [f"{output}: its one element is wrong."]
    if unwritten:
        lines.append(f"{unwritten} of them were never written.")
    lines += describe(got, expected, wrong)
    lines += [_one(output, got, expected, error, index) for index in np.argwhere(wrong)[:SHOWN]]
    return "\n".join(lines)


def _one(output: str, got: Array, expected: Array, error: Array, index: Array) -> str:
    at = tuple(int(each) for each in index)
    place = f"{output}[{', '.join(map(str, at))}]"
    ratio = error[at]
    beyond = f"{ratio:.3g} times the tolerance" if np.isfinite(ratio) else "not comparable within any tolerance"
    return f"  {place} = {_number(got[at])}, expected {_number(expected[at])}: {beyond}"


def _number(value: np.generic) -> str:
    return f"{float(value):.8g}" if value.dtype.kind == "f" else str(int(value))
