"""wmma: loads, products and stores of every shape, type, layout and state space against an independent sum."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fragment_tables as tables
import numpy as np
import pytest
from matrix_inputs import draw
from matrix_sums import BITS, product, value

from kernelevo.virtual import LaunchReport, Machine, Module

Array = np.ndarray[Any, Any]
TABLE = Path(__file__).parents[2] / "sandbox" / "vgpu" / "isa" / "matrix.def"
JUNK = 0xA5
POOL = 8192  # bytes of shared memory for each matrix


@dataclass(frozen=True)
class Case:
    """One product: kinds of d, a, b, c; layouts of a, b, c and d; where the matrices lie; elements between lines."""

    shape: tuple[int, int, int]
    kinds: tuple[str, str, str, str]
    how: str = ""
    layouts: tuple[str, str, str, str] = ("row", "col", "row", "row")
    space: str = "global"
    padding: int = 0

    def __str__(self) -> str:
        return "-".join(["x".join(map(str, self.shape)), *self.kinds, self.how, *self.layouts, self.space])

    @property
    def name(self) -> str:
        m, n, k = self.shape
        return f"m{m}n{n}k{k}"

    @property
    def opcode(self) -> str:
        d, a, b, c = self.kinds
        types = f"{d}.{c}" if a == "f16" else f"{d}.{a}.{b}.{c}"
        bit = f".{self.how}.popc" if self.how in ("xor", "and") else ""
        mode = f".{self.how}" if self.how in ("rn", "rz", "rm", "rp") else ""
        clamp = ".satfinite" if self.how == "satfinite" else ""
        return f"wmma.mma{bit}.sync.aligned.{self.layouts[0]}.{self.layouts[1]}.{self.name}{mode}.{types}{clamp}"

    def access(self, matrix: str) -> str:
        """The opcode that loads a, b or c, or stores d."""
        i = "abcd".index(matrix)
        verb = "store" if matrix == "d" else "load"
        space = "" if self.space.startswith("generic") else f".{self.space}"
        return f"wmma.{verb}.{matrix}.sync.aligned.{self.layouts[i]}.{self.name}{space}.{self.kind(matrix)}"

    def kind(self, matrix: str) -> str:
        return self.kinds["dabc".index(matrix)]

    def size(self, matrix: str) -> tuple[int, int]:
        m, n, k = self.shape
        return {"a": (m, k), "b": (k, n)}.get(matrix, (m, n))

    def registers(self, matrix: str) -> int:
        rows, columns = self.size(matrix)
        if matrix in "ab" and self.kind(matrix) == "f16":
            return 8
        return rows * columns * BITS[self.kind(matrix)] // (64 if self.kind(matrix) == "f64" else 32) // 32

    def stride(self, matrix: str) -> int:
        rows, columns = self.size(matrix)
        return (columns if self.layouts["abcd".index(matrix)] == "row" else rows) + self.padding


SHAPES = [(16, 16, 16), (32, 8, 16), (8, 32, 16)]
PLAIN = [Case(shape, (d, "f16", "f16", c)) for shape in SHAPES for d in ("f32", "f16") for c in ("f32", "f16")]
PLAIN += [Case(shape, ("f32", "bf16", "bf16", "f32")) for shape in SHAPES]
PLAIN += [Case((16, 16, 8), ("f32", "tf32", "tf32", "f32"))]
PLAIN += [
    Case(shape, ("s32", kind, kind, "s32"), how)
    for shape in SHAPES
    for kind in ("s8", "u8")
    for how in ("", "satfinite")
]
PLAIN += [Case((8, 8, 4), ("f64",) * 4, mode) for mode in ("", "rn", "rz", "rm", "rp")]
PLAIN += [Case((8, 8, 32), ("s32", kind, kind, "s32"), how) for kind in ("s4", "u4") for how in ("", "satfinite")]
PLAIN += [Case((8, 8, 128), ("s32", "b1", "b1", "s32"), how) for how in ("xor", "and")]
# Every layout of every operand, strides that are not the default, and every way to memory.
REPRESENTATIVES = [((32, 8, 16), ("f32", "f16", "f16", "f16")), ((8, 32, 16), ("f16", "f16", "f16", "f16"))]
REPRESENTATIVES += [((8, 32, 16), ("s32", "s8", "s8", "s32")), ((16, 16, 8), ("f32", "tf32", "tf32", "f32"))]
REPRESENTATIVES += [((8, 8, 4), ("f64", "f64", "f64", "f64"))]
LAYOUTS = [
    Case(shape, kinds, layouts=(a, b, c, d), padding=16)
    for shape, kinds in REPRESENTATIVES
    for a, b, c, d in (("row", "row", "col", "col"), ("col", "col", "row", "col"), ("col", "row", "col", "row"))
]
SPACES = [
    Case(shape, kinds, space=space, padding=8, layouts=("row", "row", "col", "row"))
    for shape, kinds in REPRESENTATIVES
    for space in ("shared", "shared::cta", "generic global", "generic shared")
]
SPACES += [Case((8, 8, 32), ("s32", "s4", "s4", "s32"), space=space) for space in ("shared", "generic global")]
SPACES += [Case((8, 8, 128), ("s32", "b1", "b1", "s32"), "xor", space=space) for space in ("shared", "generic shared")]
CASES = PLAIN + LAYOUTS + SPACES


@pytest.mark.parametrize("style", ["near", "special"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_loading_multiplying_and_storing_gives_the_stated_sum(case: Case, style: str) -> None:
    rng = np.random.default_rng(len(str(case)))
    matrices = {name: draw(rng, case.kind(name), case.size(name), style) for name in "abc"}
    report, stored = _launch(case, {name: _image(case, name, bits) for name, bits in matrices.items()})
    assert report.faults == (), report.faults
    expected = product(matrices["a"], matrices["b"], matrices["c"], case.kinds, case.how)
    np.testing.assert_array_equal(stored, _image(case, "d", expected))


@pytest.mark.parametrize("prefix", ["wmma_load", "wmma_store", "wmma_[mfib]"])
def test_every_row_of_the_table_is_tested(prefix: str) -> None:
    rows = re.findall(rf'^[A-Z_]+\({prefix}\w+, "([^"]*)"', TABLE.read_text(), re.MULTILINE)
    opcodes = {opcode for case in CASES for opcode in (case.opcode, *(case.access(name) for name in "abcd"))}
    missing = [row for row in rows if not any(re.fullmatch(_pattern(row), opcode) for opcode in opcodes)]
    assert len(rows) >= 9
    assert missing == []


def test_a_rounding_mode_may_stand_behind_the_types() -> None:
    case = Case((8, 8, 4), ("f64",) * 4, "rp")
    rng = np.random.default_rng(8)
    matrices = {name: draw(rng, "f64", case.size(name), "near") for name in "abc"}
    images = {name: _image(case, name, bits) for name, bits in matrices.items()}
    behind = case.opcode.replace(".rp", "") + ".rp {d0, d1}, {a0}, {b0}, {c0, c1};\n"
    # The product of the case comes after this one and takes its result as c.
    _, stored = _launch(case, images, between=behind + "mov.b64 c0, d0;\nmov.b64 c1, d1;\n")
    once = product(matrices["a"], matrices["b"], matrices["c"], case.kinds, "rp")
    expected = product(matrices["a"], matrices["b"], once, case.kinds, "rp")
    np.testing.assert_array_equal(stored, _image(case, "d", expected))


def test_the_stride_may_be_left_out() -> None:
    case = Case((16, 16, 16), ("f32", "f16", "f16", "f32"), layouts=("col", "row", "col", "row"))
    rng = np.random.default_rng(5)
    matrices = {name: draw(rng, case.kind(name), case.size(name), "near") for name in "abc"}
    _, stored = _launch(case, {name: _image(case, name, bits) for name, bits in matrices.items()}, stride=False)
    expected = product(matrices["a"], matrices["b"], matrices["c"], case.kinds)
    np.testing.assert_array_equal(stored, _image(case, "d", expected))


@pytest.mark.parametrize("scaled", ["a", "c"])
def test_an_operation_on_each_register_is_one_on_each_element(scaled: str) -> None:
    case = Case((16, 16, 16), ("f16", "f16", "f16", "f16"), layouts=("col", "col", "row", "row"))
    rng = np.random.default_rng(6)
    matrices = {name: draw(rng, "f16", (16, 16), "near") for name in "abc"}
    twice = "".join(f"add.rn.f16x2 {scaled}{i}, {scaled}{i}, {scaled}{i};\n" for i in range(case.registers(scaled)))
    _, stored = _launch(case, {name: _image(case, name, bits) for name, bits in matrices.items()}, between=twice)
    matrices[scaled] = (value("f16", matrices[scaled]) * 2).astype(np.float16).view(np.uint16).astype(np.uint32)
    expected = product(matrices["a"], matrices["b"], matrices["c"], case.kinds)
    np.testing.assert_array_equal(stored, _image(case, "d", expected))


def test_a_loaded_fragment_lies_as_documented() -> None:
    """As that of mma: for 16 columns of an accumulator, the second eight follow in the upper half of the registers."""
    bits = np.arange(256, dtype=np.uint32).reshape(16, 16)
    case = Case((16, 16, 16), ("s32", "s8", "s8", "s32"))
    store = "\n".join(f"st.global.u32 [raw+{i * 128}], c{i};" for i in range(8))
    between = "ld.param.u64 raw, [pd];\nmad.wide.u32 raw, lane, 4, raw;\n" + store + "\nbra END;\n"
    images = {name: _image(case, name, np.zeros(case.size(name), np.uint32)) for name in "ab"}
    _, raw = _launch(case, {**images, "c": _image(case, "c", bits)}, between=between)
    held = tables.unpack(raw.view(np.uint32).reshape(8, 32), 32)
    np.testing.assert_array_equal(tables.gather(held[:, :4], tables.c_table, (16, 8)), bits[:, :8])
    np.testing.assert_array_equal(tables.gather(held[:, 4:], tables.c_table, (16, 8)), bits[:, 8:])


def test_a_load_beyond_the_allocation_is_out_of_bounds() -> None:
    case = Case((16, 16, 16), ("f32", "f16", "f16", "f32"))
    images = {name: _image(case, name, np.zeros(case.size(name), np.uint32)) for name in "abc"}
    images["b"] = images["b"][:-2]
    report, _ = _launch(case, images)
    fault = report.faults[0]
    assert (fault.kind, fault.allocation, fault.bytes, fault.offset) == ("out_of_bounds", "b", 4, 508)
    assert fault.instruction.startswith("wmma.load.b")


def test_a_store_beyond_shared_memory_is_out_of_bounds() -> None:
    case = Case((16, 16, 16), ("f32", "f16", "f16", "f32"), space="shared")
    images = {name: _image(case, name, np.zeros(case.size(name), np.uint32)) for name in "abc"}
    report, _ = _launch(case, images, between="add.u32 sd, sd, 8192;\n")
    assert [(fault.kind, fault.instruction[:12]) for fault in report.faults] == [("out_of_bounds", "wmma.store.d")]


def test_a_load_from_an_odd_address_is_misaligned() -> None:
    case = Case((16, 16, 16), ("f32", "f16", "f16", "f32"))
    images = {name: _image(case, name, np.zeros(case.size(name), np.uint32)) for name in "abc"}
    report, _ = _launch(case, images, skew=2)
    assert [(fault.kind, fault.instruction[:11]) for fault in report.faults] == [("misaligned", "wmma.load.a")]


def test_a_load_that_some_lanes_do_not_execute_is_a_fault() -> None:
    case = Case((16, 16, 16), ("f32", "f16", "f16", "f32"))
    images = {name: _image(case, name, np.zeros(case.size(name), np.uint32)) for name in "abc"}
    report, _ = _launch(case, images, before="setp.eq.u32 p, lane, 31;\n@p bra END;\n")
    assert [(fault.kind, fault.instruction[:11]) for fault in report.faults] == [("absent_lane", "wmma.load.a")]


# A cell is one access: 16 x 16 halves are 4 (also turned), f32 accumulators 4 of 8 bytes by rows, 8 of 4 by columns.
COUNTS = [
    ("row", "col", "row", 4 + 4 + 4, 4 * 8 + 4 * 8 + 4 * 8),
    ("col", "row", "row", 4 + 4 + 4, 4 * 8 + 4 * 8 + 4 * 8),
    ("row", "col", "col", 4 + 4 + 8, 4 * 8 + 4 * 8 + 8 * 4),
]


@pytest.mark.parametrize(("a", "b", "c", "requests", "sectors"), COUNTS)
def test_loads_are_counted_as_the_accesses_they_stand_for(a: str, b: str, c: str, requests: int, sectors: int) -> None:
    case = Case((16, 16, 16), ("f32", "f16", "f16", "f32"), layouts=(a, b, c, "row"))
    images = {name: _image(case, name, np.zeros(case.size(name), np.uint32)) for name in "abc"}
    counts = _launch(case, images)[0].counts
    assert (counts["global_load_requests"], counts["global_load_sectors"]) == (requests, sectors)
    assert counts["global_load_bytes"] == 512 + 512 + 1024
    assert (counts["global_store_requests"], counts["global_store_sectors"]) == (4, 32)
    assert counts["global_store_bytes"] == 1024


@pytest.mark.parametrize(("padding", "wavefronts"), [(0, 4 * 2), (8, 4), (16, 4 * 4)])
def test_bank_conflicts_of_a_load_from_shared_memory_are_counted(padding: int, wavefronts: int) -> None:
    """Eight rows of 16 bytes: 32 bytes apart they meet in pairs, 48 bytes apart never, 64 in fours."""
    case = Case((16, 16, 16), ("f32", "f16", "f16", "f32"), space="shared", padding=padding)
    images = {name: _image(case, name, np.zeros(case.size(name), np.uint32)) for name in "abc"}
    report, _ = _launch(case, images)
    line = next(line for line in report.lines if line.instruction.startswith("wmma.load.a"))
    assert (line.requests, line.wavefronts) == (4, wavefronts)


def test_a_row_that_was_never_written_stays_unknown_and_no_other() -> None:
    case = Case((16, 16, 16), ("f32", "f16", "f16", "f32"))
    images = {name: _image(case, name, np.zeros(case.size(name), np.uint32)) for name in "abc"}
    four = "{zero, zero, zero, zero}"
    write = f"@p st.global.v4.b32 [at], {four};\n@p st.global.v4.b32 [at+16], {four};\n"
    rows = "setp.ne.u32 p, lane, 5;\n@p setp.lt.u32 p, lane, 16;\nmad.wide.u32 at, lane, 32, ga;\nmov.u32 zero, 0;\n"
    report, _ = _launch(case, images, before=rows + write, decide="d2", untouched="a")
    assert report.faults == ()  # d2 holds rows 8 to 15
    report, _ = _launch(case, images, before=rows + write, decide="d0", untouched="a")
    assert [(fault.kind, fault.thread[0] // 4) for fault in report.faults] == [("uninitialised_branch", 5)]


def _pattern(row: str) -> str:
    parts = []
    for token in row.split("."):
        choice = r"\.(?:" + token.removesuffix("?") + ")"
        parts.append(f"(?:{choice})?" if token.endswith("?") else choice)
    return "".join(parts).removeprefix(r"\.")


def _image(case: Case, name: str, bits: Array) -> Array:
    """The bytes of a matrix in memory, lines apart by the stride, junk between them."""
    lines = bits if case.layouts["abcd".index(name)] == "row" else bits.T
    width = BITS[case.kind(name)]
    places = np.arange(width, dtype=np.uint64)
    image = np.full((len(lines), case.stride(name) * width // 8), JUNK, np.uint8)
    for line, values in zip(image, lines, strict=True):
        each_bit = (values.astype(np.uint64)[:, None] >> places & np.uint64(1)).astype(np.uint8).ravel()
        line[: len(values) * width // 8] = np.packbits(each_bit, bitorder="little")
    return image.ravel()


def _launch(
    case: Case,
    images: dict[str, Array],
    *,
    stride: bool = True,
    before: str = "",
    between: str = "",
    decide: str = "",
    untouched: str = "",
    skew: int = 0,
) -> tuple[LaunchReport, Array]:
    result = _image(case, "d", np.zeros(case.size("d"), np.uint32))
    result[:] = JUNK
    with Machine(_module(case, stride, before, between, decide), memory_bytes=1 << 22) as machine:
        arrays = [machine.array(images[name], name=name, skew=skew) for name in "abc"]
        d = machine.array(result, name="d")
        for name in untouched:
            arrays["abc".index(name)].poison()
        args, track = [*arrays, d], bool(untouched)
        report = machine.launch(
            "product", grid=1, block=32, args=args, budget=10_000, lines=True, track_uninitialised=track
        )
        return report, d.numpy()


@functools.cache
def _module(case: Case, stride: bool, before: str, between: str, decide: str) -> Module:
    kind = "b64" if case.kinds[0] == "f64" else "b32"
    lists = {name: [f"{name}{i}" for i in range(case.registers(name))] for name in "abcd"}
    lines = [".version 8.0\n.target sm_80\n.address_size 64"]
    lines.append(".visible .entry product(.param .u64 pa, .param .u64 pb, .param .u64 pc, .param .u64 pd)\n{")
    lines += [f".reg .{kind} {each};" for names in lists.values() for each in names]
    lines.append(".reg .pred p;\n.reg .b32 lane, word, zero, sa, sb, sc, sd;\n.reg .b64 at, to, raw, ga, gb, gc, gd;")
    lines += [f".shared .align 16 .b8 pool_{name}[{POOL}];" for name in "abcd"]
    lines += ["mov.u32 lane, %tid.x;", *(f"ld.param.u64 g{name}, [p{name}];" for name in "abcd")]
    shared = "shared" in case.space
    if shared:
        lines += [line for name in "abcd" for line in _copy(case, name, to_shared=True)]
        lines += [f"mov.u32 s{name}, pool_{name};" for name in "abcd"]
        lines += ["bar.warp.sync 0xffffffff;"]
    if case.space == "generic shared":
        lines += [f"mov.u64 g{name}, pool_{name};\ncvta.shared.u64 g{name}, g{name};" for name in "abcd"]
    base = "s" if case.space in ("shared", "shared::cta") else "g"
    lines.append(before)
    for name in "abc":
        lines.append(f"{case.access(name)} {_list(lists[name])}, [{base}{name}]{_stride(case, name, stride)};")
    lines.append(between + f"{case.opcode} " + ", ".join(_list(lists[name]) for name in "dabc") + ";")
    if decide:
        lines.append(f"setp.eq.b32 p, {decide}, 1;\n@p bra END;")
    lines.append(f"{case.access('d')} [{base}d], {_list(lists['d'])}{_stride(case, 'd', stride)};")
    if shared:
        lines += ["ld.param.u64 gd, [pd];", *_copy(case, "d", to_shared=False)]
    return Module("\n".join([*lines, "END:\nret;\n}\n"]))


def _list(names: list[str]) -> str:
    return "{" + ", ".join(names) + "}"


def _stride(case: Case, name: str, given: bool) -> str:
    return f", {case.stride(name)}" if given else ""


def _copy(case: Case, name: str, *, to_shared: bool) -> list[str]:
    """Word after word between the array and its pool; the words are few and even in number for every lane."""
    rows, columns = case.size(name)
    count = rows if case.layouts["abcd".index(name)] == "row" else columns
    words = count * case.stride(name) * BITS[case.kind(name)] // 32
    lines = [f"mov.u64 to, pool_{name};", "mad.wide.u32 to, lane, 4, to;", f"mad.wide.u32 at, lane, 4, g{name};"]
    for i in range(0, words, 32):
        guard = f"setp.lt.u32 p, lane, {words - i};\n@p " if words - i < 32 else ""
        there, back = f"[to+{4 * i}]", f"[at+{4 * i}]"
        first, second = ("global", "shared") if to_shared else ("shared", "global")
        source, target = (back, there) if to_shared else (there, back)
        lines.append(f"{guard}ld.{first}.b32 word, {source};\n{'@p ' if guard else ''}st.{second}.b32 {target}, word;")
    return lines
