"""What the virtual GPU executes is what NVIDIA's assembler makes of the same text: operations on constants, which it
folds, and names, scopes, labels and comments, which decide what text means.

Inline assembly of a candidate reaches both: where they read another program in it, a kernel would be judged that no
card runs. What the manual leaves open (division by zero, payloads of NaN) is compared, too, where ptxas folds it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from assembler import Assembler, find_assembler
from constant_kernels import executed, head, kernel

ARCHITECTURE = "sm_80"
KERNELS, STORES = 24, 12
EDGES = (0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 33, 63, 64, 127, 128, 255, 256, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF,
         0x80000000, 0x80000001, 0xFFFFFFFE, 0xFFFFFFFF)  # fmt: skip


@pytest.fixture(scope="module")
def assembler() -> Assembler:
    found = find_assembler()
    if found is None:
        pytest.skip("ptxas and nvdisasm come with the extra `triton`, which is not there")
    return found


def constant(rng: random.Random, bits: int = 32) -> int:
    drawn = rng.choice([rng.choice(EDGES), rng.getrandbits(bits), rng.getrandbits(8)])
    return drawn & ((1 << bits) - 1)


def plain(operation: str, operands: int) -> Callable[[random.Random], str]:
    """An operation on registers of 32 bits that hold constants."""

    def draw(rng: random.Random) -> str:
        moves = "".join(f"mov.b32 %r{place + 2}, {constant(rng)};\n" for place in range(operands))
        given = ", ".join(f"%r{place + 2}" for place in range(operands))
        return f"{moves}{operation} %r1, {given};\n"

    return draw


def predicates(rng: random.Random) -> str:
    kind, other = (rng.choice(("eq", "ne", "lt", "ge", "lo", "hi")) for _ in range(2))
    signs = ["u32" if each in ("lo", "hi") else "s32" for each in (kind, other)]
    joined = rng.choice(("and", "or", "xor"))
    negated = [rng.choice(("", "!")) for _ in range(3)]
    return (
        f"mov.b32 %r2, {constant(rng)};\nsetp.{kind}.{signs[0]} %p1, %r2, {constant(rng)};\n"
        f"setp.{other}.{signs[1]} %p2|%p3, %r2, {constant(rng)};\n"
        f"{joined}.pred %p4, {negated[0]}%p1, {negated[1]}%p{rng.choice((2, 3))};\n"
        f"mov.b32 %r1, 5;\n@{negated[2]}%p4 mov.b32 %r1, {constant(rng)};\n"
    )


def converted(rng: random.Random) -> str:
    kind, width = rng.choice(("u8", "s8", "u16", "s16")), rng.choice(("u32", "s32"))
    return f"mov.b32 %r2, {constant(rng)};\ncvt.{kind}.{width} %r1, %r2;\n"


def narrow(rng: random.Random) -> str:
    operation = rng.choice(("add.u16", "sub.s16", "mul.lo.u16", "and.b16", "xor.b16", "min.s16", "max.u16", "shl.b16"))
    second = rng.randrange(40) if operation == "shl.b16" else constant(rng, 16)
    name = "%r3" if operation == "shl.b16" else "%h2"
    move = f"mov.b{32 if operation == 'shl.b16' else 16} {name}, {second};"
    return f"mov.b16 %h1, {constant(rng, 16)};\n{move}\n{operation} %h3, %h1, {name};\ncvt.u32.u16 %r1, %h3;\n"


def wide(rng: random.Random) -> str:
    operation = rng.choice(("add.u64", "sub.s64", "mul.lo.u64", "and.b64", "xor.b64", "min.s64", "max.u64"))
    moves = f"mov.b64 %q1, {constant(rng, 64)};\nmov.b64 %q2, {constant(rng, 64)};\n"
    return f"{moves}{operation} %q3, %q1, %q2;\nshr.u64 %q4, %q3, {rng.choice((0, 32))};\ncvt.u32.u64 %r1, %q4;\n"


OPERATIONS = [
    *(plain(f"{name}.{kind}", 2) for name in ("add", "sub", "mul.lo", "mul.hi", "min", "max", "rem", "div")
      for kind in ("u32", "s32")),
    *(plain(f"{name}.b32", 2) for name in ("and", "or", "xor", "shl")),
    *(plain(f"shr.{kind}", 2) for kind in ("u32", "s32")),
    *(plain(f"{name}.b32", 1) for name in ("not", "cnot", "brev", "clz", "popc")),
    *(plain(f"{name}.s32", 1) for name in ("abs", "neg")),
    *(plain(f"mad.lo.{kind}", 3) for kind in ("u32", "s32")),
    *(plain(f"bfe.{kind}", 3) for kind in ("u32", "s32")),
    plain("bfi.b32", 4), plain("prmt.b32", 3), plain("sad.u32", 3),
    plain("shf.l.wrap.b32", 3), plain("shf.r.clamp.b32", 3),
    predicates, predicates, converted, converted, narrow, narrow, wide, wide,
]  # fmt: skip


def straight(rng: random.Random) -> str:
    lines = (f"{rng.choice(OPERATIONS)(rng)}st.global.u32 [%rd1+{4 * place}], %r1;\n" for place in range(STORES))
    return "".join(lines)


GAPS = (" ", "\n", "\t", "/* ; */", "/**/", "/*/ } */", "// ; }\n", "//*\n", '/* " */', '// "\n', "/* /* */")
PRAGMAS = ('.pragma "nounroll";', '.pragma "a;{";', '.pragma "} ";', '.pragma "//";', '.pragma "/*";', ".loc 1 2 3\n")


def scopes(rng: random.Random) -> str:
    """Registers that hide each other, labels in scopes, directives and comments between; each store tells who ran."""
    state = {"value": 0, "offset": 0}

    def number() -> str:
        state["value"] += 1
        value = state["value"]
        spelled = (str(value), hex(value), f"0{value:o}", f"0b{value:b}", f"({value})", f"{value + 1}-1", f"{value}U")
        return rng.choice(spelled)

    def store(what: str) -> list[str]:
        state["offset"] += 4
        return [f"st.global.u32 [%rd1+{state['offset'] - 4}],", what, ";"] if state["offset"] <= 200 else []

    def inside(depth: int) -> Iterator[str]:
        for place in range(rng.randint(1, 4)):
            kind = rng.random()
            if kind < 0.25 and depth < 4:
                yield "{"
                yield from inside(depth + 1)
                yield "}"
            elif kind < 0.45:
                name = rng.choice(("a", "b", "%t", "x1"))
                inner = "{" if depth >= 4 or rng.random() < 0.7 else ""
                yield from [inner or "{", f".reg .b32 {name};", f"mov.b32 {name},", number(), ";", *store(name), "}"]
            elif kind < 0.6:
                yield rng.choice(PRAGMAS)
            elif kind < 0.75:
                label = f"L{depth}_{place}_{state['offset']}"
                yield from [f"bra {label};", *store(number()), f"{label}:", *store(number())]
            else:
                yield from ["mov.b32 %r1,", number(), ";", *store("%r1")]

    return "".join(each + (rng.choice(GAPS) if rng.random() < 0.4 else " ") for each in inside(0))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("draw", [straight, scopes], ids=lambda draw: draw.__name__)
def test_what_runs_is_what_the_assembler_makes_of_it(
    assembler: Assembler, tmp_path: Path, draw: Callable[[random.Random], str], seed: int
) -> None:
    rng = random.Random(f"{draw.__name__} {seed}")
    bodies = {f"k{number}": draw(rng) for number in range(KERNELS)}
    text = head(ARCHITECTURE) + "".join(kernel(name, body) for name, body in bodies.items())
    stored = assembler.stored(text, ARCHITECTURE, tmp_path)
    assert stored is not None, "the assembler refuses what this test draws"
    judged = 0
    for name, body in bodies.items():
        words = executed(text, name)
        assert not isinstance(words, str), (words, body)
        for offset, value in stored[name].items():
            judged += 1
            ran = int(words[offset // 4])
            assert ran == value, f"at {offset}: {ran:#x}, ptxas {value:#x}\n{body}"
    assert judged > KERNELS, "next to nothing was folded, so that nothing was compared"
