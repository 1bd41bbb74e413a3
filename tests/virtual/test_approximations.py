"""Approximate functions stay within the error that the PTX manual promises, and have its values at the special points.

https://docs.nvidia.com/cuda/parallel-thread-execution/#floating-point-instructions (the "Notes" of each instruction).
The virtual GPU promises the bound, not the bits of any hardware.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import elementwise
import numpy as np
import pytest

INF, NAN = math.inf, math.nan


@dataclass(frozen=True)
class Approximation:
    """A function, where it is sampled, and the largest error: relative to the result, or absolute."""

    opcode: str
    function: Callable[[np.ndarray], np.ndarray]
    low: float
    high: float
    relative: float
    absolute: float = 0.0


# Results below the least normal f32 may be flushed, so samples stay where results are normal.
APPROXIMATIONS = [
    Approximation("rcp.approx.f32", lambda x: 1 / x, -1e30, 1e30, 2**-23),
    Approximation("rcp.approx.ftz.f32", lambda x: 1 / x, -1e30, 1e30, 2**-23),
    Approximation("sqrt.approx.f32", np.sqrt, 1e-30, 1e38, 2**-23),
    Approximation("rsqrt.approx.f32", lambda x: 1 / np.sqrt(x), 1e-30, 1e38, 2**-22.9),
    Approximation("ex2.approx.f32", np.exp2, -120, 120, 2**-22),
    Approximation("ex2.approx.ftz.f32", np.exp2, -120, 120, 2**-22),
    Approximation("lg2.approx.f32", np.log2, 2, 1e38, 2**-22),
    Approximation("lg2.approx.f32", np.log2, 0.5, 2, 0, 2**-22),
    Approximation("sin.approx.f32", np.sin, -math.pi, math.pi, 0, 2**-20.5),
    Approximation("cos.approx.f32", np.cos, -math.pi, math.pi, 0, 2**-20.5),
    Approximation("tanh.approx.f32", np.tanh, -8, 8, 2**-10.987),
]
SPECIAL = [
    ("rcp.approx.f32", [0.0, -0.0, INF, -INF, NAN], [INF, -INF, 0.0, -0.0, NAN]),
    ("sqrt.approx.f32", [0.0, -0.0, INF, -1.0, NAN], [0.0, -0.0, INF, NAN, NAN]),
    ("rsqrt.approx.f32", [0.0, -0.0, INF, -1.0, NAN], [INF, -INF, 0.0, NAN, NAN]),
    ("ex2.approx.f32", [0.0, -INF, INF, 1000.0, -1000.0, NAN], [1.0, 0.0, INF, INF, 0.0, NAN]),
    ("lg2.approx.f32", [0.0, 1.0, INF, -1.0, NAN], [-INF, 0.0, INF, NAN, NAN]),
    ("sin.approx.f32", [0.0, -0.0, INF, NAN], [0.0, -0.0, NAN, NAN]),
    ("cos.approx.f32", [0.0, INF, NAN], [1.0, NAN, NAN]),
    ("tanh.approx.f32", [0.0, INF, -INF, NAN], [0.0, 1.0, -1.0, NAN]),
]


@pytest.mark.parametrize("case", APPROXIMATIONS, ids=lambda case: f"{case.opcode}-to-{case.high:g}")
def test_error_is_within_the_manuals_bound(case: Approximation) -> None:
    x = _samples(case.low, case.high)
    got = elementwise.run(f"{case.opcode} d, a;", "f32", a=("f32", x)).astype(np.float64)
    expected = case.function(x.astype(np.float64))
    allowed = np.abs(expected) * case.relative + case.absolute
    worst = np.argmax(np.abs(got - expected) - allowed)
    assert abs(got[worst] - expected[worst]) <= allowed[worst], (x[worst], got[worst], expected[worst])


@pytest.mark.parametrize("opcode", ["div.approx.f32", "div.full.f32"])
def test_quotient_is_within_two_units_in_the_last_place(opcode: str) -> None:
    a, b = _samples(-1e15, 1e15), _samples(-1e18, 1e18)[::-1].copy()
    got = elementwise.run(f"{opcode} d, a, b;", "f32", a=("f32", a), b=("f32", b)).astype(np.float64)
    expected = a.astype(np.float64) / b.astype(np.float64)
    assert np.all(np.abs(got - expected) <= 2 * np.spacing(np.abs(expected).astype(np.float32)).astype(np.float64))


@pytest.mark.parametrize(("opcode", "inputs", "expected"), SPECIAL, ids=lambda value: str(value)[:16])
def test_special_points(opcode: str, inputs: list[float], expected: list[float]) -> None:
    got = elementwise.run(f"{opcode} d, a;", "f32", a=("f32", np.array(inputs, np.float32)))
    wanted = np.array(expected, np.float32)
    np.testing.assert_array_equal(got, wanted)
    signs_matter = ~np.isnan(wanted)
    np.testing.assert_array_equal(np.signbit(got)[signs_matter], np.signbit(wanted)[signs_matter])


def test_flushing_forms_take_subnormals_for_zero() -> None:
    tiny = np.array([1e-40, -1e-40], np.float32)
    assert elementwise.run("rcp.approx.ftz.f32 d, a;", "f32", a=("f32", tiny)).tolist() == [INF, -INF]
    assert elementwise.run("lg2.approx.ftz.f32 d, a;", "f32", a=("f32", tiny[:1])).tolist() == [-INF]
    assert elementwise.run("sqrt.approx.ftz.f32 d, a;", "f32", a=("f32", tiny[:1])).tolist() == [0.0]


def _samples(low: float, high: float) -> np.ndarray:
    """Evenly spaced and logarithmically spaced points of the interval, without zero, in f32."""
    even = np.linspace(low, high, 2000)
    magnitude = max(abs(low), abs(high))
    small = max(low, 0) or magnitude * 1e-20
    logarithmic = np.geomspace(small, magnitude, 2000)
    points = np.concatenate([even, logarithmic, -logarithmic if low < 0 else []])
    x = points.astype(np.float32)
    return x[(x != 0) & (x >= np.float32(low)) & (x <= np.float32(high))]
