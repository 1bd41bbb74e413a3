"""Floating-point arithmetic bit for bit against exact rational arithmetic: every rounding mode, .ftz, .sat, NaN, zeros.

Semantics: https://docs.nvidia.com/cuda/parallel-thread-execution/#floating-point-instructions and
#half-precision-floating-point-instructions. The payload and sign of a NaN result are not specified and not compared.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import elementwise
import exact
import operands
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

MODES = ("rn", "rz", "rm", "rp")
ARITY = {"add": 2, "sub": 2, "mul": 2, "div": 2, "fma": 3, "sqrt": 1}
COMPUTE: dict[str, Callable[..., int]] = {name: getattr(exact, name) for name in ARITY}


@dataclass(frozen=True)
class Case:
    """One form of an operation: `suffixes` are its .ftz and .sat."""

    operation: str
    kind: str
    mode: str
    suffixes: str = ""

    @property
    def instruction(self) -> str:
        names = ", ".join("dabc"[: 1 + ARITY[self.operation]])
        return f"{self.operation}.{self.mode}{self.suffixes}.{self.kind} {names};"

    def expected(self, *bits: int) -> int:
        fmt = exact.FORMATS[self.kind]
        flush = ".ftz" in self.suffixes
        result = COMPUTE[self.operation](fmt, *(fmt.flush(value) if flush else value for value in bits), self.mode)
        result = fmt.flush(result) if flush else result
        return _saturate(fmt, result) if ".sat" in self.suffixes else result

    def __str__(self) -> str:
        return self.instruction.split()[0]


def _saturate(fmt: exact.Format, bits: int) -> int:
    if fmt.is_nan(bits) or bits & fmt.sign:
        return 0
    return min(bits, fmt.bias << fmt.fraction)


CASES = [
    *(Case(operation, kind, mode) for kind in ("f32", "f64") for operation in ARITY for mode in MODES),
    *(Case(operation, "f32", "rn", ".ftz") for operation in ARITY),
    *(Case(operation, "f32", "rz", ".ftz.sat") for operation in ("add", "sub", "mul", "fma")),
    *(Case(operation, "f32", "rn", ".sat") for operation in ("add", "sub", "mul", "fma")),
    *(
        Case(operation, "f16", "rn", suffix)
        for operation in ("add", "sub", "mul", "fma")
        for suffix in ("", ".ftz", ".sat")
    ),
    *(Case(operation, "bf16", "rn") for operation in ("add", "sub", "mul", "fma")),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_zeros_subnormals_limits_infinities_and_nan(case: Case) -> None:
    _check(case, operands.combinations(*[case.kind] * ARITY[case.operation]))


@pytest.mark.parametrize("case", CASES, ids=str)
@settings(max_examples=15, deadline=None)
@given(st.data())
def test_random_operands(case: Case, data: st.DataObject) -> None:
    _check(case, data.draw(operands.drawn(*[case.kind] * ARITY[case.operation])))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["f32", "f64"])
@settings(max_examples=15, deadline=None)
@given(st.data())
def test_reciprocal_is_a_correctly_rounded_quotient(kind: str, mode: str, data: st.DataObject) -> None:
    fmt = exact.FORMATS[kind]
    (column,) = data.draw(operands.drawn(kind))
    got = elementwise.run(f"rcp.{mode}.{kind} d, a;", kind, a=(kind, operands.as_array(kind, column)))
    for bits, result in zip(column, got.view(elementwise.bits_dtype(kind)).tolist(), strict=True):
        assert_same(fmt, result, exact.div(fmt, fmt.bias << fmt.fraction, bits, mode), (bits,))


@pytest.mark.parametrize("operation", ["add", "mul"])
def test_halves_of_a_pair_do_not_touch_each_other(operation: str) -> None:
    rows = operands.combinations("f16", "f16")
    low, high = rows[0], rows[1]
    other = list(reversed(low))
    packed = [a | b << 16 for a, b in zip(low, high, strict=True)]
    packed_other = [a | b << 16 for a, b in zip(other, low, strict=True)]
    got = elementwise.run(
        f"{operation}.rn.f16x2 d, a, b;",
        "f16x2",
        a=("f16x2", operands.as_array("f16x2", packed)),
        b=("f16x2", operands.as_array("f16x2", packed_other)),
    )
    compute = COMPUTE[operation]
    for i, result in enumerate(got.tolist()):
        assert_same(exact.F16, result & 0xFFFF, compute(exact.F16, low[i], other[i]), (low[i], other[i]))
        assert_same(exact.F16, result >> 16, compute(exact.F16, high[i], low[i]), (high[i], low[i]))


MINMAX = [
    (f"{name}{nan}.{kind}", kind)
    for kind in ("f32", "f64", "f16", "bf16")
    for name in ("min", "max")
    for nan in ("", ".NaN")
    if not (kind == "f64" and nan)
]


@pytest.mark.parametrize(("opcode", "kind"), MINMAX)
def test_minimum_and_maximum_order_zeros_and_treat_nan_as_their_form_says(opcode: str, kind: str) -> None:
    fmt = exact.FORMATS[kind]
    columns = operands.combinations(kind, kind)
    a, b = (operands.as_array(kind, column) for column in columns)
    got = elementwise.run(f"{opcode} d, a, b;", kind, a=(kind, a), b=(kind, b)).view(a.dtype)
    for x, y, result in zip(*columns, got.tolist(), strict=True):
        assert_same(fmt, result, _extreme(fmt, opcode, x, y), (x, y))


def _extreme(fmt: exact.Format, opcode: str, x: int, y: int) -> int:
    """minNum/maxNum: a NaN loses against a number unless .NaN; -0 is below +0."""
    if fmt.is_nan(x) or fmt.is_nan(y):
        if ".NaN" in opcode or (fmt.is_nan(x) and fmt.is_nan(y)):
            return fmt.nan
        return y if fmt.is_nan(x) else x
    ordered = sorted((x, y), key=lambda bits: -(bits & ~fmt.sign) - 1 if bits & fmt.sign else bits)
    return ordered[0] if opcode.startswith("min") else ordered[1]


@pytest.mark.parametrize("kind", ["f32", "f64", "f16", "bf16"])
def test_absolute_value_and_negation_change_the_sign_only(kind: str) -> None:
    fmt = exact.FORMATS[kind]
    column = operands.interesting(kind)
    array = operands.as_array(kind, column)
    for opcode, expected in (
        ("abs", [bits & ~fmt.sign for bits in column]),
        ("neg", [bits ^ fmt.sign for bits in column]),
    ):
        got = elementwise.run(f"{opcode}.{kind} d, a;", kind, a=(kind, array)).view(array.dtype)
        for bits, result, wanted in zip(column, got.tolist(), expected, strict=True):
            assert_same(fmt, result, wanted, (opcode, bits))


def _check(case: Case, columns: operands.Columns) -> None:
    fmt, dtype = exact.FORMATS[case.kind], elementwise.bits_dtype(case.kind)
    inputs = {
        name: (case.kind, operands.as_array(case.kind, column)) for name, column in zip("abc", columns, strict=False)
    }
    got = elementwise.run(case.instruction, case.kind, **inputs).view(dtype)
    for result, *bits in zip(got.tolist(), *columns, strict=True):
        assert_same(fmt, result, case.expected(*bits), (case.instruction, *map(hex, bits)))


def assert_same(fmt: exact.Format, got: int, expected: int, what: tuple[object, ...]) -> None:
    if not (fmt.is_nan(got) and fmt.is_nan(expected)):
        assert got == expected, (*what, "got", hex(got), "expected", hex(expected))
