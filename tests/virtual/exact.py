"""Binary floating point by exact rational arithmetic: the oracle for every format and rounding mode.

A number is held as its bits. Finite results are computed as fractions and rounded once, to nearest even (rn), to zero
(rz), down (rm) or up (rp), as IEEE 754 defines it; the rules for infinities, NaN and signed zeros are those of
https://docs.nvidia.com/cuda/parallel-thread-execution/#floating-point-instructions. A NaN result is any NaN: PTX leaves
its payload open. It shares no code with the machine under test.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache


@dataclass(frozen=True)
class Format:
    """A binary format: `fraction` bits of significand after the point, `exponent` bits."""

    exponent: int
    fraction: int

    @cached_property
    def bits(self) -> int:
        return 1 + self.exponent + self.fraction

    @cached_property
    def bias(self) -> int:
        return (1 << (self.exponent - 1)) - 1

    @cached_property
    def infinity(self) -> int:
        return ((1 << self.exponent) - 1) << self.fraction

    @cached_property
    def nan(self) -> int:
        return self.infinity | 1 << (self.fraction - 1)

    @cached_property
    def sign(self) -> int:
        return 1 << (self.bits - 1)

    def is_nan(self, bits: int) -> bool:
        return bits & ~self.sign > self.infinity

    def is_infinite(self, bits: int) -> bool:
        return bits & ~self.sign == self.infinity

    def is_zero(self, bits: int) -> bool:
        return bits & ~self.sign == 0

    def is_subnormal(self, bits: int) -> bool:
        return 0 < bits & ~self.sign < 1 << self.fraction

    @lru_cache(maxsize=1 << 14)  # noqa: B019 there are four formats, and they live as long as the tests
    def value(self, bits: int) -> Fraction:
        """The value of a finite number."""
        exponent = bits >> self.fraction & (1 << self.exponent) - 1
        significand = bits & (1 << self.fraction) - 1
        if exponent:
            significand |= 1 << self.fraction
        power = max(exponent, 1) - self.bias - self.fraction
        magnitude = Fraction(significand << power) if power >= 0 else Fraction(significand, 1 << -power)
        return -magnitude if bits & self.sign else magnitude

    def round(self, value: Fraction, mode: str) -> int:
        """Bits of a non-zero value, rounded once."""
        sign = self.sign if value < 0 else 0
        above, below = abs(value.numerator), value.denominator
        least = max(_floor_log2(above, below), 1 - self.bias)
        unit = least - self.fraction
        above, below = (above << -unit, below) if unit < 0 else (above, below << unit)
        steps, rest = divmod(above, below)
        if _away_from_zero(rest, below, bool(sign), steps % 2 == 1, mode):
            steps += 1
        # `steps` counts units in the last place; a carry runs into the exponent as it should.
        exponent = least + self.bias - 1
        bits = (exponent << self.fraction) + steps
        if bits < self.infinity:
            return sign | bits
        stays_finite = mode == "rz" or (mode == "rm" and not sign) or (mode == "rp" and bool(sign))
        return sign | (self.infinity - 1 if stays_finite else self.infinity)

    def flush(self, bits: int) -> int:
        """.ftz: a subnormal becomes a zero of its sign."""
        return bits & self.sign if self.is_subnormal(bits) else bits


F16, BF16, F32, F64 = Format(5, 10), Format(8, 7), Format(8, 23), Format(11, 52)
FORMATS = {"f16": F16, "bf16": BF16, "f32": F32, "f64": F64}


def add(fmt: Format, a: int, b: int, mode: str = "rn") -> int:
    if fmt.is_nan(a) or fmt.is_nan(b):
        return fmt.nan
    if fmt.is_infinite(a):
        return fmt.nan if fmt.is_infinite(b) and a != b else a
    if fmt.is_infinite(b):
        return b
    total = fmt.value(a) + fmt.value(b)
    if total:
        return fmt.round(total, mode)
    return _zero_sum(fmt, a & fmt.sign, b & fmt.sign, mode)


def sub(fmt: Format, a: int, b: int, mode: str = "rn") -> int:
    return add(fmt, a, b ^ fmt.sign, mode)


def mul(fmt: Format, a: int, b: int, mode: str = "rn") -> int:
    sign = (a ^ b) & fmt.sign
    if fmt.is_nan(a) or fmt.is_nan(b):
        return fmt.nan
    if fmt.is_infinite(a) or fmt.is_infinite(b):
        return fmt.nan if fmt.is_zero(a) or fmt.is_zero(b) else sign | fmt.infinity
    product = fmt.value(a) * fmt.value(b)
    return fmt.round(product, mode) if product else sign


def fma(fmt: Format, a: int, b: int, c: int, mode: str = "rn") -> int:
    """a * b + c with one rounding."""
    if fmt.is_nan(a) or fmt.is_nan(b) or fmt.is_nan(c):
        return fmt.nan
    sign = (a ^ b) & fmt.sign
    if fmt.is_infinite(a) or fmt.is_infinite(b):
        if fmt.is_zero(a) or fmt.is_zero(b) or (fmt.is_infinite(c) and c & fmt.sign != sign):
            return fmt.nan
        return sign | fmt.infinity
    if fmt.is_infinite(c):
        return c
    product = fmt.value(a) * fmt.value(b)
    total = product + fmt.value(c)
    if total:
        return fmt.round(total, mode)
    return _zero_sum(fmt, sign, c & fmt.sign, mode) if not product else (fmt.sign if mode == "rm" else 0)


def div(fmt: Format, a: int, b: int, mode: str = "rn") -> int:
    sign = (a ^ b) & fmt.sign
    if fmt.is_nan(a) or fmt.is_nan(b):
        return fmt.nan
    if fmt.is_infinite(a):
        return fmt.nan if fmt.is_infinite(b) else sign | fmt.infinity
    if fmt.is_infinite(b):
        return sign
    if fmt.is_zero(b):
        return fmt.nan if fmt.is_zero(a) else sign | fmt.infinity
    return sign if fmt.is_zero(a) else fmt.round(fmt.value(a) / fmt.value(b), mode)


def sqrt(fmt: Format, a: int, mode: str = "rn") -> int:
    if fmt.is_nan(a) or fmt.is_zero(a):
        return a
    if a & fmt.sign:
        return fmt.nan
    if fmt.is_infinite(a):
        return a
    value = fmt.value(a)
    # An integer root with far more bits than any format has; one more bit is set when the root is not exact, so that no
    # tie or exact case is seen where there is none.
    shift = 2 * (fmt.fraction + 8) + 2 * (fmt.bias + fmt.fraction)
    scaled = value.numerator * 4**shift // value.denominator
    root = math.isqrt(scaled)
    exact = root * root == scaled and scaled * value.denominator == value.numerator * 4**shift
    return fmt.round(Fraction(2 * root + (0 if exact else 1), 2 * 2**shift), mode)


def convert(source: Format, target: Format, bits: int, mode: str = "rn") -> int:
    """Bits of the same number in another format."""
    sign = target.sign if bits & source.sign else 0
    if source.is_nan(bits):
        return target.nan
    if source.is_infinite(bits):
        return sign | target.infinity
    return target.round(source.value(bits), mode) if not source.is_zero(bits) else sign


def from_integer(target: Format, value: int, mode: str = "rn") -> int:
    return target.round(Fraction(value), mode) if value else 0


def to_integer(source: Format, bits: int, mode: str) -> int | None:
    """The integer, rounded by rni, rzi, rmi or rpi; None for infinities and NaN."""
    if source.is_nan(bits) or source.is_infinite(bits):
        return None
    value = source.value(bits)
    return {"rni": round, "rzi": math.trunc, "rmi": math.floor, "rpi": math.ceil}[mode](value)


def _zero_sum(fmt: Format, sign_a: int, sign_b: int, mode: str) -> int:
    if sign_a == sign_b:
        return sign_a
    return fmt.sign if mode == "rm" else 0


def _floor_log2(above: int, below: int) -> int:
    """Of the quotient of two positive integers."""
    guess = above.bit_length() - below.bit_length()
    reached = above << -guess >= below if guess < 0 else above >= below << guess
    return guess if reached else guess - 1


def _away_from_zero(rest: int, whole: int, negative: bool, odd: bool, mode: str) -> bool:
    """Of `rest` of `whole` parts of a step."""
    if mode == "rn":
        return 2 * rest > whole or (2 * rest == whole and odd)
    return rest > 0 and ((mode == "rp" and not negative) or (mode == "rm" and negative))
