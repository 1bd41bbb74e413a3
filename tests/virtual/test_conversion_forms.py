"""Conversions to packed, 8-bit and 19-bit formats, saturating to finite, against exact arithmetic.

https://docs.nvidia.com/cuda/parallel-thread-execution/#data-movement-and-conversion-instructions-cvt. The formats e4m3
(no infinity, one NaN) and e5m2 are those of #alternate-floating-point-data-formats; the canonical NaN of both is 0x7f.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import elementwise
import exact
import operands
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

# e4m3 uses the highest exponent for numbers too: rounding is exact in a format with one more bit of exponent.
FP8 = {"e4m3": (exact.Format(4, 3), 0x7E, Fraction(448)), "e5m2": (exact.Format(5, 2), 0x7B, Fraction(57344))}


def _run(text: str, result: str, kind: str, *columns: list[int]) -> list[int]:
    inputs = {name: (kind, operands.as_array(kind, column)) for name, column in zip("ab", columns, strict=False)}
    bits: list[int] = elementwise.run(text, result, **inputs).view(elementwise.bits_dtype(result)).tolist()
    return bits


def _narrow(name: str, source: exact.Format, bits: int, relu: bool) -> int:
    _, most, largest = FP8[name]
    if source.is_nan(bits):
        return 0x7F
    sign = 0x80 if bits & source.sign else 0
    if relu and sign:
        return 0
    if source.is_infinite(bits) or abs(source.value(bits)) >= largest:
        return sign | most
    return sign | _nearest(name, abs(source.value(bits)))


def _nearest(name: str, magnitude: Fraction) -> int:
    """The encoding whose value is nearest, ties to the even one: by looking at all of them."""
    _, most, _ = FP8[name]
    return min(range(most + 1), key=lambda bits: (abs(_value(name, bits) - magnitude), bits & 1))


def _value(name: str, bits: int) -> Fraction:
    fmt = FP8[name][0]
    exponent, units = bits >> fmt.fraction, bits & (1 << fmt.fraction) - 1
    if exponent:
        units += 1 << fmt.fraction
    return units * Fraction(2) ** (max(exponent, 1) - fmt.bias - fmt.fraction)


def _samples(kind: str, name: str) -> list[int]:
    """All values of the 8-bit format, the middles between neighbours, and the usual suspects."""
    fmt, most = exact.FORMATS[kind], FP8[name][1]
    values = [_value(name, bits) for bits in range(most + 1)]
    middles = [(a + b) / 2 for a, b in pairwise(values)]
    positive = [fmt.round(value, "rn") for value in values + middles + [FP8[name][2] * 2] if value]
    return operands.interesting(kind) + positive + [bits | fmt.sign for bits in positive]


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("name", FP8)
def test_f32_pairs_round_once_to_8_bits_and_saturate(name: str, relu: bool) -> None:
    a = _samples("f32", name)
    b = a[::-1]
    text = f"cvt.rn.satfinite{'.relu' if relu else ''}.{name}x2.f32 d, a, b;"
    for high, low, result in zip(a, b, _run(text, "b16", "f32", a, b), strict=True):
        expected = _narrow(name, exact.F32, high, relu) << 8 | _narrow(name, exact.F32, low, relu)
        assert result == expected, (text, hex(high), hex(low), hex(result), hex(expected))


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("name", FP8)
def test_f16_pairs_round_once_to_8_bits_and_saturate(name: str, relu: bool) -> None:
    halves = _samples("f16", name)
    pairs = [a | b << 16 for a, b in zip(halves, halves[::-1], strict=True)]
    text = f"cvt.rn.satfinite{'.relu' if relu else ''}.{name}x2.f16x2 d, a;"
    for pair, result in zip(pairs, _run(text, "b16", "f16x2", pairs), strict=True):
        high, low = _narrow(name, exact.F16, pair >> 16, relu), _narrow(name, exact.F16, pair & 0xFFFF, relu)
        assert result == high << 8 | low, (text, hex(pair), hex(result))


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("name", FP8)
def test_8_bits_widen_exactly(name: str, relu: bool) -> None:
    column = [low | (255 - low) << 8 for low in range(256)]
    text = f"cvt.rn{'.relu' if relu else ''}.f16x2.{name}x2 d, a;"
    for pair, result in zip(column, _run(text, "f16x2", "b16", column), strict=True):
        for byte, half in ((pair & 0xFF, result & 0xFFFF), (pair >> 8, result >> 16)):
            expected = _widened(name, byte, relu)
            assert half == expected or (exact.F16.is_nan(half) and exact.F16.is_nan(expected)), (text, hex(byte))


def _widened(name: str, byte: int, relu: bool) -> int:
    fmt, most, _ = FP8[name]
    size, sign = byte & 0x7F, 0x8000 if byte & 0x80 else 0
    if name == "e5m2" and size == fmt.infinity:
        return 0 if relu and sign else sign | exact.F16.infinity
    if size > most:
        return exact.F16.nan
    if relu and sign:
        return 0
    return sign | (exact.F16.round(_value(name, size), "rn") if size else 0)


@pytest.mark.parametrize("form", ["", ".relu", ".satfinite", ".relu.satfinite"])
@pytest.mark.parametrize("mode", ["rn", "rz"])
@pytest.mark.parametrize("kind", ["f16", "bf16"])
@settings(max_examples=8, deadline=None)
@given(st.data())
def test_f32_to_halves_and_pairs_of_them(kind: str, mode: str, form: str, data: st.DataObject) -> None:
    a = operands.interesting("f32") + data.draw(operands.drawn("f32"))[0]
    b = a[::-1]
    fmt = exact.FORMATS[kind]
    pairs = _run(f"cvt.{mode}{form}.{kind}x2.f32 d, a, b;", f"{kind}x2", "f32", a, b)
    singles = _run(f"cvt.{mode}{form}.{kind}.f32 d, a;", kind, "f32", a)
    for high, low, pair, single in zip(a, b, pairs, singles, strict=True):
        for bits, result in ((high, pair >> 16), (low, pair & 0xFFFF), (high, single)):
            expected = _half(fmt, bits, mode, form)
            assert result == expected or (fmt.is_nan(result) and fmt.is_nan(expected)), (mode, form, hex(bits))


def _half(fmt: exact.Format, bits: int, mode: str, form: str) -> int:
    result = exact.convert(exact.F32, fmt, bits, mode)
    if fmt.is_nan(result):
        return result
    if "relu" in form and result & fmt.sign:
        return 0
    return result & fmt.sign | fmt.infinity - 1 if "satfinite" in form and fmt.is_infinite(result) else result


@pytest.mark.parametrize("mode", ["rna", "rn", "rz"])
def test_tf32_keeps_ten_bits_of_fraction(mode: str) -> None:
    ties = [0x3F801000, 0x3F803000, 0x3F801001, 0x3F800FFF, 0xBF801000, 0x7F7FFFFF]
    column = [bits for bits in operands.interesting("f32") + ties if not exact.F32.is_subnormal(bits)]
    short = exact.Format(8, 10)
    for bits, result in zip(column, _run(f"cvt.{mode}.tf32.f32 d, a;", "b32", "f32", column), strict=True):
        if exact.F32.is_nan(bits):
            assert exact.F32.is_nan(result)
            continue
        away = mode == "rna" and bits & 0x1FFF == 0x1000
        expected = exact.convert(exact.F32, short, bits + 1 if away else bits, "rz" if mode == "rz" else "rn")
        assert result == expected << 13, (mode, hex(bits), hex(result))


@pytest.mark.parametrize(("text", "kind"), [("cvt.ftz.f32.f32 d, a;", "f32"), ("cvt.f64.f64 d, a;", "f64")])
def test_conversion_to_the_same_type_changes_subnormals_only(text: str, kind: str) -> None:
    fmt, column = exact.FORMATS[kind], operands.interesting(kind)
    for bits, result in zip(column, _run(text, kind, kind, column), strict=True):
        expected = fmt.flush(bits) if "ftz" in text else bits
        assert result == expected or (fmt.is_nan(result) and fmt.is_nan(expected)), hex(bits)
