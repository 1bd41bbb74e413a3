"""setp, set, selp and slct against Python's comparisons; unordered forms are true when an operand is NaN.

https://docs.nvidia.com/cuda/parallel-thread-execution/#comparison-and-selection-instructions
"""

from __future__ import annotations

import operator
from collections.abc import Callable

import elementwise
import exact
import operands
import pytest

ORDER: dict[str, Callable[[object, object], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}
# lo, ls, hi, hs are the unsigned spellings of lt, le, gt, ge.
UNSIGNED = {"lo": "lt", "ls": "le", "hi": "gt", "hs": "ge"}
INTEGER_CASES = [
    *((name, f"{sign}{bits}") for bits in (16, 32, 64) for sign in "us" for name in ORDER),
    *((name, f"b{bits}") for bits in (16, 32, 64) for name in ("eq", "ne")),
    *((name, f"u{bits}") for bits in (16, 32, 64) for name in UNSIGNED),
]
FRACTION_CASES = [
    (name, kind) for kind in ("f16", "bf16", "f32", "f64") for name in (*ORDER, *(f"{n}u" for n in ORDER), "num", "nan")
]


def _inputs(kind: str, columns: operands.Columns) -> dict[str, tuple[str, elementwise.Array]]:
    return {name: (kind, operands.as_array(kind, column)) for name, column in zip("ab", columns, strict=True)}


@pytest.mark.parametrize(("name", "kind"), INTEGER_CASES)
def test_integers_compare_by_value(name: str, kind: str) -> None:
    columns = operands.combinations(kind, kind)
    got = elementwise.run(f"setp.{name}.{kind} d, a, b;", "pred", **_inputs(kind, columns))
    compare = ORDER[UNSIGNED.get(name, name)]
    expected = [int(compare(operands.signed(kind, a), operands.signed(kind, b))) for a, b in zip(*columns, strict=True)]
    assert got.tolist() == expected


@pytest.mark.parametrize(("name", "kind"), FRACTION_CASES)
def test_fractions_compare_by_value_and_nan_by_form(name: str, kind: str) -> None:
    columns = operands.combinations(kind, kind)
    got = elementwise.run(f"setp.{name}.{kind} d, a, b;", "pred", **_inputs(kind, columns))
    for a, b, result in zip(*columns, got.tolist(), strict=True):
        assert result == _expected(exact.FORMATS[kind], name, a, b), (hex(a), hex(b))


def _expected(fmt: exact.Format, name: str, a: int, b: int) -> bool:
    unordered = fmt.is_nan(a) or fmt.is_nan(b)
    if name in ("num", "nan"):
        return unordered == (name == "nan")
    if unordered:
        return len(name) == 3
    return ORDER[name[:2]](_key(fmt, a), _key(fmt, b))


def _key(fmt: exact.Format, bits: int) -> int:
    """Orders like the numbers: both zeros are 0."""
    magnitude = bits & ~fmt.sign
    return -magnitude if bits & fmt.sign else magnitude


def test_flushed_subnormals_equal_zero() -> None:
    columns = [[1, 1, 0x80000001], [0, 0x00400000, 0]]
    assert elementwise.run("setp.eq.f32 d, a, b;", "pred", **_inputs("f32", columns)).tolist() == [0, 0, 0]
    assert elementwise.run("setp.eq.ftz.f32 d, a, b;", "pred", **_inputs("f32", columns)).tolist() == [1, 1, 1]


@pytest.mark.parametrize(("combine", "python"), [("and", operator.and_), ("or", operator.or_), ("xor", operator.xor)])
def test_comparison_combines_with_a_predicate(combine: str, python: Callable[[bool, bool], bool]) -> None:
    columns = operands.combinations("s32", "s32")
    text = f"{{ .reg .pred p, q; setp.gt.s32 p, a, 2; setp.lt.{combine}.s32 d|q, a, b, !p; }}"
    got = elementwise.run(text, "pred", **_inputs("s32", columns))
    values = [(operands.signed("s32", a), operands.signed("s32", b)) for a, b in zip(*columns, strict=True)]
    assert got.tolist() == [int(python(a < b, not a > 2)) for a, b in values]


@pytest.mark.parametrize(("kind", "true"), [("u32", 0xFFFFFFFF), ("s32", -1), ("f32", 1.0)])
def test_set_writes_all_ones_or_one(kind: str, true: float) -> None:
    columns = operands.combinations("s32", "s32")
    got = elementwise.run(f"set.lt.{kind}.s32 d, a, b;", kind, **_inputs("s32", columns))
    values = [(operands.signed("s32", a), operands.signed("s32", b)) for a, b in zip(*columns, strict=True)]
    assert got.tolist() == [true if a < b else 0 for a, b in values]


@pytest.mark.parametrize("kind", ["b16", "b32", "b64", "f32", "f64"])
def test_selection_takes_the_first_value_where_the_predicate_holds(kind: str) -> None:
    columns = operands.combinations(kind, kind)
    inputs = _inputs(kind, columns)
    text = f"{{ .reg .pred p; setp.lt.u32 p, index, 7; selp.{kind} d, a, b, p; }}"
    got = elementwise.run(text, kind, **inputs).view(elementwise.bits_dtype(kind)).tolist()
    assert got == columns[0][:7] + columns[1][7:]


def test_sign_selection_takes_the_first_value_for_non_negative_numbers() -> None:
    columns = operands.combinations("b32", "b32", "s32")
    inputs = {n: (k, operands.as_array(k, c)) for n, k, c in zip("abc", ("b32", "b32", "s32"), columns, strict=True)}
    got = elementwise.run("slct.b32.s32 d, a, b, c;", "b32", **inputs).tolist()
    assert got == [a if operands.signed("s32", c) >= 0 else b for a, b, c in zip(*columns, strict=True)]


SET_CASES = [
    *((name, kind) for kind in ("u16", "s16", "u32", "s32", "u64", "s64") for name in ("ne", "lt", "ge")),
    *((name, kind) for kind in ("f32", "f64", "f16", "bf16") for name in ("eq", "lt", "geu", "nan")),
]


@pytest.mark.parametrize(("name", "kind"), SET_CASES)
def test_set_compares_every_type_and_combines_with_a_predicate(name: str, kind: str) -> None:
    columns = operands.combinations(kind, kind)
    inputs = _inputs(kind, columns)
    text = f"{{ .reg .pred p; setp.lt.u32 p, index, 9; set.{name}.xor.u32.{kind} d, a, b, p; }}"
    plain = elementwise.run(f"set.{name}.u32.{kind} d, a, b;", "u32", **inputs).tolist()
    combined = elementwise.run(text, "u32", **inputs).tolist()
    for i, (a, b) in enumerate(zip(*columns, strict=True)):
        holds = _holds(kind, name, a, b)
        assert plain[i] == (0xFFFFFFFF if holds else 0), (hex(a), hex(b))
        assert combined[i] == (0xFFFFFFFF if holds != (i < 9) else 0), (hex(a), hex(b))


def _holds(kind: str, name: str, a: int, b: int) -> bool:
    if kind in exact.FORMATS:
        return bool(_expected(exact.FORMATS[kind], name, a, b))
    return ORDER[name](operands.signed(kind, a), operands.signed(kind, b))


@pytest.mark.parametrize(("kind", "one"), [("f16", 0x3C00), ("bf16", 0x3F80)])
@pytest.mark.parametrize("name", ["eq", "lt", "neu", "num"])
def test_halves_of_a_pair_are_compared_each_for_itself(name: str, kind: str, one: int) -> None:
    low = operands.combinations(kind, kind)
    high = [column[::-1] for column in low]
    pairs = [[a | b << 16 for a, b in zip(x, y, strict=True)] for x, y in zip(low, high, strict=True)]
    inputs = _inputs(f"{kind}x2", pairs)
    written = elementwise.run(f"set.{name}.{kind}x2.{kind}x2 d, a, b;", f"{kind}x2", **inputs).tolist()
    text = "{ .reg .pred p, q; .reg .b32 x, y; setp.NAME.and.KIND p|q, a, b, 1; selp.u32 x, 1, 0, p;"
    text += " selp.u32 y, 2, 0, q; or.b32 d, x, y; }"
    flags = elementwise.run(text.replace("NAME", name).replace("KIND", f"{kind}x2"), "u32", **inputs).tolist()
    fmt = exact.FORMATS[kind]
    for *row, value, both in zip(*low, *high, written, flags, strict=True):
        first, second = _expected(fmt, name, row[0], row[1]), _expected(fmt, name, row[2], row[3])
        assert value == (one if first else 0) | (one if second else 0) << 16, list(map(hex, row))
        assert both == first + 2 * second, list(map(hex, row))


@pytest.mark.parametrize("selector", ["s32", "f32"])
@pytest.mark.parametrize("kind", ["b32", "b64"])
def test_sign_selection_of_every_width(kind: str, selector: str) -> None:
    columns = operands.combinations(kind, selector)
    columns = [columns[0], columns[0][::-1], columns[1]]
    kinds = (kind, kind, selector)
    inputs = {n: (k, operands.as_array(k, c)) for n, k, c in zip("abc", kinds, columns, strict=True)}
    got = elementwise.run(f"slct.{kind}.{selector} d, a, b, c;", kind, **inputs).tolist()
    for a, b, c, result in zip(*columns, got, strict=True):
        takes_a = operands.signed("s32", c) >= 0 if selector == "s32" else _expected(exact.F32, "ge", c, 0)
        assert result == (a if takes_a else b), hex(c)


def test_logic_of_predicates() -> None:
    columns = [[0, 0, 1, 1], [0, 1, 0, 1]]
    for opcode, python in (("and", operator.and_), ("or", operator.or_), ("xor", operator.xor)):
        text = f"{{ .reg .pred p, q; setp.ne.u32 p, a, 0; setp.ne.u32 q, b, 0; {opcode}.pred d, p, q; }}"
        got = elementwise.run(text, "pred", **_inputs("u32", columns)).tolist()
        assert got == [python(a, b) for a, b in zip(*columns, strict=True)]
    text = "{ .reg .pred p, q; setp.ne.u32 p, a, 0; mov.pred q, p; not.pred d, q; }"
    assert elementwise.run(text, "pred", **_inputs("u32", columns)).tolist() == [1, 1, 0, 0]
