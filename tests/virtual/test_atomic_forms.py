"""Every atomic operation, type and state space: 32 lanes update one cell, lane after lane, as a Python loop does.

https://docs.nvidia.com/cuda/parallel-thread-execution/#parallel-synchronization-and-communication-instructions-atom.
Sums of floating-point numbers are exact here (small integers), so that their order does not show.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kernelevo.virtual import Machine, Module

HEAD = ".version 8.6\n.target sm_90\n.address_size 64\n"
INTEGERS: dict[str, Callable[[int, int], int]] = {
    "add": lambda old, b: old + b, "min": min, "max": max, "and": lambda old, b: old & b, "or": lambda old, b: old | b,
    "xor": lambda old, b: old ^ b, "exch": lambda _, b: b, "inc": lambda old, b: 0 if old >= b else old + 1,
    "dec": lambda old, b: b if old == 0 or old > b else old - 1,
}  # fmt: skip
BY_TYPE = {
    "u32": ["add", "min", "max", "inc", "dec"], "b32": ["and", "or", "xor", "exch"], "s32": ["add", "min", "max"],
    "u64": ["add", "min", "max"], "b64": ["and", "or", "xor", "exch"], "s64": ["min", "max"],
    "f32": ["add"], "f64": ["add"], "f16": ["add"], "bf16": ["add"], "f16x2": ["add"], "bf16x2": ["add"],
}  # fmt: skip
SPACES = ["global", "shared", ""]
CASES = [(space, kind, name) for space in SPACES for kind, names in BY_TYPE.items() for name in names]
BITS = {"f16": 16, "bf16": 16, "f16x2": 32, "bf16x2": 32}


def _bits(kind: str) -> int:
    return BITS.get(kind) or int(kind[1:])


def encode(kind: str, value: int) -> int:
    """The bits of a small integer in this type; of a pair the value and its double."""
    if kind.endswith("x2"):
        return encode(kind[:-2], value) | encode(kind[:-2], 2 * value) << 16
    if kind == "bf16":
        return int(np.float32(value).view(np.uint32)) >> 16
    if kind[0] == "f":
        bits = _bits(kind)
        return int(np.array(value, f"f{bits // 8}").view(f"u{bits // 8}"))
    return value & (1 << _bits(kind)) - 1


def _kernel(space: str, kind: str, operation: str, returns: bool) -> str:
    """Lane i updates the cell with its element of `values`; the cell is moved to shared memory and back where asked."""
    bits, dot = _bits(kind), f".{space}" if space else ""
    register = "b" + str(max(bits, 16))
    update = f"{'atom' if returns else 'red'}{dot}.{operation}.{kind}"
    if "f16" in kind:
        update = update.replace(f".{operation}.", f".{operation}.noftz.")
    moved = space == "shared"
    return f"""{HEAD}.shared .align 16 .b8 pool[16];
