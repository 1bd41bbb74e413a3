"""mma: every form against the manual's fragment tables and an independent sum, bit for bit."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fragment_tables as tables
import matrix_sums
import numpy as np
import pytest
from matrix_inputs import STYLES, draw
from matrix_sums import BITS, product

from kernelevo.virtual import LaunchReport, Machine, Module

Array = np.ndarray[Any, Any]
TABLE = Path(__file__).parents[2] / "sandbox" / "vgpu" / "isa" / "matrix.def"


@dataclass(frozen=True)
class Form:
    """One opcode; `kinds` are the types of d, a, b, c; `how` what the sum does besides."""

    opcode: str
    shape: tuple[int, int, int]
    kinds: tuple[str, str, str, str]
    how: str = ""

    @property
    def registers(self) -> tuple[int, int, int, int]:
        """Of d, a, b and c."""
        m, n, k = self.shape
        counts = zip(self.kinds, (m * n, m * k, k * n, m * n), strict=True)
        d, a, b, c = (elements * BITS[kind] // (64 if kind == "f64" else 32) // 32 for kind, elements in counts)
        return d, a, b, c


def _form(shape: tuple[int, int, int], kinds: tuple[str, str, str, str], how: str = "") -> Form:
    m, n, k = shape
    d, a, b, c = kinds
    before = f".{how}" if how in ("satfinite", "rn", "rz", "rm", "rp") else ""
    after = f".{how}.popc" if how in ("xor", "and") else ""
    return Form(f"mma.sync.aligned.m{m}n{n}k{k}.row.col{before}.{d}.{a}.{b}.{c}{after}", shape, kinds, how)


def _fractions() -> list[Form]:
    forms = [_form((16, 8, k), (d, "f16", "f16", d)) for k in (8, 16) for d in ("f32", "f16")]
    forms += [_form((16, 8, k), ("f32", "bf16", "bf16", "f32")) for k in (8, 16)]
    forms += [_form((16, 8, k), ("f32", "tf32", "tf32", "f32")) for k in (4, 8)]
    quarters = [(a, b) for a in ("e4m3", "e5m2") for b in ("e4m3", "e5m2")]
    forms += [_form((16, 8, k), (d, a, b, d)) for k in (16, 32) for d in ("f32", "f16") for a, b in quarters]
    doubles = ("f64",) * 4
    forms += [_form((m, 8, k), doubles) for m, k in ((8, 4), (16, 4), (16, 8), (16, 16))]
    return forms + [_form((8, 8, 4), doubles, mode) for mode in ("rn", "rz", "rm", "rp")]


def _integers() -> list[Form]:
    forms = []
    for bits, shapes in ((8, ((8, 16), (16, 16), (16, 32))), (4, ((8, 32), (16, 32), (16, 64)))):
        signs = [(f"{x}{bits}", f"{y}{bits}") for x in "su" for y in "su"]
        forms += [
            _form((m, 8, k), ("s32", a, b, "s32"), how)
            for m, k in shapes
            for a, b in signs
            for how in ("", "satfinite")
        ]
    bit_shapes = ((8, 128), (16, 128), (16, 256))
    return forms + [_form((m, 8, k), ("s32", "b1", "b1", "s32"), how) for m, k in bit_shapes for how in ("xor", "and")]


FORMS = _fractions() + _integers()
QUADS = [
    (f"mma.sync.aligned.m8n8k4.{a}.{b}.{d}.f16.f16.{c}", a, b, d, c)
    for a in ("row", "col")
    for b in ("row", "col")
    for d, c in (("f32", "f32"), ("f16", "f16"), ("f32", "f16"))
]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.opcode.removeprefix("mma.sync.aligned."))
def test_a_product_has_the_fragments_of_the_manual_and_the_stated_sum(form: Form, style: str) -> None:
    rng = np.random.default_rng(len(form.opcode) * 7 + STYLES.index(style))
    m, n, k = form.shape
    a, b, c = (
        draw(rng, kind, size, style) for kind, size in zip(form.kinds[1:], ((m, k), (k, n), (m, n)), strict=True)
    )
    d_bits, a_bits, b_bits, c_bits = (BITS[kind] for kind in form.kinds)
    held = [
        tables.pack(tables.scatter(a, tables.a_table(a_bits, m, k), m * k // 32), a_bits),
        tables.pack(tables.scatter(b, tables.b_table(b_bits), k * n // 32), b_bits),
        tables.pack(tables.scatter(c, tables.c_table, m * n // 32), c_bits),
    ]
    got = tables.gather(tables.unpack(_run(form, held), d_bits), tables.c_table, (m, n))
    np.testing.assert_array_equal(got, product(a, b, c, form.kinds, form.how))


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(("opcode", "a_layout", "b_layout", "d", "c"), QUADS)
def test_each_quad_pair_has_a_product_of_its_own(
    opcode: str, a_layout: str, b_layout: str, d: str, c: str, style: str
) -> None:
    rng = np.random.default_rng(STYLES.index(style))
    a, b = (np.stack([draw(rng, "f16", size, style) for _ in range(4)]) for size in ((8, 4), (4, 8)))
    sums = np.stack([draw(rng, c, (8, 8), style) for _ in range(4)])
    form = Form(opcode, (16, 16, 8), (d, "f16", "f16", c))  # four products: as many elements as one of this shape
    held = [
        tables.pack(_scatter_quads(a, tables.quad_a_table(a_layout), 4), 16),
        tables.pack(_scatter_quads(b, tables.quad_b_table(b_layout), 4), 16),
        tables.pack(_scatter_quads(sums, tables.quad_c_table(c), 8), BITS[c]),
    ]
    got = tables.unpack(_run(form, held, registers=(8 * BITS[d] // 32, 2, 2, 8 * BITS[c] // 32)), BITS[d])
    for quad in range(4):
        lanes = _lanes_of(quad)
        result = np.zeros((8, 8), got.dtype)
        for lane in lanes:
            for i in range(8):
                result[tables.quad_c_table(d)(lane, i)] = got[lane, i]
        np.testing.assert_array_equal(result, product(a[quad], b[quad], sums[quad], form.kinds))


def test_every_row_of_the_table_is_tested() -> None:
    rows = re.findall(r'^(?:PRODUCT|PLAIN)\((?:mma)\w+, "([^"]*)"', TABLE.read_text(), re.MULTILINE)
    opcodes = [form.opcode for form in FORMS] + [quad[0] for quad in QUADS]
    missing = [row for row in rows if not any(re.fullmatch(_pattern(row), opcode) for opcode in opcodes)]
    assert len(rows) > 25
    assert missing == []


@pytest.mark.parametrize("form", [FORMS[0], FORMS[-1]], ids=["f16", "b1"])
def test_a_product_that_some_lanes_do_not_execute_is_a_fault(form: Form) -> None:
    report = _launch(form, _zeros(form), form.registers, guard="setp.ne.u32 p, lane, 7;\n@!p bra END;\n")[0]
    assert [(fault.kind, fault.instruction[:4]) for fault in report.faults] == [("absent_lane", "mma.")]


@pytest.mark.parametrize(
    ("opcode", "other"),
    [
        ("m16n8k32.row.col.satfinite.s32.s8.u8.s32", "m16n8k32.row.col.s32.s8.u8.s32.satfinite"),
        ("m8n8k4.row.col.rz.f64.f64.f64.f64", "m8n8k4.row.col.f64.f64.f64.f64.rz"),
        ("m16n8k16.row.col.f32.f16.f16.f32", "row.col.m16n8k16.f32.f16.f16.f32"),
    ],
)
def test_qualifiers_may_stand_in_another_order(opcode: str, other: str) -> None:
    form = next(form for form in FORMS if form.opcode == "mma.sync.aligned." + opcode)
    rng = np.random.default_rng(9)
    wide = form.kinds[0] == "f64"
    held = [rng.integers(0, 1 << 31, (count, 32), np.uint64) for count in form.registers[1:]]
    held = [words if wide else words.astype(np.uint32) for words in held]
    result = _run(form, held)
    reordered = Form("mma.sync.aligned." + other, form.shape, form.kinds, form.how)
    np.testing.assert_array_equal(_run(reordered, held), result)


def test_a_product_that_no_lane_executes_does_nothing() -> None:
    form = FORMS[0]
    held = [np.ones((count, 32), np.uint32) for count in form.registers[1:]]
    guard = "mov.b32 d0, 77;\nsetp.ne.u32 p, lane, lane;\n@p "
    report, result = _launch(form, held, form.registers, guard=guard)
    assert report.faults == ()
    assert (result[0] == 77).all()


def test_a_fragment_of_the_wrong_length_is_not_executed() -> None:
    form = FORMS[0]
    registers = (form.registers[0], form.registers[1] - 1, *form.registers[2:])
    report = _launch(form, _zeros(form), registers)[0]
    assert [fault.kind for fault in report.faults] == ["unsupported"]


def test_the_oracle_of_fused_sums_rounds_once() -> None:
    rng = np.random.default_rng(3)
    bits = [draw(rng, kind, (40, 40), "wide") for kind in ("tf32", "tf32", "f32")]
    a, b, c = (matrix_sums.value(kind, each) for kind, each in zip(("tf32", "tf32", "f32"), bits, strict=True))
    got = matrix_sums.narrow("f32", matrix_sums.fma_f32(a, b, c))
    for at in np.ndindex(40, 40):
        left, right = (int(bits[i][at]) & 0xFFFFE000 for i in (0, 1))
        assert got[at] == matrix_sums.exact.fma(matrix_sums.exact.F32, left, right, int(bits[2][at])), at


def _pattern(row: str) -> str:
    """A regular expression of a row's pattern: `a|b` is a choice, `x?` may be absent."""
    parts = []
    for token in row.split("."):
        choice = r"\.(?:" + token.removesuffix("?") + ")"
        parts.append(f"(?:{choice})?" if token.endswith("?") else choice)
    return "".join(parts).removeprefix(r"\.")


