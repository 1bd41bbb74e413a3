"""cvt between all types, with each rounding mode, saturation and flushing, against exact arithmetic.

https://docs.nvidia.com/cuda/parallel-thread-execution/#data-movement-and-conversion-instructions-cvt
"""

from __future__ import annotations

import elementwise
import exact
import operands
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

INTEGERS = ("u8", "s8", "u16", "s16", "u32", "s32", "u64", "s64")
FRACTIONS = ("f16", "f32", "f64")
TO_INTEGER = ("rni", "rzi", "rmi", "rpi")
WIDTH = {kind: elementwise.bits_dtype(kind).itemsize * 8 for kind in (*INTEGERS, *FRACTIONS, "bf16")}


def _limits(kind: str) -> tuple[int, int]:
    width = WIDTH[kind]
    return (-(1 << (width - 1)), (1 << (width - 1)) - 1) if kind[0] == "s" else (0, (1 << width) - 1)


def _run(opcode: str, source: str, target: str, column: list[int]) -> list[int]:
    got = elementwise.run(f"{opcode} d, a;", target, a=(source, operands.as_array(source, column)))
    return got.view(elementwise.bits_dtype(target)).tolist()


def _holds(target: str, source: str) -> bool:
    (low, high), (source_low, source_high) = _limits(target), _limits(source)
    return low <= source_low and source_high <= high


# .sat is allowed only where it can change a value.
INTEGER_CASES = [
    (source, target, saturate)
    for source in INTEGERS
    for target in INTEGERS
    for saturate in ("", ".sat")
    if not (saturate and _holds(target, source))
]


@pytest.mark.parametrize(("source", "target", "saturate"), INTEGER_CASES)
def test_integer_to_integer_cuts_extends_or_saturates(source: str, target: str, saturate: str) -> None:
    column = operands.interesting(source)
    low, high = _limits(target)
    for bits, result in zip(column, _run(f"cvt{saturate}.{target}.{source}", source, target, column), strict=True):
        value = operands.signed(source, bits)
        expected = max(low, min(high, value)) if saturate else value
        assert result == expected & (1 << WIDTH[target]) - 1, (source, target, value)


@pytest.mark.parametrize("mode", ["rn", "rz", "rm", "rp"])
@pytest.mark.parametrize("target", FRACTIONS)
@pytest.mark.parametrize("source", INTEGERS)
@settings(max_examples=5, deadline=None)
@given(st.data())
def test_integer_to_fraction_rounds_once(source: str, target: str, mode: str, data: st.DataObject) -> None:
    column = operands.interesting(source) + data.draw(operands.drawn(source))[0]
    for bits, result in zip(column, _run(f"cvt.{mode}.{target}.{source}", source, target, column), strict=True):
        value = operands.signed(source, bits)
        assert result == exact.from_integer(exact.FORMATS[target], value, mode), (source, target, value)


@pytest.mark.parametrize("mode", TO_INTEGER)
@pytest.mark.parametrize("source", FRACTIONS)
@pytest.mark.parametrize("target", INTEGERS)
@settings(max_examples=5, deadline=None)
@given(st.data())
def test_fraction_to_integer_rounds_and_clamps(source: str, target: str, mode: str, data: st.DataObject) -> None:
    column = _fractions(source) + data.draw(operands.drawn(source))[0]
    for bits, result in zip(column, _run(f"cvt.{mode}.{target}.{source}", source, target, column), strict=True):
        assert result == _expected_integer(source, target, mode, bits), (source, target, hex(bits))


def _fractions(kind: str) -> list[int]:
    """Halves, thirds and values around the limits of the integer types, beside the usual ones."""
    fmt = exact.FORMATS[kind]
    values = [exact.Fraction(n, d) for n in (1, 3, 5, -1, -3, -5) for d in (2, 3)]
    values += [exact.Fraction(sign * (2**power + step)) for power in (7, 8, 15) for step in (-1, 0) for sign in (1, -1)]
    return operands.interesting(kind) + [fmt.round(value, "rn") for value in values]


