"""What the virtual GPU executes is what NVIDIA's assembler makes of the same text: floating-point numbers, conversions,
carries, and forms whose machine code says something else than their name.

Two kinds of evidence: what ptxas folds of operations on constants, drawn at random, and, where it folds nothing, the
machine instruction that it picks, next to the words that such an instruction leaves.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from assembler import Assembler, find_assembler
from constant_kernels import executed, head, kernel

KERNELS, STORES = 16, 24
F32 = (0, 0x80000000, 1, 0x807FFFFF, 0x00800000, 0x3F800000, 0xBF800000, 0x7F7FFFFF, 0x7F800000, 0xFF800000, 0x7FC00000,
       0x7F800001, 0x3F000000, 0xBFC00000, 0x40200000, 0x4B7FFFFF, 0x4F000000, 0xCF000000, 0x5F000000, 0x387FC000,
       0x33800000, 0x477FF000, 0x437F0000, 0xC3008000, 0x47800000)  # fmt: skip
F64 = (0, 1 << 63, 1, 0x0010000000000000, 0x7FEFFFFFFFFFFFFF, 0x7FF0000000000000, 0xFFF0000000000000,
       0x7FF8000000000000, 0x3FF0000000000000, 0xBFF0000000000000, 0x41DFFFFFFFC00000, 0xC1E0000000200000,
       0x43E0000000000000, 0x3FE0000000000000, 0x380FFFFFFFFFFFFF, 0x47EFFFFFF0000000, 0x36A0000000000000)  # fmt: skip
F16 = (0, 0x8000, 1, 0x83FF, 0x400, 0x3C00, 0xBC00, 0x7BFF, 0x7C00, 0xFC00, 0x7E00, 0xFE00, 0x3800, 0xBE00, 0x7C01)


def drawn(rng: random.Random, kind: str) -> int:
    """The bits of an operand: f, d, h for numbers of 32, 64 and 16 bits, i, l, s for integers."""
    bits = {"f": 32, "i": 32, "d": 64, "l": 64, "h": 16, "s": 16}[kind]
    edges = {"f": F32, "d": F64, "h": F16}.get(kind, (0, 1, (1 << bits) - 1, 1 << (bits - 1), (1 << bits - 1) - 1, 300))
    near_one = rng.choice((0, 1 << 31)) | (127 + rng.randint(-3, 34)) << 23 | rng.getrandbits(23)
    choices = [rng.choice(edges), rng.choice(edges), rng.getrandbits(bits), near_one if kind == "f" else edges[0]]
    return rng.choice(choices)


def spelled(*parts: str) -> list[str]:
    """Every way to put the alternatives together, which `|` parts."""
    texts = [""]
    for part in parts:
        texts = [text + each for text in texts for each in part.split("|")]
    return texts


COMPARED = "eq|ne|lt|le|gt|ge|equ|neu|ltu|leu|gtu|geu|num|nan"
INTEGERS = {"u8": "s", "s8": "s", "u16": "s", "s16": "s", "u32": "i", "s32": "i", "u64": "l", "s64": "l"}
# What is left out: add and sub of f32, whose ties ptxas 12.9 folds wrongly (13.0 does not), and approximations.
FORMS = [
    *((op, "f", "ff") for op in spelled("mul", "|.rn", "|.ftz", "|.sat", ".f32") + spelled("min|max", "|.NaN", ".f32")),
    *((op, "f", "fff") for op in spelled("fma.rn", "|.ftz", "|.sat", ".f32")),
    *((op, "f", "f") for op in spelled("abs|neg|sqrt.rn|rcp.rn", "|.ftz", ".f32") + spelled("cvt.", "rni|rzi|rmi|rpi",
      "|.ftz", "|.sat", ".f32.f32") + ["cvt.f32.f32", "cvt.sat.f32.f32", "cvt.rna.tf32.f32"]),
    *((op, "d", "dd") for op in spelled("add|sub|mul", "|.rn", ".f64") + spelled("min|max", ".f64")),
    *((op, "d", "d") for op in spelled("abs|neg", ".f64") + spelled("cvt.", "rni|rzi|rmi|rpi", "|.sat", ".f64.f64")),
    *((op, "p", "ff") for op in spelled("setp.", COMPARED, "|.ftz", ".f32")),
    *((op, "p", "dd") for op in spelled("setp.", COMPARED, ".f64")),
    *((op, "i", "ff") for op in spelled("set.", COMPARED, "|.ftz", ".u32|.s32|.f32", ".f32")),
    *((op, "p", "f") for op in spelled("testp.", "finite|infinite|number|notanumber|normal|subnormal", ".f32")),
    *((op, "f", "fff") for op in spelled("slct", "|.ftz", ".b32|.f32", ".f32")),
    *((op, "h", "f") for op in spelled("cvt.rn", "|.ftz", "|.sat", ".f16.f32") + spelled("cvt.", "rn|rz", ".bf16.f32")),
    *((op, "f", "h") for op in spelled("cvt", "|.ftz", "|.sat", ".f32.f16")),
    *((op, "f", "d") for op in spelled("cvt.rn", "|.ftz", "|.sat", ".f32.f64")),
    *((op, "d", "f") for op in spelled("cvt", "|.ftz", "|.sat", ".f64.f32")),
    *((op, "h", "h") for op in ("neg.f16", "abs.f16", "neg.bf16")),
    *((op, place, source) for name, place in INTEGERS.items() for source, kind in (("f", "f32"), ("d", "f64"))
      for op in spelled("cvt.", "rni|rzi|rmi|rpi", "|.sat", f".{name}.{kind}")),
    *((op, "f", place) for name, place in INTEGERS.items() for op in spelled("cvt.", "rn|rz", "|.sat", f".f32.{name}")),
    *((op, "i", "ii") for op in [*spelled("mul24", ".lo|.hi", ".u32|.s32"), "add.sat.s32"]),
    *((op, "l", "ll") for op in spelled("mul.hi|div|rem", ".u64|.s64")),
]  # fmt: skip
REGISTER = {"f": "%r", "i": "%r", "d": "%q", "l": "%q", "h": "%h", "s": "%h"}
WIDTH = {"%r": 32, "%q": 64, "%h": 16}


def one(rng: random.Random, form: tuple[str, str, str], offset: int) -> str:
    """Moves of constants, the operation, and the store of what it gives."""
    operation, result, sources = form
    names = [f"{REGISTER[kind]}{place + 2}" for place, kind in enumerate(sources)]
    values = [drawn(rng, kind) for kind in sources]
    lines = [f"mov.b{WIDTH[name[:2]]} {name}, {value:#x};" for name, value in zip(names, values, strict=True)]
    given, at = ", ".join(names), f"[%rd1+{offset}]"
    if result == "p":
        return "".join([*lines, f"{operation} %p1, {given}; selp.b32 %r1, 1, 0, %p1; st.global.u32 {at}, %r1;\n"])
    to = REGISTER[result] + "1"
    widened = "cvt.u32.u16 %r1, %h1; " if to == "%h1" else ""
    stored = f"st.global.u64 {at}, %q1;" if to == "%q1" else f"st.global.u32 {at}, %r1;"
    return "".join([*lines, f"{operation} {to}, {given}; {widened}{stored}\n"])


def carries(rng: random.Random) -> str:
    """Two operations of which the second reads the carry of the first, an addition or a subtraction each."""
    first, second = rng.choice(("add", "sub")), rng.choice(("addc", "subc"))
    values = "".join(f"mov.b32 %r{place}, {drawn(rng, 'i'):#x}; " for place in (2, 3, 4, 5))
    return f"{values}{first}.cc.u32 %r1, %r2, %r3; {second}.u32 %r1, %r4, %r5;"


def is_nan(words: list[int], kind: str) -> bool:
    if kind == "f":
        return bool(np.isnan(np.array(words, np.uint32).view(np.float32))[0])
    return kind == "d" and bool(np.isnan(np.array(words, np.uint32).view(np.float64))[0])


@pytest.fixture(scope="module")
def assembler() -> Assembler:
    found = find_assembler()
    if found is None:
        pytest.skip("ptxas and nvdisasm come with the extra `triton`, which is not there")
    return found


@pytest.mark.parametrize("seed", range(4))
def test_numbers_are_what_the_assembler_folds(assembler: Assembler, tmp_path: Path, seed: int) -> None:
    rng = random.Random(f"floats {seed}")
    chosen = {f"k{number}": [rng.choice(FORMS) for _ in range(STORES)] for number in range(KERNELS)}
    bodies = {name: [one(rng, form, 8 * at) for at, form in enumerate(forms)] for name, forms in chosen.items()}
    text = head("sm_80") + "".join(kernel(name, "".join(lines)) for name, lines in bodies.items())
    stored = assembler.stored(text, "sm_80", tmp_path)
    assert stored is not None, "the assembler refuses what this test draws"
    judged = 0
    for name, forms in chosen.items():
        words = executed(text, name)
        assert not isinstance(words, str), words
        for at, (_, kind, _) in enumerate(forms):
            offsets = [8 * at + 4 * part for part in range(2 if kind in "dl" else 1)]
            folded = [stored[name].get(offset) for offset in offsets]
            known = [value for value in folded if value is not None]
            if len(known) < len(offsets):
                continue
            ran = [int(words[offset // 4]) for offset in offsets]
            judged += 1
            same_nan = is_nan(ran, kind) and is_nan(known, kind)  # payloads depend on what the assembler knows
            assert ran == known or same_nan, f"{bodies[name][at]}: {ran}, ptxas {known}"
    assert judged > 4 * KERNELS, "next to nothing was folded, so that nothing was compared"


def test_carries_pass_between_additions_and_subtractions(assembler: Assembler, tmp_path: Path) -> None:
    rng = random.Random("carries")
    bodies = {f"k{number}": f"{carries(rng)} st.global.u32 [%rd1], %r1;" for number in range(60)}
    text = head("sm_80") + "".join(kernel(name, body) for name, body in bodies.items())
    stored = assembler.stored(text, "sm_80", tmp_path)
    assert stored is not None
    judged = 0
    for name, body in bodies.items():
        words = executed(text, name)
        assert not isinstance(words, str), words
        if 0 in stored[name]:
            judged += 1
            assert int(words[0]) == stored[name][0], body
    assert judged > 30


@dataclass(frozen=True)
class Picked:
    """A text, the machine instruction that the assembler picks for it, and the first word that it leaves."""

    text: str
    instruction: str
    word: int
    architecture: str = "sm_90"


TINY = "mov.b32 %r2, {}; st.global.u32 [%rd1], %r2; mov.b32 %r3, {}; mov.b32 %r4, %r3; "
LOADED = "mov.b32 %r2, {}; st.volatile.global.u32 [%rd1], %r2; ld.volatile.global.u32 %r2, [%rd1]; "
TF32 = LOADED + "cvt.{}.tf32.f32 %r3, %r2; st.global.u32 [%rd1], %r3;"
CLOSE = LOADED + "ld.volatile.global.u32 %r3, [%rd1]; xor.b32 %r3, %r3, {}; "
SIGNED = CLOSE + "{}.xorsign.abs.f32 %r3, %r2, %r3; st.global.u32 [%rd1], %r3;"
PICKED = {
    "global add flushes": Picked(TINY.format(1, 2) + "red.global.add.f32 [%rd1], %r3;", "ADD.F32.FTZ", 0),
    "global add gives none": Picked(TINY.format(0x800001, 0x80800000) + "atom.global.add.f32 %r5, [%rd1], %r3;",
                                    "ADD.F32.FTZ", 0),
    "generic add flushes": Picked(TINY.format(0x80000001, 0x80000002) + "red.add.f32 [%rd1], %r3;", "ADD.F32.FTZ",
                                  0x80000000),
    "vector add flushes": Picked(TINY.format(1, 2) + "red.global.add.v2.f32 [%rd1], {%r3, %r4};", "ADD.F32x2.FTZ", 0),
    "shared add keeps": Picked(".shared .b32 s; mov.b32 %r2, 1; st.shared.u32 [s], %r2; red.shared.add.f32 [s], %r2; "
                               "ld.shared.u32 %r3, [s]; st.global.u32 [%rd1], %r3;", "ATOMS.CAST.SPIN", 2),
    "tf32 relu": Picked(TF32.format("0xbf800000", "rn.relu"), "F2FP.RELU.TF32", 0),
    "tf32 satfinite": Picked(TF32.format("0x7f7fffff", "rn.satfinite"), "F2FP.SATFINITE.TF32", 0x7F7FE000, "sm_100"),
    "tf32 away of a NaN": Picked(TF32.format("0x7f800001", "rna"), "LOP3.LUT", 0x7F800000),
    "tf32 away, finite": Picked(TF32.format("0x7f800000", "rna.satfinite"), "0xffffe000", 0x7F7FE000),
    "f16 keeps subnormals": Picked(LOADED.format("0x387fc000") + "cvt.rn.ftz.f16.f32 %h1, %r2; cvt.u32.u16 %r3, %h1; "
                                   "st.global.u32 [%rd1], %r3;", "F2F.F16.F32 ", 0x3FF),
    "f16 upwards of a subnormal": Picked(LOADED.format("1") + "cvt.rp.ftz.f16.f32 %h1, %r2; cvt.u32.u16 %r3, %h1; "
                                         "st.global.u32 [%rd1], %r3;", "F2F.F16.F32.RP", 1),
    "bf16 flushes its source": Picked(LOADED.format("0x7fffff") + "cvt.rn.ftz.bf16.f32 %h1, %r2; cvt.u32.u16 %r3, %h1; "
                                      "st.global.u32 [%rd1], %r3;", "F2F.FTZ.BF16.F32", 0),
    "f32 flushes of bf16": Picked(LOADED.format("1") + "cvt.u16.u32 %h1, %r2; cvt.ftz.f32.bf16 %r3, %h1; "
                                  "st.global.u32 [%rd1], %r3;", "F2F.FTZ.F32.BF16", 0),
    "f32 of bf16 is a shift": Picked(LOADED.format("0xffc1") + "cvt.u16.u32 %h1, %r2; cvt.f32.bf16 %r3, %h1; "
                                     "st.global.u32 [%rd1], %r3;", "0x10", 0xFFC10000),
    "signs of zeros": Picked(SIGNED.format("0x80000000", "0x3f800000", "min"), "FMNMX.XORSIGN", 0),
    "sign of a zero": Picked(SIGNED.format("0x80000000", "0xbf800000", "min"), "FMNMX.XORSIGN", 0x80000000),
    "no sign of a NaN": Picked(SIGNED.format("0x7fc00000", "0x80000000", "max"), "FMNMX.XORSIGN", 0x7FFFFFFF),
}  # fmt: skip


@pytest.mark.parametrize("name", PICKED)
def test_what_the_picked_instruction_leaves(assembler: Assembler, tmp_path: Path, name: str) -> None:
    picked = PICKED[name]
    text = head(picked.architecture, "8.6") + kernel("k", picked.text)
    code = assembler.instructions(text, picked.architecture, tmp_path)
    assert code is not None, "the assembler refuses the text"
    assert any(picked.instruction in each for each in code["k"]), code["k"]
    words = executed(text, "k")
    assert not isinstance(words, str), words
    assert int(words[0]) == picked.word, hex(words[0])


def test_a_breakpoint_is_a_trap(assembler: Assembler, tmp_path: Path) -> None:
    text = head("sm_90") + kernel("b", "brkpt;") + kernel("t", "trap;")
    code = assembler.instructions(text, "sm_90", tmp_path)
    assert code is not None
    ends = [[each for each in code[name] if each.startswith("BPT")] for name in "bt"]
    assert ends[0] == ends[1] != []
    assert executed(text, "b") == executed(text, "t") == "trap"


@pytest.mark.parametrize(("attribute", "block", "fits"), [
    (".reqntid 64", 64, True), (".reqntid 64", 32, False), (".reqntid 64", 65, False), (".reqntid 8, 8", 64, False),
    (".maxntid 64", 32, True), (".maxntid 8, 8", 64, True), (".maxntid 64", 65, False),
])  # fmt: skip
def test_the_required_block_is_required(attribute: str, block: int, fits: bool) -> None:
    text = head("sm_80") + kernel("k", "mov.u32 %r1, %ntid.x; st.global.u32 [%rd1], %r1;", attribute)
    words = executed(text, "k", block)
    assert (int(words[0]) == block) if fits and not isinstance(words, str) else words == "invalid_launch" and not fits