def _lanes_of(quad: int) -> list[int]:
    return [lane for lane in range(32) if lane % 16 // 4 == quad]


def _scatter_quads(matrices: Array, table: tables.Table, elements: int) -> Array:
    held = [[matrices[lane % 16 // 4][table(lane, i)] for i in range(elements)] for lane in range(32)]
    return np.array(held, matrices.dtype)


def _zeros(form: Form) -> list[Array]:
    return [np.zeros((count, 32), np.uint32) for count in form.registers[1:]]


def _run(form: Form, held: list[Array], registers: tuple[int, int, int, int] | None = None) -> Array:
    report, result = _launch(form, held, registers or form.registers)
    assert report.faults == (), report.faults
    return result


def _launch(
    form: Form, held: list[Array], registers: tuple[int, int, int, int], guard: str = ""
) -> tuple[LaunchReport, Array]:
    wide = form.kinds[1] == "f64"
    with Machine(_module(form.opcode, registers, wide, guard), memory_bytes=1 << 22) as machine:
        inputs = [machine.array(each, name=name) for name, each in zip("abc", held, strict=True)]
        result = machine.empty((registers[0], 32), np.uint64 if wide else np.uint32, name="d")
        report = machine.launch("product", grid=1, block=32, args=[result, *inputs], budget=1000)
        return report, (result.numpy() if not report.faults else np.zeros(0))


@functools.cache
def _module(opcode: str, registers: tuple[int, int, int, int], wide: bool, guard: str) -> Module:
    """Every lane loads word i of row i of each operand, the product, and d stored the same way."""
    kind, size = ("b64", 8) if wide else ("b32", 4)
    lists = {name: [f"{name}{i}" for i in range(count)] for name, count in zip("dabc", registers, strict=True)}
    lines = [".version 8.7\n.target sm_90\n.address_size 64"]
    lines.append(".visible .entry product(.param .u64 pd, .param .u64 pa, .param .u64 pb, .param .u64 pc)\n{")
    lines += [f".reg .{kind} {name};" for names in lists.values() for name in names]
    lines.append(".reg .pred p;\n.reg .b32 lane;\n.reg .b64 at;\nmov.u32 lane, %tid.x;")
    for name in "abc":
        lines += _address(f"p{name}", size)
        lines += [f"ld.global.{kind} {each}, [at+{i * 32 * size}];" for i, each in enumerate(lists[name])]
    lines.append(guard + opcode + " " + ", ".join("{" + ", ".join(lists[name]) + "}" for name in "dabc") + ";")
    lines += _address("pd", size)
    lines += [f"st.global.{kind} [at+{i * 32 * size}], {each};" for i, each in enumerate(lists["d"])]
    return Module("\n".join([*lines, "END:\nret;\n}\n"]))


def _address(parameter: str, size: int) -> list[str]:
    return [f"ld.param.u64 at, [{parameter}];", f"mad.wide.u32 at, lane, {size}, at;"]