.visible .entry k(.param .u64 cell, .param .u64 values, .param .u64 old) {{
.reg .b64 %c, %v, %o, %at; .reg .b32 %i; .reg .{register} %x, %y, %z; .reg .pred %p;
ld.param.u64 %c, [cell]; ld.param.u64 %v, [values]; ld.param.u64 %o, [old]; mov.u32 %i, %tid.x;
mad.wide.u32 %v, %i, {bits // 8}, %v; mad.wide.u32 %o, %i, {bits // 8}, %o; ld.global.b{bits} %x, [%v];
setp.eq.u32 %p, %i, 0; mov.u64 %at, {"pool" if moved else "%c"}; ld.global.b{bits} %z, [%c];
{f"@%p st.shared.b{bits} [pool], %z; bar.sync 0;" if moved else ""}
{f"{update} %y, [%at], %x; st.global.b{bits} [%o], %y;" if returns else f"{update} [%at], %x;"}
{f"bar.sync 0; ld.shared.b{bits} %z, [pool]; @%p st.global.b{bits} [%c], %z;" if moved else ""}
ret;
}}
"""


def _expected(kind: str, operation: str, start: int, values: list[int]) -> tuple[list[int], int]:
    """Old values and the last one, as bits."""
    if "f" in kind:
        sums = np.cumsum([start, *values]).tolist()
        return [encode(kind, value) for value in sums[:-1]], encode(kind, sums[-1])
    bits, old = _bits(kind), []
    signed = kind[0] == "s"
    cell = start if signed else encode(kind, start)
    for value in values:
        old.append(cell & (1 << bits) - 1)
        cell = INTEGERS[operation](cell, value if signed else encode(kind, value))
        cell &= (1 << bits) - 1
        cell = cell - (1 << bits) if signed and cell >> (bits - 1) else cell
    return old, cell & (1 << bits) - 1


@pytest.mark.parametrize(("space", "kind", "operation"), CASES)
def test_lanes_update_one_after_the_other(space: str, kind: str, operation: str) -> None:
    values = [3 * (lane % 8) - 10 for lane in range(32)]
    dtype = f"u{_bits(kind) // 8}"
    old, last = _expected(kind, operation, 5, values)
    for returns in (True, False) if operation != "exch" else (True,):
        with Machine(Module(_kernel(space, kind, operation, returns)), memory_bytes=1 << 24) as machine:
            cell = machine.array(np.array([encode(kind, 5)], dtype))
            given = machine.array(np.array([encode(kind, value) for value in values], dtype))
            seen = machine.array(np.zeros(32, dtype))
            report = machine.launch("k", grid=1, block=32, args=[cell, given, seen], budget=1000)
            assert report.faults == (), report.faults
            assert cell.numpy().tolist() == [last]
            assert not returns or seen.numpy().tolist() == old


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("bits", [16, 32, 64])
def test_only_the_lane_that_finds_its_value_swaps(bits: int, space: str) -> None:
    """Lane i swaps i for i + 1, lane by lane: the cell counts up, and every lane saw its own number."""
    text = _kernel(space, f"b{bits}", "cas", returns=True).replace(", %x;", ", %x, %w; // swap\n", 1)
    swap = f"{{ .reg .b{max(bits, 16)} %w; add.u{bits} %w, %x, 1; atom"
    text = text.replace("atom", swap, 1).replace("// swap\n", "}")
    dtype = f"u{bits // 8}"
    with Machine(Module(text), memory_bytes=1 << 24) as machine:
        cell, given, seen = (machine.array(np.array(a, dtype)) for a in ([0], range(32), [99] * 32))
        assert machine.launch("k", grid=1, block=32, args=[cell, given, seen], budget=1000).faults == ()
        assert cell.numpy().tolist() == [32]
        assert seen.numpy().tolist() == list(range(32))


VECTORS = [("f32", 2), ("f32", 4), *((kind, n) for kind in ("f16", "bf16") for n in (2, 4, 8)), *(
    (kind, n) for kind in ("f16x2", "bf16x2") for n in (2, 4))]  # fmt: skip


@pytest.mark.parametrize("space", ["global", ""])
@pytest.mark.parametrize(("kind", "n"), VECTORS)
def test_elements_of_a_vector_are_updated_each_for_itself(kind: str, n: int, space: str) -> None:
    """All lanes add (1, 2, ...) to the vector; then an atom reads the totals, and stores what it found."""
    bits, dot = _bits(kind), f".{space}" if space else ""
    noftz = "" if kind == "f32" else ".noftz"
    listed = ", ".join(f"%x{i}" for i in range(n))
    loads = " ".join(f"ld.global.b{bits} %x{i}, [%v+{i * bits // 8}];" for i in range(n))
    stores = " ".join(f"st.global.b{bits} [%o+{i * bits // 8}], %y{i};" for i in range(n))
    results = listed.replace("x", "y")
    text = f"""{HEAD}.visible .entry k(.param .u64 cell, .param .u64 values, .param .u64 old) {{
.reg .b64 %c, %v, %o; .reg .b{max(bits, 16)} %x<8>, %y<8>; .reg .b32 %i;
ld.param.u64 %c, [cell]; ld.param.u64 %v, [values]; ld.param.u64 %o, [old]; {loads}
mov.u32 %i, %tid.x; mad.wide.u32 %o, %i, {n * bits // 8}, %o;
red{dot}.add{noftz}.v{n}.{kind} [%c], {{{listed}}};
atom{dot}.add{noftz}.v{n}.{kind} {{{results}}}, [%c], {{{listed}}}; {stores}
ret;
}}
"""
    dtype = f"u{bits // 8}"
    with Machine(Module(text), memory_bytes=1 << 24) as machine:
        cell = machine.array(np.array([encode(kind, 0)] * n, dtype))
        given = machine.array(np.array([encode(kind, i + 1) for i in range(n)], dtype))
        seen = machine.array(np.zeros(4 * n, dtype))
        assert machine.launch("k", grid=1, block=4, args=[cell, given, seen], budget=1000).faults == ()
        assert cell.numpy().tolist() == [encode(kind, 8 * (i + 1)) for i in range(n)]
        assert seen.numpy().tolist() == [encode(kind, (4 + lane) * (i + 1)) for lane in range(4) for i in range(n)]


def test_minimum_and_maximum_of_vectors() -> None:
    text = f"""{HEAD}.visible .entry k(.param .u64 cell) {{
.reg .b64 %c; .reg .b16 %x<2>;
ld.param.u64 %c, [cell]; mov.b16 %x0, 0x4000; mov.b16 %x1, 0xc000;
red.global.min.noftz.v2.f16 [%c], {{%x0, %x1}}; red.global.max.noftz.v2.f16 [%c+4], {{%x0, %x1}};
ret;
}}
"""
    with Machine(Module(text), memory_bytes=1 << 24) as machine:
        cell = machine.array(np.array([3, 3, 1, 1], np.float16))
        assert machine.launch("k", grid=1, block=1, args=[cell], budget=100).faults == ()
        assert cell.numpy().tolist() == [2, -2, 2, 1]


@pytest.mark.parametrize("space", SPACES)
def test_128_bits_are_exchanged_and_compared_as_one(space: str) -> None:
    dot = f".{space}" if space else ""
    shared = space == "shared"
    text = f"""{HEAD}.shared .align 16 .b8 pool[16];
.visible .entry k(.param .u64 cell, .param .u64 old) {{
.reg .b64 %c, %o, %at, %l, %h; .reg .b128 %q<5>;
ld.param.u64 %c, [cell]; ld.param.u64 %o, [old]; mov.u64 %at, {"pool" if shared else "%c"};
ld.global.b128 %q0, [%c]; {"st.shared.b128 [pool], %q0;" if shared else ""}
mov.b128 %q1, {{1, 2}}; mov.b128 %q2, {{3, 4}}; mov.b128 %q3, {{1, 9}};
atom{dot}.exch.b128 %q4, [%at], %q1; st.global.b128 [%o], %q4;
atom{dot}.cas.b128 %q4, [%at], %q3, %q2; st.global.b128 [%o+16], %q4;
atom{dot}.cas.b128 %q4, [%at], %q1, %q2; st.global.b128 [%o+32], %q4;
{"ld.shared.b128 %q0, [pool]; st.global.b128 [%c], %q0;" if shared else ""} ret;
}}
"""
    with Machine(Module(text), memory_bytes=1 << 24) as machine:
        cell, old = machine.array(np.array([7, 8], np.uint64)), machine.empty(6, np.uint64)
        report = machine.launch("k", grid=1, block=1, args=[cell, old], budget=100)
        assert report.faults == (), report.faults
        assert old.numpy().tolist() == [7, 8, 1, 2, 1, 2]
        assert cell.numpy().tolist() == [3, 4]
