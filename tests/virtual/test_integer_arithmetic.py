"""Integer instructions of every width against Python's integers, bit for bit.

Semantics: https://docs.nvidia.com/cuda/parallel-thread-execution/#integer-arithmetic-instructions and
#logic-and-shift-instructions. Division by zero and the quotient that overflows are unspecified there and not tested.
"""

from __future__ import annotations

import elementwise
import operands
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_cases import Case, bits_of, check

INTEGERS = ("u16", "s16", "u32", "s32", "u64", "s64")
WIDE = ("u16", "s16", "u32", "s32")


def _divide(a: int, b: int) -> int | None:
    return None if b == 0 else (abs(a) // abs(b)) * (1 if (a < 0) == (b < 0) else -1)


def _remainder(a: int, b: int) -> int:
    """By zero: all ones, as the code that ptxas makes of it."""
    quotient = _divide(a, b)
    return -1 if quotient is None else a - b * quotient


def _overflows(kind: str, a: int, b: int) -> bool:
    return kind[0] == "s" and b == -1 and a == -(1 << (bits_of(kind) - 1))


def _arithmetic(kind: str) -> list[Case]:
    width = bits_of(kind)
    two, three = (kind, kind), (kind, kind, kind)
    return [
        Case(f"add.{kind} d, a, b;", two, kind, lambda a, b: a + b),
        Case(f"sub.{kind} d, a, b;", two, kind, lambda a, b: a - b),
        Case(f"mul.lo.{kind} d, a, b;", two, kind, lambda a, b: a * b),
        Case(f"mul.hi.{kind} d, a, b;", two, kind, lambda a, b: a * b >> width),
        Case(f"mad.lo.{kind} d, a, b, c;", three, kind, lambda a, b, c: a * b + c),
        Case(f"mad.hi.{kind} d, a, b, c;", three, kind, lambda a, b, c: (a * b >> width) + c),
        Case(f"min.{kind} d, a, b;", two, kind, min),
        Case(f"max.{kind} d, a, b;", two, kind, max),
        Case(f"div.{kind} d, a, b;", two, kind, lambda a, b: None if _overflows(kind, a, b) else _divide(a, b)),
        Case(f"rem.{kind} d, a, b;", two, kind, lambda a, b: None if _overflows(kind, a, b) else _remainder(a, b)),
        Case(f"sad.{kind} d, a, b, c;", three, kind, lambda a, b, c: c + abs(a - b)),
    ]


def _widening(kind: str) -> list[Case]:
    wide = f"{kind[0]}{2 * bits_of(kind)}"
    return [
        Case(f"mul.wide.{kind} d, a, b;", (kind, kind), wide, lambda a, b: a * b),
        Case(f"mad.wide.{kind} d, a, b, c;", (kind, kind, wide), wide, lambda a, b, c: a * b + c),
    ]


def _of_sign(kind: str) -> list[Case]:
    return [
        Case(f"abs.{kind} d, a;", (kind,), kind, abs),
        Case(f"neg.{kind} d, a;", (kind,), kind, lambda a: -a),
    ]


def _shifts(bits: int) -> list[Case]:
    """Counts above 65535 are not executed for 16 bits (ptx/narrow_results.ptx)."""
    most, bound = (0xFFFF, "and.b32 b, b, 65535; ") if bits == 16 else (0xFFFFFFFF, "")
    kinds = (f"b{bits}", "u32")
    cases = [Case(f"{bound}shl.b{bits} d, a, b;", kinds, f"b{bits}", lambda a, b: a << min(b & most, bits))]
    for sign in "us":
        kind = f"{sign}{bits}"
        cases.append(Case(f"{bound}shr.{kind} d, a, b;", (kind, "u32"), kind, lambda a, b: a >> min(b & most, bits)))
    return cases


def _logic(bits: int) -> list[Case]:
    kind = f"b{bits}"
    return [
        Case(f"and.{kind} d, a, b;", (kind, kind), kind, lambda a, b: a & b),
        Case(f"or.{kind} d, a, b;", (kind, kind), kind, lambda a, b: a | b),
        Case(f"xor.{kind} d, a, b;", (kind, kind), kind, lambda a, b: a ^ b),
        Case(f"not.{kind} d, a;", (kind,), kind, lambda a: ~a),
        Case(f"cnot.{kind} d, a;", (kind,), kind, lambda a: int(a == 0)),
    ]


def _saturated(value: int) -> int:
    return max(-(1 << 31), min((1 << 31) - 1, value))


def _leading_zeros(a: int, bits: int) -> int:
    return bits - a.bit_length()


def _reversed(a: int, bits: int) -> int:
    return int(f"{a:0{bits}b}"[::-1], 2)


def _highest_bit(kind: str, a: int) -> int:
    return (~a if a < 0 else a).bit_length() - 1


def _counts(bits: int, *given: int) -> list[int]:
    """Positions and lengths beyond the manual's 255: ptxas takes the lowest byte on 32 bits, the whole number on 64."""
    return [count & 255 if bits == 32 else min(count, 255) for count in given]


def _extract(kind: str, a: int, position: int, length: int) -> int:
    """bfe, as the manual's pseudo-code: bits beyond the top repeat the sign of the signed forms."""
    bits = bits_of(kind)
    position, length = _counts(bits, position, length)
    pattern = a & (1 << bits) - 1
    if length == 0:
        return 0
    sign = pattern >> min(position + length - 1, bits - 1) & 1 if kind[0] == "s" else 0
    field = pattern >> position if position < bits else 0
    kept = max(0, min(length, bits - position))
    field &= (1 << kept) - 1
    return field | (-1 << kept) if sign else field


def _insert(bits: int, a: int, b: int, position: int, length: int) -> int:
    position, length = _counts(bits, position, length)
    mask = ((1 << length) - 1) << position & (1 << bits) - 1
    return b & ~mask | a << position & mask


def _permuted(a: int, b: int, selector: int) -> int:
    both = a | b << 32
    result = 0
    for i in range(4):
        choice = selector >> 4 * i & 15
        byte = both >> 8 * (choice & 7) & 255
        result |= (255 * (byte >> 7) if choice & 8 else byte) << 8 * i
    return result


def _dot(a: int, b: int, c: int) -> int:
    return c + sum((a >> shift & 255) * (b >> shift & 255) for shift in (0, 8, 16, 24))


def _bit_fields() -> list[Case]:
    cases = []
    for bits in (32, 64):
        kind = f"b{bits}"
        cases += [
            Case(f"popc.{kind} d, a;", (kind,), "u32", lambda a: a.bit_count()),
            Case(f"clz.{kind} d, a;", (kind,), "u32", lambda a, bits=bits: _leading_zeros(a, bits)),
            Case(f"brev.{kind} d, a;", (kind,), kind, lambda a, bits=bits: _reversed(a, bits)),
            Case(
                f"bfi.{kind} d, a, b, c, e;",
                (kind, kind, "u32", "u32"),
                kind,
                lambda a, b, c, e, bits=bits: _insert(bits, a, b, c, e),
            ),
        ]
        for sign in "us":
            kind = f"{sign}{bits}"
            cases += [
                Case(f"bfind.{kind} d, a;", (kind,), "u32", lambda a, kind=kind: _highest_bit(kind, a)),
                Case(
                    f"bfe.{kind} d, a, b, c;",
                    (kind, "u32", "u32"),
                    kind,
                    lambda a, b, c, kind=kind: _extract(kind, a, b, c),
                ),
            ]
    return cases


def _special() -> list[Case]:
    u32, s32, b32 = ("u32", "u32", "u32"), ("s32", "s32"), ("b32", "b32", "b32")
    return [
        Case("add.sat.s32 d, a, b;", s32, "s32", lambda a, b: _saturated(a + b)),
        Case("sub.sat.s32 d, a, b;", s32, "s32", lambda a, b: _saturated(a - b)),
        Case("prmt.b32 d, a, b, c;", b32, "b32", _permuted),
        Case("shf.l.wrap.b32 d, a, b, c;", b32, "b32", lambda a, b, c: (b << 32 | a) << (c & 31) >> 32),
        Case("shf.r.wrap.b32 d, a, b, c;", b32, "b32", lambda a, b, c: (b << 32 | a) >> (c & 31)),
        Case("shf.l.clamp.b32 d, a, b, c;", b32, "b32", lambda a, b, c: (b << 32 | a) << min(c, 32) >> 32),
        Case("shf.r.clamp.b32 d, a, b, c;", b32, "b32", lambda a, b, c: (b << 32 | a) >> min(c, 32)),
        Case("lop3.b32 d, a, b, c, 0x96;", b32, "b32", lambda a, b, c: a ^ b ^ c),
        Case("lop3.b32 d, a, b, c, 0xe8;", b32, "b32", lambda a, b, c: a & b | b & c | a & c),
        Case("dp4a.u32.u32 d, a, b, c;", u32, "u32", _dot),
        Case("mul24.lo.u32 d, a, b;", u32[:2], "u32", lambda a, b: (a & 0xFFFFFF) * (b & 0xFFFFFF)),
    ]


CASES = [
    *(case for kind in INTEGERS for case in _arithmetic(kind)),
    *(case for kind in WIDE for case in _widening(kind)),
    *(case for kind in ("s16", "s32", "s64") for case in _of_sign(kind)),
    *(case for bits in (16, 32, 64) for case in (*_shifts(bits), *_logic(bits))),
    *_bit_fields(),
    *_special(),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_limits_and_their_neighbours(case: Case) -> None:
    check(case, operands.combinations(*case.kinds))


@pytest.mark.parametrize("case", CASES, ids=str)
@settings(max_examples=15, deadline=None)
@given(st.data())
def test_random_operands(case: Case, data: st.DataObject) -> None:
    check(case, data.draw(operands.drawn(*case.kinds)))


@settings(max_examples=25, deadline=None)
@given(operands.drawn("u32", "u32", "u32", "u32"))
def test_carry_runs_through_a_128_bit_style_chain(columns: operands.Columns) -> None:
    low, high, add_low, add_high = columns
    sums = [(a | b << 32) + (c | d << 32) for a, b, c, d in zip(low, high, add_low, add_high, strict=True)]
    differences = [(a | b << 32) - (c | d << 32) for a, b, c, d in zip(low, high, add_low, add_high, strict=True)]
    inputs = {name: ("u32", operands.as_array("u32", column)) for name, column in zip("abce", columns, strict=True)}
    added = elementwise.run("add.cc.u32 d, a, c; addc.u32 d, b, e;", "u32", **inputs)
    subtracted = elementwise.run("sub.cc.u32 d, a, c; subc.u32 d, b, e;", "u32", **inputs)
    assert added.tolist() == [value >> 32 & 0xFFFFFFFF for value in sums]
    assert subtracted.tolist() == [value >> 32 & 0xFFFFFFFF for value in differences]
