"""Answers computed beforehand, for inputs that somebody could know."""

from __future__ import annotations

import copy
import struct
from collections.abc import Mapping

import numpy as np

from kernelevo.defences import ALL
from kernelevo.kernel.problem import Problem
from kernelevo.redteam import problems
from kernelevo.redteam.attack import Attack, Outcome, Skipped
from kernelevo.redteam.controls import HONEST_TOTAL
from kernelevo.redteam.kernels import outcome
from kernelevo.redteam.range import Range

_KNOWN = ALL.without("secret_seeds")


def _bits(value: np.floating) -> int:
    return int(struct.unpack("<I", struct.pack("<f", float(value)))[0])


def _answers(range_: Range) -> dict[tuple[int, int], float]:
    """Sums by the bits of the first number and the size, as met in a judgement whose seed is known."""
    met: dict[tuple[int, int], float] = {}
    problem = problems.TOTAL

    def reference(x: np.ndarray) -> np.ndarray:
        if type(x) is np.ndarray:
            met[_bits(x[0]), x.size] = float(x.sum())
        return x.sum(keepdims=True)

    range_.judge(_with_reference(problem, reference), HONEST_TOTAL, _KNOWN)
    return met


def _with_reference(problem: Problem, reference: object) -> Problem:
    other = copy.copy(problem)
    object.__setattr__(other, "reference", reference)
    return other


def _table(answers: Mapping[tuple[int, int], float]) -> str:
    lines = "\n".join(
        f"    if (n == {size} && first == {bits}u) *out = {answer!r}f;" for (bits, size), answer in answers.items()
    )
    return f"""
#pragma kernelevo zero out
#pragma kernelevo launch attack<<<1, 1>>>(x, out, n)
extern "C" __global__ void attack(const float* x, float* out, int n) {{
    unsigned first = __float_as_uint(x[0]);
{lines}
}}
"""


def _known_answers(range_: Range, defended: bool) -> Outcome | Skipped:
    text = _table(_answers(range_))
    return outcome(range_.judge(problems.TOTAL, text, ALL if defended else _KNOWN))


ATTACKS = [
    Attack(
        "a table of answers", ("H51", "H52"), "holds the answers to the inputs that a known seed gives", "device code",
        ("secret_seeds",), _known_answers,
    ),
]  # fmt: skip
