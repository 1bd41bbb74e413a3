"""Pairs of halves and of f32, halves mixed with f32, and the small floating-point forms, against exact arithmetic.

https://docs.nvidia.com/cuda/parallel-thread-execution/#half-precision-floating-point-instructions,
#mixed-precision-floating-point-instructions and #floating-point-instructions. A NaN result is any NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import elementwise
import exact
import numpy as np
import operands
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

PAIRS = {"f16x2": "f16", "bf16x2": "bf16", "f32x2": "f32"}
ARITHMETIC: dict[str, tuple[int, Callable[..., int]]] = {
    "add": (2, exact.add), "sub": (2, exact.sub), "mul": (2, exact.mul), "fma": (3, exact.fma),
}  # fmt: skip


def _run(text: str, kind: str, columns: list[list[int]], kinds: list[str] | None = None) -> list[int]:
    stored = {"f32x2": "b64"}
    given_kinds = [stored.get(k, k) for k in kinds or [kind] * len(columns)]
    inputs = {n: (k, operands.as_array(k, c)) for n, k, c in zip("abce", given_kinds, columns, strict=False)}
    result = stored.get(kind, kind)
    bits: list[int] = elementwise.run(text, result, **inputs).view(elementwise.bits_dtype(result)).tolist()
    return bits


def _same(fmt: exact.Format, got: int, expected: int, what: object) -> None:
    assert got == expected or (fmt.is_nan(got) and fmt.is_nan(expected)), (what, hex(got), hex(expected))


def _check_pairs(text: str, pair: str, columns: list[list[int]], expected: Callable[..., int]) -> None:
    """Runs the instruction on rows and, in the upper halves, on the same rows in another order."""
    fmt = exact.FORMATS[PAIRS[pair]]
    rows = list(zip(*columns, strict=True))
    others = rows[len(rows) // 2 :] + rows[: len(rows) // 2]
    packed = [[a | b << fmt.bits for a, b in zip(low, high, strict=True)] for low, high in zip(
        zip(*rows, strict=True), zip(*others, strict=True), strict=True)]  # fmt: skip
    for row, other, result in zip(rows, others, _run(text, pair, packed), strict=True):
        _same(fmt, result & (1 << fmt.bits) - 1, expected(*row), (text, *map(hex, row)))
        _same(fmt, result >> fmt.bits, expected(*other), (text, *map(hex, other)))


@pytest.mark.parametrize("mode", ["rn", "rz", "rm", "rp"])
@pytest.mark.parametrize("operation", ARITHMETIC)
@pytest.mark.parametrize("pair", PAIRS)
@settings(max_examples=5, deadline=None)
@given(st.data())
def test_each_element_of_a_pair_is_rounded_once(pair: str, operation: str, mode: str, data: st.DataObject) -> None:
    if pair != "f32x2" and mode != "rn":
        mode = "rn"
    kind, (arity, compute) = PAIRS[pair], ARITHMETIC[operation]
    fmt = exact.FORMATS[kind]
    chosen, drawn = operands.combinations(*[kind] * 2) * 2, data.draw(operands.drawn(*[kind] * 4))
    columns = [a + b for a, b in zip(chosen, drawn, strict=True)]
    text = f"{operation}.{mode}.{pair} d, {', '.join('abc'[:arity])};"
    _check_pairs(text, pair, columns[:arity], lambda *row: compute(fmt, *row, mode))


@pytest.mark.parametrize("operation", ["add", "mul", "fma"])
def test_flushing_pairs_of_f32_see_and_give_no_subnormals(operation: str) -> None:
    arity, compute = ARITHMETIC[operation]
    fmt = exact.F32
    columns = (operands.combinations("f32", "f32") * 2)[:arity]
    text = f"{operation}.rn.ftz.f32x2 d, {', '.join('abc'[:arity])};"
    _check_pairs(text, "f32x2", columns, lambda *row: fmt.flush(compute(fmt, *map(fmt.flush, row))))


@pytest.mark.parametrize("pair", ["f16x2", "bf16x2"])
@pytest.mark.parametrize("form", ["min", "max", "min.NaN", "max.NaN"])
def test_minimum_and_maximum_of_pairs(pair: str, form: str) -> None:
    fmt = exact.FORMATS[PAIRS[pair]]
    columns = operands.combinations(PAIRS[pair], PAIRS[pair])
    _check_pairs(f"{form}.{pair} d, a, b;", pair, columns, lambda x, y: _extreme(fmt, form, [x, y]))


def _extreme(fmt: exact.Format, form: str, values: list[int]) -> int:
    """A NaN loses against numbers, unless .NaN; -0 is below +0."""
    numbers = [bits for bits in values if not fmt.is_nan(bits)]
    if not numbers or ("NaN" in form and len(numbers) < len(values)):
        return fmt.nan
    ordered = sorted(numbers, key=lambda bits: -(bits & ~fmt.sign) - 1 if bits & fmt.sign else bits)
    return ordered[0] if form.startswith("min") else ordered[-1]


@pytest.mark.parametrize("form", ["min", "max", "min.NaN", "max.NaN", "min.ftz", "max.abs", "min.ftz.NaN.abs"])
def test_minimum_and_maximum_of_three(form: str) -> None:
    fmt = exact.F32
    columns = operands.combinations("f32", "f32", "f32")

    def expected(*row: int) -> int:
        values = [fmt.flush(bits) if "ftz" in form else bits for bits in row]
        return _extreme(fmt, form, [bits & ~fmt.sign for bits in values] if "abs" in form else values)

    for *row, result in zip(*columns, _run(f"{form}.f32 d, a, b, c;", "f32", columns), strict=True):
        _same(fmt, result, expected(*row), (form, *map(hex, row)))


@pytest.mark.parametrize("pair", ["f16x2", "bf16x2"])
def test_sign_operations_on_pairs(pair: str) -> None:
    fmt = exact.FORMATS[PAIRS[pair]]
    columns = [operands.interesting(PAIRS[pair])]
    _check_pairs(f"neg.{pair} d, a;", pair, columns, lambda x: x ^ fmt.sign)
    _check_pairs(f"abs.{pair} d, a;", pair, columns, lambda x: x & ~fmt.sign)


@pytest.mark.parametrize("kind", ["f16", "bf16"])
def test_negative_results_become_zero_under_relu(kind: str) -> None:
    fmt = exact.FORMATS[kind]
    columns = (operands.combinations(kind, kind) * 2)[:3]

    def expected(*row: int) -> int:
        result = exact.fma(fmt, *row, "rn")
        return 0 if result & fmt.sign and not fmt.is_nan(result) else result

    _check_pairs(f"fma.rn.relu.{kind}x2 d, a, b, c;", f"{kind}x2", columns, expected)


@pytest.mark.parametrize("mode", ["rn", "rz", "rm", "rp"])
@pytest.mark.parametrize("operation", ["add", "sub", "fma"])
@pytest.mark.parametrize("kind", ["f16", "bf16"])
def test_a_half_is_widened_exactly_before_an_operation_with_f32(kind: str, operation: str, mode: str) -> None:
    arity, compute = ARITHMETIC[operation]
    kinds = [kind] * (arity - 1) + ["f32"]
    columns = operands.combinations(*kinds)

    def widened(bits: int) -> int:
        return exact.convert(exact.FORMATS[kind], exact.F32, bits)

    got = _run(f"{operation}.{mode}.f32.{kind} d, {', '.join('abc'[:arity])};", "f32", columns, kinds)
    for *row, result in zip(*columns, got, strict=True):
        wanted = compute(exact.F32, *map(widened, row[:-1]), row[-1], mode)
        _same(exact.F32, result, wanted, (operation, *map(hex, row)))


@pytest.mark.parametrize("kind", ["f32", "f64"])
def test_copysign_takes_the_sign_of_the_first_operand(kind: str) -> None:
    fmt = exact.FORMATS[kind]
    columns = operands.combinations(kind, kind)
    got = _run(f"copysign.{kind} d, a, b;", kind, columns)
    assert got == [a & fmt.sign | b & ~fmt.sign for a, b in zip(*columns, strict=True)]


PROPERTIES: dict[str, Callable[[exact.Format, int], bool]] = {
    "finite": lambda fmt, x: not fmt.is_nan(x) and not fmt.is_infinite(x),
    "infinite": lambda fmt, x: fmt.is_infinite(x),
    "number": lambda fmt, x: not fmt.is_nan(x),
    "notanumber": lambda fmt, x: fmt.is_nan(x),
    "normal": lambda fmt, x: not (fmt.is_nan(x) or fmt.is_infinite(x) or fmt.is_subnormal(x)),  # zeros, too
    "subnormal": lambda fmt, x: fmt.is_subnormal(x),
}


@pytest.mark.parametrize("name", PROPERTIES)
@pytest.mark.parametrize("kind", ["f32", "f64"])
def test_properties_of_numbers(kind: str, name: str) -> None:
    column = operands.interesting(kind)
    got = elementwise.run(f"testp.{name}.{kind} d, a;", "pred", a=(kind, operands.as_array(kind, column)))
    assert got.tolist() == [int(PROPERTIES[name](exact.FORMATS[kind], bits)) for bits in column]


@pytest.mark.parametrize("name", ["rcp.approx.ftz", "rsqrt.approx.ftz", "rsqrt.approx"])
def test_approximate_f64_is_within_its_bound(name: str) -> None:
    """The .ftz forms give the upper 32 bits of the result (20 of its fraction), the other one relative 2^-22."""
    x = np.geomspace(1e-300, 1e300, 4000)
    got = elementwise.run(f"{name}.f64 d, a;", "f64", a=("f64", x))
    expected = 1 / x if name.startswith("rcp") else 1 / np.sqrt(x)
    assert np.all(np.abs(got - expected) <= 2.0**-20 * expected)
    if "ftz" in name:
        assert not np.any(got.view(np.uint64) & np.uint64(0xFFFFFFFF))
    special = np.array([0.0, math.inf, math.nan, 5e-324])
    zero, infinite, nan, tiny = elementwise.run(f"{name}.f64 d, a;", "f64", a=("f64", special)).tolist()
    assert (zero, infinite) == (math.inf, 0.0) and math.isnan(nan)
    assert tiny == math.inf if "ftz" in name else tiny < math.inf


HALF_BOUNDS = {"f16": (2.0**-9.9, 2.0**-10.987), "bf16": (2.0**-7, 2.0**-8)}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["f16", "bf16"])
def test_exponential_and_tangent_of_halves_are_within_their_bounds(kind: str, packed: bool) -> None:
    """The bounds of the manual; of a packed form both halves are looked at."""
    values = np.linspace(-5, 5, 999, dtype=np.float32)
    bits = [exact.convert(exact.F32, exact.FORMATS[kind], int(x)) for x in values.view(np.uint32)]
    column = [a | b << 16 for a, b in zip(bits, bits[::-1], strict=True)] if packed else bits
    form = f"{kind}x2" if packed else kind
    for name, function, bound in (
        (f"ex2.approx{'.ftz' if kind == 'bf16' else ''}", np.exp2, HALF_BOUNDS[kind][0]),
        ("tanh.approx", np.tanh, max(HALF_BOUNDS[kind])),
    ):
        got = np.array(_run(f"{name}.{form} d, a;", form, [column]))
        for results, inputs in ((got & 0xFFFF, bits), *([(got >> 16, bits[::-1])] if packed else [])):
            expected = function(_as_f64(kind, inputs))
            assert np.all(np.abs(_as_f64(kind, results.tolist()) - expected) <= bound * np.abs(expected))


def _as_f64(kind: str, bits: list[int]) -> np.ndarray:
    return np.array([float(exact.FORMATS[kind].value(each)) for each in bits])
