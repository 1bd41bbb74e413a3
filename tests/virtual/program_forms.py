"""The value-to-value instructions that random programs are made of: their PTX and what they mean for one thread.

Registers are held as unsigned integers of their width, floats as their bits, predicates as 0 or 1. A form's text names
its result {d} (and {e}) and its sources {a} {b} {c}; t0 to t3 are 32-bit and u0, u1 64-bit scratch registers. Floating
point is that of exact.py; a NaN that is computed is the canonical one of docs/virtual-gpu.md. Nothing here shares code
with the machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import exact
from exact import F16, F32, F64, Format

# Register file letter: bits of a register and its PTX type. p is a predicate.
FILES = {"p": (1, "pred"), "h": (16, "b16"), "r": (32, "b32"), "f": (32, "f32"), "d": (64, "b64"), "g": (64, "f64")}
CANONICAL_NAN = {F16: 0x7FFF, F32: 0x7FFFFFFF, F64: 0x7FF8000000000000}
Meaning = Callable[..., "int | tuple[int, int]"]


@dataclass(frozen=True)
class Form:
    """`results` and `sources` are letters of register files; `meaning` maps source bits to result bits, unmasked."""

    text: str
    results: str
    sources: str
    meaning: Meaning

    @property
    def pieces(self) -> list[str]:
        """Its PTX instructions."""
        return [piece.strip() for piece in self.text.split(";") if piece.strip()]

    def value(self, *sources: int) -> tuple[int, ...]:
        got = self.meaning(*sources)
        values = got if isinstance(got, tuple) else (got,)
        return tuple(value & (1 << FILES[file][0]) - 1 for value, file in zip(values, self.results, strict=True))


def signed(value: int, bits: int = 32) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _bytes(value: int) -> list[int]:
    return [value >> shift & 255 for shift in (0, 8, 16, 24)]


def _towards_zero(a: int, b: int) -> int:
    return abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def _saturated(value: int) -> int:
    return max(-(2**31), min(2**31 - 1, value))


def _field(a: int, b: int, c: int) -> int:
    """bfe.u32"""
    return a >> (b & 255) & (1 << (c & 255)) - 1


def _insert(a: int, b: int, c: int) -> int:
    """bfi.b32 with position 5 and the length in c."""
    mask = (1 << (c & 255)) - 1 << 5 & 0xFFFFFFFF
    return b & ~mask | a << 5 & mask


def _permute(a: int, b: int, c: int) -> int:
    """prmt.b32: bit 3 of a selector spreads the sign of its byte."""
    source, result = [*_bytes(a), *_bytes(b)], 0
    for place in range(4):
        selector = c >> 4 * place & 15
        byte = source[selector & 7]
        result |= (255 * (byte >> 7) if selector & 8 else byte) << 8 * place
    return result


def _logic(a: int, b: int, c: int, table: int) -> int:
    """lop3.b32 bit by bit: the table is indexed by the bits of a, b, c."""
    return sum((table >> ((a >> i & 1) << 2 | (b >> i & 1) << 1 | c >> i & 1) & 1) << i for i in range(32))


def _dot(a: int, b: int, c: int) -> int:
    """dp4a.s32.u32"""
    return c + sum(signed(x, 8) * y for x, y in zip(_bytes(a), _bytes(b), strict=True))


def _reverse(value: int, bits: int) -> int:
    return int(f"{value:0{bits}b}"[::-1], 2)


def canonical(fmt: Format, bits: int) -> int:
    return CANONICAL_NAN[fmt] if fmt.is_nan(bits) else bits


def _float(fmt: Format, operation: Callable[..., int], mode: str = "rn") -> Meaning:
    return lambda *sources: canonical(fmt, operation(fmt, *sources, mode))


def _order(fmt: Format, bits: int) -> int:
    """Integers in the order of the numbers, -0 before +0."""
    return -(bits & ~fmt.sign) - 1 if bits & fmt.sign else bits


def _extreme(fmt: Format, choose: Callable[..., int]) -> Meaning:
    """min and max: a NaN loses against a number."""

    def meaning(a: int, b: int) -> int:
        if fmt.is_nan(a) or fmt.is_nan(b):
            return canonical(fmt, b if fmt.is_nan(a) else a)
        return choose(a, b, key=lambda bits: _order(fmt, bits))

    return meaning


def _compare(fmt: Format, holds: Callable[[int, int], bool], with_nan: bool) -> Meaning:
    def meaning(a: int, b: int) -> int:
        if fmt.is_nan(a) or fmt.is_nan(b):
            return int(with_nan)
        # +0 and -0 are equal
        x, y = (0 if fmt.is_zero(bits) else _order(fmt, bits) + (_order(fmt, bits) < 0) for bits in (a, b))
        return int(holds(x, y))

    return meaning


def _to_integer(fmt: Format, bits: int, width: int) -> int:
    """cvt.rzi to a signed integer: it saturates; NaN becomes 0 from f32 to 32 bits, the least integer otherwise.

    https://docs.nvidia.com/cuda/parallel-thread-execution/#data-movement-and-conversion-instructions-cvt
    """
    if fmt.is_nan(bits):
        return 0 if fmt is F32 and width == 32 else 1 << width - 1
    low, high = -(1 << width - 1), (1 << width - 1) - 1
    value = exact.to_integer(fmt, bits, "rzi")
    if value is None:
        return low if bits & fmt.sign else high
    return max(low, min(high, value))


def _half(operation: Callable[..., int]) -> Meaning:
    """An operation on both halves of f16x2."""

    def meaning(*words: int) -> int:
        low, high = ([word >> shift & 0xFFFF for word in words] for shift in (0, 16))
        return canonical(F16, operation(F16, *low)) | canonical(F16, operation(F16, *high)) << 16

    return meaning


def _convert(source: Format, target: Format) -> Meaning:
    return lambda a: canonical(target, exact.convert(source, target, a))


WORDS = [
    Form("add.u32 {d}, {a}, {b};", "r", "rr", lambda a, b: a + b),
    Form("sub.s32 {d}, {a}, {b};", "r", "rr", lambda a, b: a - b),
    Form("add.sat.s32 {d}, {a}, {b};", "r", "rr", lambda a, b: _saturated(signed(a) + signed(b))),
    Form("mul.lo.u32 {d}, {a}, {b};", "r", "rr", lambda a, b: a * b),
    Form("mul.hi.u32 {d}, {a}, {b};", "r", "rr", lambda a, b: a * b >> 32),
    Form("mul.hi.s32 {d}, {a}, {b};", "r", "rr", lambda a, b: signed(a) * signed(b) >> 32),
    Form("mad.lo.s32 {d}, {a}, {b}, {c};", "r", "rrr", lambda a, b, c: a * b + c),
    Form("or.b32 t0, {b}, 1; div.u32 {d}, {a}, t0;", "r", "rr", lambda a, b: a // (b | 1)),
    Form("or.b32 t0, {b}, 5; rem.s32 {d}, {a}, t0;", "r", "rr", lambda a, b: _remainder(signed(a), signed(b | 5))),
    Form("min.s32 {d}, {a}, {b};", "r", "rr", lambda a, b: min(signed(a), signed(b))),
    Form("max.u32 {d}, {a}, {b};", "r", "rr", max),
    Form("and.b32 {d}, {a}, {b};", "r", "rr", lambda a, b: a & b),
    Form("xor.b32 {d}, {a}, 0x5a5a00ff;", "r", "r", lambda a: a ^ 0x5A5A00FF),
    Form("not.b32 {d}, {a};", "r", "r", lambda a: ~a),
    Form("neg.s32 {d}, {a};", "r", "r", lambda a: -a),
    Form("abs.s32 {d}, {a};", "r", "r", lambda a: abs(signed(a))),
    Form("shl.b32 {d}, {a}, {b};", "r", "rr", lambda a, b: a << min(b, 32)),
    Form("shr.u32 {d}, {a}, {b};", "r", "rr", lambda a, b: a >> min(b, 32)),
    Form("shr.s32 {d}, {a}, 7;", "r", "r", lambda a: signed(a) >> 7),
    Form("shf.l.wrap.b32 {d}, {a}, {b}, {c};", "r", "rrr", lambda a, b, c: (b << 32 | a) << (c & 31) >> 32),
    Form("popc.b32 {d}, {a};", "r", "r", lambda a: a.bit_count()),
    Form("clz.b32 {d}, {a};", "r", "r", lambda a: 32 - a.bit_length()),
    Form("bfind.u32 {d}, {a};", "r", "r", lambda a: a.bit_length() - 1),
    Form("brev.b32 {d}, {a};", "r", "r", lambda a: _reverse(a, 32)),
    Form("bfe.u32 {d}, {a}, {b}, {c};", "r", "rrr", _field),
    Form("bfi.b32 {d}, {a}, {b}, 5, {c};", "r", "rrr", _insert),
    Form("prmt.b32 {d}, {a}, {b}, {c};", "r", "rrr", _permute),
    Form("lop3.b32 {d}, {a}, {b}, {c}, 0x96;", "r", "rrr", lambda a, b, c: _logic(a, b, c, 0x96)),
    Form("lop3.b32 {d}, {a}, {b}, {c}, 0xca;", "r", "rrr", lambda a, b, c: _logic(a, b, c, 0xCA)),
    Form("dp4a.s32.u32 {d}, {a}, {b}, {c};", "r", "rrr", _dot),
    Form("sad.u32 {d}, {a}, {b}, {c};", "r", "rrr", lambda a, b, c: abs(a - b) + c),
    Form("add.cc.u32 {d}, {a}, {b}; addc.u32 {e}, 0, 3;", "rr", "rr", lambda a, b: (a + b, 3 + (a + b >> 32))),
    Form("selp.b32 {d}, {a}, {b}, {c};", "r", "rrp", lambda a, b, c: a if c else b),
    Form("mov.u32 {d}, {a};", "r", "r", lambda a: a),
    Form("mov.u32 {d}, 77;", "r", "", lambda: 77),
    Form("selp.u32 {d}, 1, 0, {a};", "r", "p", lambda a: a),
]
LONG_WORDS = [
    Form("add.s64 {d}, {a}, {b};", "d", "dd", lambda a, b: a + b),
    Form("sub.u64 {d}, {a}, {b};", "d", "dd", lambda a, b: a - b),
    Form("mul.lo.u64 {d}, {a}, {b};", "d", "dd", lambda a, b: a * b),
    Form("mul.hi.u64 {d}, {a}, {b};", "d", "dd", lambda a, b: a * b >> 64),
    Form("mul.wide.s32 {d}, {a}, {b};", "d", "rr", lambda a, b: signed(a) * signed(b)),
    Form("mad.wide.u32 {d}, {a}, {b}, {c};", "d", "rrd", lambda a, b, c: a * b + c),
    Form(
        "or.b64 u0, {b}, 3; div.s64 {d}, {a}, u0;", "d", "dd", lambda a, b: _quotient(signed(a, 64), signed(b | 3, 64))
    ),
    Form("xor.b64 {d}, {a}, {b};", "d", "dd", lambda a, b: a ^ b),
    Form("shl.b64 {d}, {a}, {b};", "d", "dr", lambda a, b: a << min(b, 64)),
    Form("shr.s64 {d}, {a}, {b};", "d", "dr", lambda a, b: signed(a, 64) >> min(b, 64)),
    Form("max.s64 {d}, {a}, {b};", "d", "dd", lambda a, b: max(signed(a, 64), signed(b, 64))),
    Form("popc.b64 {d}, {a};", "r", "d", lambda a: a.bit_count()),
    Form("clz.b64 {d}, {a};", "r", "d", lambda a: 64 - a.bit_length()),
    Form("mov.b64 {d}, {{{a}, {b}}};", "d", "rr", lambda a, b: b << 32 | a),
    Form("mov.b64 {{{d}, {e}}}, {a};", "rr", "d", lambda a: (a, a >> 32)),
    Form("cvt.s64.s32 {d}, {a};", "d", "r", signed),
    Form("cvt.u32.u64 {d}, {a};", "r", "d", lambda a: a),
    Form("selp.b64 {d}, {a}, {b}, {c};", "d", "ddp", lambda a, b, c: a if c else b),
]
HALVES = [
    Form("add.u16 {d}, {a}, {b};", "h", "hh", lambda a, b: a + b),
    Form("mul.lo.s16 {d}, {a}, {b};", "h", "hh", lambda a, b: a * b),
    Form("min.s16 {d}, {a}, {b};", "h", "hh", lambda a, b: min(signed(a, 16), signed(b, 16))),
    Form("shr.s16 {d}, {a}, 5;", "h", "h", lambda a: signed(a, 16) >> 5),  # by a register: up to 65535 only
    Form("cvt.u32.u16 {d}, {a};", "r", "h", lambda a: a),
    Form("cvt.s32.s16 {d}, {a};", "r", "h", lambda a: signed(a, 16)),
    Form("cvt.s32.s8 {d}, {a};", "r", "r", lambda a: signed(a, 8)),
    Form("cvt.u16.u32 {d}, {a};", "h", "r", lambda a: a),
    Form("mov.b32 {d}, {{{a}, {b}}};", "r", "hh", lambda a, b: b << 16 | a),
    Form("mov.b32 {{{d}, {e}}}, {a};", "hh", "r", lambda a: (a, a >> 16)),
    Form("add.f16 {d}, {a}, {b};", "h", "hh", _float(F16, exact.add)),
    Form("fma.rn.f16 {d}, {a}, {b}, {c};", "h", "hhh", _float(F16, exact.fma)),
    Form("mul.f16x2 {d}, {a}, {b};", "r", "rr", _half(exact.mul)),
    Form("cvt.f32.f16 {d}, {a};", "f", "h", _convert(F16, F32)),
    Form("cvt.rn.f16.f32 {d}, {a};", "h", "f", _convert(F32, F16)),
]
FLOATS = [
    Form("add.f32 {d}, {a}, {b};", "f", "ff", _float(F32, exact.add)),
    Form("sub.rn.f32 {d}, {a}, {b};", "f", "ff", _float(F32, exact.sub)),
    Form("mul.f32 {d}, {a}, {b};", "f", "ff", _float(F32, exact.mul)),
    Form("mul.rz.f32 {d}, {a}, {b};", "f", "ff", _float(F32, exact.mul, "rz")),
    Form("fma.rn.f32 {d}, {a}, {b}, {c};", "f", "fff", _float(F32, exact.fma)),
    Form("div.rn.f32 {d}, {a}, {b};", "f", "ff", _float(F32, exact.div)),
    Form("sqrt.rn.f32 {d}, {a};", "f", "f", _float(F32, exact.sqrt)),
    Form("min.f32 {d}, {a}, {b};", "f", "ff", _extreme(F32, min)),
    Form("max.f32 {d}, {a}, {b};", "f", "ff", _extreme(F32, max)),
    Form("cvt.rn.f32.s32 {d}, {a};", "f", "r", lambda a: exact.from_integer(F32, signed(a))),
    Form("cvt.rzi.s32.f32 {d}, {a};", "r", "f", lambda a: _to_integer(F32, a, 32)),
    Form("mov.b32 {d}, {a};", "r", "f", lambda a: a),
    Form("mov.b32 {d}, {a};", "f", "r", lambda a: a),
    Form("selp.f32 {d}, {a}, {b}, {c};", "f", "ffp", lambda a, b, c: a if c else b),
]
DOUBLES = [
    Form("add.f64 {d}, {a}, {b};", "g", "gg", _float(F64, exact.add)),
    Form("mul.f64 {d}, {a}, {b};", "g", "gg", _float(F64, exact.mul)),
    Form("fma.rn.f64 {d}, {a}, {b}, {c};", "g", "ggg", _float(F64, exact.fma)),
    Form("div.rn.f64 {d}, {a}, {b};", "g", "gg", _float(F64, exact.div)),
    Form("cvt.f64.f32 {d}, {a};", "g", "f", _convert(F32, F64)),
    Form("cvt.rn.f32.f64 {d}, {a};", "f", "g", _convert(F64, F32)),
    Form("cvt.rn.f64.s64 {d}, {a};", "g", "d", lambda a: exact.from_integer(F64, signed(a, 64))),
    Form("cvt.rzi.s64.f64 {d}, {a};", "d", "g", lambda a: _to_integer(F64, a, 64)),
    Form("mov.b64 {d}, {a};", "d", "g", lambda a: a),
    Form("mov.b64 {d}, {a};", "g", "d", lambda a: a),
]
PREDICATES = [
    Form("setp.lt.s32 {d}, {a}, {b};", "p", "rr", lambda a, b: int(signed(a) < signed(b))),
    Form("setp.ge.u32 {d}, {a}, {b};", "p", "rr", lambda a, b: int(a >= b)),
    Form("and.b32 t0, {a}, 1; setp.ne.u32 {d}, t0, 0;", "p", "r", lambda a: a),
    Form("setp.gt.s64 {d}, {a}, {b};", "p", "dd", lambda a, b: int(signed(a, 64) > signed(b, 64))),
    Form("setp.ls.u16 {d}, {a}, {b};", "p", "hh", lambda a, b: int(a <= b)),
    Form("setp.lt.f32 {d}, {a}, {b};", "p", "ff", _compare(F32, lambda x, y: x < y, False)),
    Form("setp.geu.f32 {d}, {a}, {b};", "p", "ff", _compare(F32, lambda x, y: x >= y, True)),
    Form("setp.neu.f64 {d}, {a}, {b};", "p", "gg", _compare(F64, lambda x, y: x != y, True)),
    Form("setp.eq.and.s32 {d}, {a}, {b}, {c};", "p", "rrp", lambda a, b, c: int(a == b) & c),
    Form("setp.lt.u32 {d}|{e}, {a}, {b};", "pp", "rr", lambda a, b: (int(a < b), int(a >= b))),
    Form("and.pred {d}, {a}, {b};", "p", "pp", lambda a, b: a & b),
    Form("xor.pred {d}, {a}, {b};", "p", "pp", lambda a, b: a ^ b),
    Form("not.pred {d}, {a};", "p", "p", lambda a: 1 - a),
]
FORMS = [*WORDS, *LONG_WORDS, *HALVES, *FLOATS, *DOUBLES, *PREDICATES]


def _quotient(a: int, b: int) -> int:
    return _towards_zero(a, b)


def _remainder(a: int, b: int) -> int:
    return a - b * _towards_zero(a, b)