def _expected_integer(source: str, target: str, mode: str, bits: int) -> int:
    """Clamped to the target's range; a NaN is 0, or the top bit alone where a 64-bit type takes part (manual, cvt)."""
    fmt, (low, high), width = exact.FORMATS[source], _limits(target), WIDTH[target]
    if fmt.is_nan(bits):
        return 1 << (width - 1) if source == "f64" or width == 64 else 0
    value = exact.to_integer(fmt, bits, mode)
    if value is None:
        value = low if bits & fmt.sign else high
    return max(low, min(high, value)) & (1 << width) - 1


FRACTION_CASES = [
    *(
        (source, target, mode)
        for source, target in [("f32", "f16"), ("f64", "f16")]
        for mode in ("rn", "rz", "rm", "rp")
    ),
    *(("f64", "f32", mode) for mode in ("rn", "rz", "rm", "rp")),
    *(("f32", "bf16", mode) for mode in ("rn", "rz")),
    *((source, target, "") for source, target in [("f16", "f32"), ("f16", "f64"), ("f32", "f64"), ("bf16", "f32")]),
]


@pytest.mark.parametrize(("source", "target", "mode"), FRACTION_CASES)
@settings(max_examples=10, deadline=None)
@given(st.data())
def test_fraction_to_fraction_rounds_once(source: str, target: str, mode: str, data: st.DataObject) -> None:
    column = operands.interesting(source) + data.draw(operands.drawn(source))[0]
    opcode = f"cvt{'.' if mode else ''}{mode}.{target}.{source}"
    fmt = exact.FORMATS[target]
    for bits, result in zip(column, _run(opcode, source, target, column), strict=True):
        expected = exact.convert(exact.FORMATS[source], fmt, bits, mode or "rn")
        assert result == expected or (fmt.is_nan(result) and fmt.is_nan(expected)), (opcode, hex(bits), hex(result))


@pytest.mark.parametrize("mode", TO_INTEGER)
@pytest.mark.parametrize("kind", ["f32", "f64"])
def test_rounding_to_an_integral_fraction_keeps_the_sign_of_zero(kind: str, mode: str) -> None:
    fmt, column = exact.FORMATS[kind], _fractions(kind)
    for bits, result in zip(column, _run(f"cvt.{mode}.{kind}.{kind}", kind, kind, column), strict=True):
        value = exact.to_integer(fmt, bits, mode)
        expected = bits if value is None else exact.from_integer(fmt, value) | bits & fmt.sign
        assert result == expected or (fmt.is_nan(result) and fmt.is_nan(expected)), hex(bits)


def test_saturation_clamps_to_one_and_turns_nan_into_zero() -> None:
    column = operands.interesting("f32")
    one = 0x3F800000
    for bits, result in zip(column, _run("cvt.sat.f32.f32", "f32", "f32", column), strict=True):
        negative_or_nan = bits & exact.F32.sign or exact.F32.is_nan(bits)
        assert result & ~exact.F32.sign == (0 if negative_or_nan else min(bits, one)), hex(bits)


def test_flushing_conversion_sees_no_subnormals() -> None:
    column = operands.interesting("f32")
    for bits, result in zip(column, _run("cvt.ftz.f64.f32", "f32", "f64", column), strict=True):
        expected = exact.convert(exact.F32, exact.F64, exact.F32.flush(bits))
        assert result == expected or exact.F64.is_nan(expected), hex(bits)


def test_a_pair_of_halves_holds_the_first_operand_above() -> None:
    columns = operands.combinations("f32", "f32")
    a, b = (operands.as_array("f32", column) for column in columns)
    for target, fmt in (("f16x2", exact.F16), ("bf16x2", exact.BF16)):
        got = elementwise.run(f"cvt.rn.{target}.f32 d, a, b;", target, a=("f32", a), b=("f32", b))
        for high, low, result in zip(*columns, got.tolist(), strict=True):
            for half, source in ((result >> 16, high), (result & 0xFFFF, low)):
                expected = exact.convert(exact.F32, fmt, source)
                assert half == expected or (fmt.is_nan(half) and fmt.is_nan(expected)), (target, hex(source))
