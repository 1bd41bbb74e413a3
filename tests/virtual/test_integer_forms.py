"""Integer instructions beyond plain arithmetic, against Python's integers: 24-bit products, packed halves, dot
products, byte permutation, bit searches, carry chains, clamped packing, SIMD video.

https://docs.nvidia.com/cuda/parallel-thread-execution/#integer-arithmetic-instructions,
#extended-precision-integer-arithmetic-instructions and #simd-video-instructions.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import elementwise
import operands
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from integer_cases import Case, bits_of, check

PERMUTATIONS: dict[str, list[int]] = {  # the selectors of the manual's table for c mod 4 = 0, 1, 2, 3
    "f4e": [0x3210, 0x4321, 0x5432, 0x6543],
    "b4e": [0x5670, 0x6701, 0x7012, 0x0123],
    "rc8": [0x0000, 0x1111, 0x2222, 0x3333],
    "ecl": [0x3210, 0x3211, 0x3222, 0x3333],
    "ecr": [0x0000, 0x1110, 0x2210, 0x3210],
    "rc16": [0x1010, 0x3232, 0x1010, 0x3232],
}
COMPARE: dict[str, Callable[[int, int], bool]] = {
    name: getattr(operator, name) for name in ("eq", "ne", "lt", "le", "gt", "ge")
}


def _clamped(value: int, bits: int, signed: bool) -> int:
    low = -(1 << bits - 1) if signed else 0
    return max(low, min(low + (1 << bits) - 1, value))


def _part(value: int, at: int, bits: int, signed: bool) -> int:
    part = value >> at & (1 << bits) - 1
    return part - (1 << bits) if signed and part >> (bits - 1) else part


def _parts(value: int, bits: int, signed: bool) -> list[int]:
    return [_part(value, at, bits, signed) for at in range(0, 32, bits)]


def _packed(parts: list[int], bits: int) -> int:
    return sum((part & (1 << bits) - 1) << at * bits for at, part in enumerate(parts))


def _low24(value: int, signed: bool) -> int:
    return _part(value, 0, 24, signed)


def _products() -> list[Case]:
    cases = []
    for sign in "us":
        kind, signed = f"{sign}32", sign == "s"

        def product(a: int, b: int, signed: bool = signed) -> int:
            return _low24(a, signed) * _low24(b, signed)

        two, three = (kind, kind), (kind, kind, kind)
        cases += [
            Case(f"mul24.lo.{kind} d, a, b;", two, kind, lambda a, b, p=product: p(a, b)),
            Case(f"mul24.hi.{kind} d, a, b;", two, kind, lambda a, b, p=product: p(a, b) >> 16),
            Case(f"mad24.lo.{kind} d, a, b, c;", three, kind, lambda a, b, c, p=product: p(a, b) + c),
            Case(f"mad24.hi.{kind} d, a, b, c;", three, kind, lambda a, b, c, p=product: (p(a, b) >> 16) + c),
        ]
    signed = ("s32", "s32", "s32")
    return [
        *cases,
        Case("mad24.hi.sat.s32 d, a, b, c;", signed, "s32",
             lambda a, b, c: _clamped((_low24(a, True) * _low24(b, True) >> 16) + c, 32, True)),
        Case("mad.hi.sat.s32 d, a, b, c;", signed, "s32", lambda a, b, c: _clamped((a * b >> 32) + c, 32, True)),
    ]  # fmt: skip


def _halves() -> list[Case]:
    pair = ("b32", "b32")
    cases = [
        Case(f"add.{sign}16x2 d, a, b;", pair, "b32",
             lambda a, b: _packed([x + y for x, y in zip(_parts(a, 16, False), _parts(b, 16, False), strict=True)], 16))
        for sign in "us"
    ]  # fmt: skip
    for name, choose in (("min", min), ("max", max)):
        for form, signed, relu in (("u16x2", False, False), ("s16x2", True, False), ("relu.s16x2", True, True)):

            def both(a: int, b: int, choose: Any = choose, signed: bool = signed, relu: bool = relu) -> int:
                chosen = map(choose, _parts(a, 16, signed), _parts(b, 16, signed))
                return _packed([max(part, 0) if relu else part for part in chosen], 16)

            cases.append(Case(f"{name}.{form} d, a, b;", pair, "b32", both))
        cases.append(Case(f"{name}.relu.s32 d, a, b;", ("s32", "s32"), "s32", lambda a, b, f=choose: max(f(a, b), 0)))
        cases.append(Case(f"{name}.s32.relu d, a, b;", ("s32", "s32"), "s32", lambda a, b, f=choose: max(f(a, b), 0)))
    return cases


def _dots() -> list[Case]:
    cases = []
    for sign_a in "us":
        for sign_b in "us":
            kinds, result = ("b32", "b32", "u32"), "u32"

            def dot4(a: int, b: int, c: int, x: bool = sign_a == "s", y: bool = sign_b == "s") -> int:
                return c + sum(map(operator.mul, _parts(a, 8, x), _parts(b, 8, y)))

            def dot2(a: int, b: int, c: int, at: int, x: bool = sign_a == "s", y: bool = sign_b == "s") -> int:
                return c + sum(map(operator.mul, _parts(a, 16, x), _parts(b, 8, y)[at : at + 2]))

            types = f"{sign_a}32.{sign_b}32"
            cases += [
                Case(f"dp4a.{types} d, a, b, c;", kinds, result, dot4),
                Case(f"dp2a.lo.{types} d, a, b, c;", kinds, result, lambda a, b, c, f=dot2: f(a, b, c, 0)),
                Case(f"dp2a.hi.{types} d, a, b, c;", kinds, result, lambda a, b, c, f=dot2: f(a, b, c, 2)),
            ]
    return cases


def _permute(a: int, b: int, selector: int) -> int:
    both = a | b << 32
    return sum((both >> 8 * (selector >> 4 * i & 7) & 255) << 8 * i for i in range(4))


def _bit_searches() -> list[Case]:
    cases = [
        Case(f"prmt.b32.{mode} d, a, b, c;", ("b32", "b32", "b32"), "b32",
             lambda a, b, c, table=table: _permute(a, b, table[c & 3]))
        for mode, table in PERMUTATIONS.items()
    ]  # fmt: skip
    for kind in ("u32", "s32", "u64", "s64"):

        def shift_amount(a: int, kind: str = kind) -> int:
            length = (~a if a < 0 else a).bit_length()
            return bits_of(kind) - length if length else 0xFFFFFFFF

        cases.append(Case(f"bfind.shiftamt.{kind} d, a;", (kind,), "u32", shift_amount))
    for clamp in (False, True):
        mode = "clamp" if clamp else "wrap"
        cases.append(Case(f"bmsk.{mode}.b32 d, a, b;", ("u32", "u32"), "b32", lambda a, b, c=clamp: _mask(a, b, c)))
        for sign in "us":
            kind = f"{sign}32"
            cases.append(
                Case(f"szext.{mode}.{kind} d, a, b;", ("u32", "u32"), kind,
                     lambda a, b, c=clamp, s=sign == "s": _extended(a, b, c, s))
            )  # fmt: skip
    return cases


def _mask(position: int, width: int, clamp: bool) -> int:
    """Ones at [position, position + width): bits from 32 on do not exist; .wrap takes both modulo 32."""
    if not clamp:
        position, width = position % 32, width % 32
    return sum(1 << bit for bit in range(32) if position <= bit < position + width)


def _extended(a: int, width: int, clamp: bool, signed: bool) -> int:
    """The low `width` bits of a, extended; .wrap takes the width modulo 32, .clamp at most 32."""
    width = min(width, 32) if clamp else width % 32
    return _part(a, 0, width, signed) if width else 0


def _video() -> list[Case]:
    combine: dict[str, Callable[[int, int], int]] = {
        "vadd": operator.add, "vsub": operator.sub, "vabsdiff": lambda x, y: abs(x - y), "vmin": min, "vmax": max,
        "vavrg": lambda x, y: (x + y + (x + y >= 0)) >> 1,
    }  # fmt: skip
    cases = []
    for count in (2, 4):
        for name, function in combine.items():
            for types, suffix in (("uuu", ""), ("sss", ""), ("uuu", ".sat"), ("sss", ".sat"), ("sus", ".add")):
                cases.append(_video_case(f"{name}{count}", 32 // count, types, suffix, function))
        for name, compare in COMPARE.items():
            for types in ("uu", "ss"):
                cases.append(_video_set(f"vset{count}", 32 // count, types, name, compare))
    return cases


def _video_case(name: str, bits: int, types: str, suffix: str, function: Callable[[int, int], int]) -> Case:
    signed = [sign == "s" for sign in types]

    def expected(a: int, b: int, c: int) -> int:
        lanes = list(map(function, _parts(a, bits, signed[1]), _parts(b, bits, signed[2])))
        if suffix == ".sat":
            lanes = [_clamped(lane, bits, signed[0]) for lane in lanes]
        lanes = [_part(lane, 0, bits, signed[0]) for lane in lanes]
        return c + sum(lanes) if suffix == ".add" else _packed(lanes, bits)

    opcode = ".".join([name, *(f"{sign}32" for sign in types)]) + suffix
    return Case(f"{opcode} d, a, b, c;", ("b32", "b32", "u32"), "u32", expected)


def _video_set(name: str, bits: int, types: str, how: str, compare: Callable[[int, int], bool]) -> Case:
    def expected(a: int, b: int, c: int) -> int:
        return _packed(list(map(compare, _parts(a, bits, types[0] == "s"), _parts(b, bits, types[1] == "s"))), bits)

    opcode = f"{name}.{types[0]}32.{types[1]}32.{how}"
    return Case(f"{opcode} d, a, b, c;", ("b32", "b32", "u32"), "u32", expected)


def _packing() -> list[Case]:
    cases = [
        Case(f"cvt.pack.sat.{sign}16.s32 d, a, b;", ("s32", "s32"), "u32",
             lambda a, b, s=sign == "s": _packed([_clamped(b, 16, s), _clamped(a, 16, s)], 16))
        for sign in "us"
    ]  # fmt: skip
    for bits in (2, 4, 8):
        for sign in "us":

            def packed(a: int, b: int, c: int, bits: int = bits, s: bool = sign == "s") -> int:
                return _packed([_clamped(b, bits, s), _clamped(a, bits, s)], bits) | c << 2 * bits

            cases.append(Case(f"cvt.pack.sat.{sign}{bits}.s32.b32 d, a, b, c;", ("s32", "s32", "u32"), "u32", packed))
    return cases


CASES = [*_products(), *_halves(), *_dots(), *_bit_searches(), *_video(), *_packing()]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_limits_and_their_neighbours(case: Case) -> None:
    check(case, operands.combinations(*case.kinds))


@pytest.mark.parametrize("case", CASES, ids=str)
@settings(max_examples=6, deadline=None)
@given(st.data())
def test_random_operands(case: Case, data: st.DataObject) -> None:
    check(case, data.draw(operands.drawn(*case.kinds)))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 31), st.integers(-33, 33)), min_size=8, max_size=8))
def test_the_nth_set_bit_is_counted_from_the_base_in_the_direction_of_the_offset(rows: list[tuple[int, ...]]) -> None:
    mask, base, offset = zip(*rows, strict=True)
    columns = [list(mask), list(base), [value & 0xFFFFFFFF for value in offset]]
    inputs = {n: ("b32", operands.as_array("b32", c)) for n, c in zip("abc", columns, strict=True)}
    got = elementwise.run("fns.b32 d, a, b, c;", "b32", **inputs)
    assert got.tolist() == [_nth_set(*row) for row in rows]


def _nth_set(mask: int, base: int, offset: int) -> int:
    if offset == 0:
        return base if mask >> base & 1 else 0xFFFFFFFF
    order = range(base, 32) if offset > 0 else range(base, -1, -1)
    found = [bit for bit in order if mask >> bit & 1]
    return found[abs(offset) - 1] if len(found) >= abs(offset) else 0xFFFFFFFF


@pytest.mark.parametrize("combine", ["and", "or"])
def test_logic_with_a_predicate_tells_whether_any_bit_is_set(combine: str) -> None:
    columns = operands.combinations("b32", "b32", "b32")
    inputs = {n: ("b32", operands.as_array("b32", c)) for n, c in zip("abc", columns, strict=True)}
    text = "{{ .reg .pred p, q; setp.gt.u32 q, a, 100; lop3.{0}.b32 {1}|p, a, b, c, 0x80, !q; {2} }}"
    value = elementwise.run(text.format(combine, "d", ""), "b32", **inputs)
    flag = elementwise.run(text.format(combine, "_", "selp.b32 d, 1, 0, p;"), "b32", **inputs)
    python = operator.and_ if combine == "and" else operator.or_
    for a, b, c, got, held in zip(*columns, value.tolist(), flag.tolist(), strict=True):
        assert got == a & b & c
        assert held == python(a & b & c != 0, not a > 100)


@pytest.mark.parametrize("kind", ["u32", "s32", "u64", "s64"])
@settings(max_examples=20, deadline=None)
@given(st.data())
def test_carry_and_borrow_run_through_sums_differences_and_products(kind: str, data: st.DataObject) -> None:
    a, b, c, e = columns = data.draw(operands.drawn(*[f"u{kind[1:]}"] * 4))
    bits = bits_of(kind)
    inputs = {name: (kind, operands.as_array(kind, column)) for name, column in zip("abce", columns, strict=True)}
    chains = {
        "add.cc.{0} d, a, b; addc.cc.{0} d, c, e; addc.{0} d, 0, 0;": lambda a, b, c, e: a + b + ((c + e) << bits),
        "sub.cc.{0} d, a, b; subc.cc.{0} d, c, e; subc.{0} d, 0, 0;": lambda a, b, c, e: a - b + ((c - e) << bits),
    }
    mask = (1 << bits) - 1
    for text, wide in chains.items():
        got = elementwise.run(text.format(kind), kind, **inputs)
        wanted = [wide(*row) >> 2 * bits & mask for row in zip(a, b, c, e, strict=True)]
        assert [value & mask for value in got.tolist()] == wanted
    got = elementwise.run(f"mad.lo.cc.{kind} d, a, b, c; madc.hi.{kind} d, a, b, e;", kind, **inputs)
    for *row, value in zip(*columns, got.tolist(), strict=True):
        x, y, z, w = (operands.signed(kind, bits) for bits in row)
        assert value & mask == ((x * y + (row[2]) >> bits) + row[3]) & mask, (x, y, z, w)


@pytest.mark.parametrize("name", ["vadd4", "vset2"])
def test_sums_of_video_lanes_start_from_the_third_operand(name: str) -> None:
    text = f"{name}.u32.u32.{'u32' if name == 'vadd4' else 'lt'}.add d, a, b, c;"
    values = {"a": 0x01020304, "b": 0x05060708, "c": 100}
    inputs = {n: ("u32", operands.as_array("u32", [v])) for n, v in values.items()}
    expected = 100 + 1 + 2 + 3 + 4 + 5 + 6 + 7 + 8 if name == "vadd4" else 100 + 2
    assert elementwise.run(text, "u32", **inputs).tolist() == [expected]
