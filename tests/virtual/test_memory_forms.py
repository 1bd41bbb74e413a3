"""Loads and stores of every type in every state space, kernel and function parameters, the thread's stack.

What goes through memory comes back as NumPy's view of the same bytes; a narrower signed type is extended.
https://docs.nvidia.com/cuda/parallel-thread-execution/#data-movement-and-conversion-instructions-ld
"""

from __future__ import annotations

import elementwise
import numpy as np
import operands
import pytest

from kernelevo.virtual import Machine, Module

HEAD = ".version 8.6\n.target sm_100\n.address_size 64\n"
TYPES = ["u8", "s8", "b8", "u16", "s16", "b16", "u32", "s32", "b32", "f32", "u64", "s64", "b64", "f64"]
# How an address of the space is made, where each thread has 16 bytes of its own.
SPACES = {
    "shared": "{ .shared .align 16 .b8 pool[2048]; mov.u64 address, pool; mad.wide.u32 address, first, 16, address; }",
    "shared::cta": "{ .shared .align 16 .b8 pool[2048]; mov.u64 address, pool;"
    " mad.wide.u32 address, first, 16, address; }",
    "local": "{ .local .align 16 .b8 pool[16]; mov.u64 address, pool; }",
    "": "{ .shared .align 16 .b8 pool[2048]; mov.u64 address, pool; cvta.shared.u64 address, address;"
        " mad.wide.u32 address, first, 16, address; }",
}  # fmt: skip


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("space", SPACES, ids=lambda space: space or "generic")
def test_what_is_stored_is_loaded_and_extended_as_the_type_says(space: str, kind: str) -> None:
    column = operands.interesting(kind if kind not in ("u8", "s8", "b8") else "u8")
    dot = f".{space}" if space else ""
    text = (
        f"{{ .reg .b64 address, wide; mov.u32 first, %tid.x; {SPACES[space]} st{dot}.{kind} [address+8], a;"
        f" ld{dot}.{kind} wide, [address+8]; mov.b64 d, wide; }}"
    )
    if kind in ("f32", "f64"):
        text = (
            f"{{ .reg .b64 address; mov.u32 first, %tid.x; {SPACES[space]} st{dot}.{kind} [address+8], a;"
            f" ld{dot}.{kind} d, [address+8]; }}"
        )
    stored = kind if kind != "b8" else "u8"
    got = elementwise.run(text, stored if kind[0] == "f" else "u64", a=(stored, operands.as_array(stored, column)))
    if kind[0] == "f":
        assert got.view(elementwise.bits_dtype(kind)).tolist() == column
        return
    expected = [operands.signed(stored, bits) & 0xFFFFFFFFFFFFFFFF for bits in column]
    assert got.tolist() == expected


@pytest.mark.parametrize("kind", ["u8", "s8", "u16", "s16", "u32", "u64"])
def test_constants_and_kernel_parameters_are_loaded_and_extended(kind: str) -> None:
    """The same bytes lie in constant memory and in a parameter, which is also read through its address."""
    raw = bytes(range(250, 256)) + bytes(range(10))
    size, sign = int(kind[1:]) // 8, "<i" if kind[0] == "s" else "<u"
    loads = ["ld.const.{0} %x, [table+{1}];", "ld.param.{0} %x, [block+{1}];", "ld.param.{0} %x, [%at+{1}];"]
    body = "".join(
        f"{load.format(kind, at)} st.global.u64 [%out+{8 * (row * 16 // size + at // size)}], %x;\n"
        for row, load in enumerate(loads)
        for at in range(0, 16, size)
    )
    ptx = (
        f"{HEAD}.const .align 16 .b8 table[16] = {{{', '.join(map(str, raw))}}};\n"
        ".visible .entry k(.param .align 16 .b8 block[16], .param .u64 out) {\n"
        ".reg .b64 %x, %at, %out;\nld.param.u64 %out, [out];\nmov.u64 %at, block;\n" + body + "ret;\n}\n"
    )
    expected = np.frombuffer(raw, f"{sign}{size}").astype(np.int64).view(np.uint64).tolist() * 3
    assert _launch(ptx, [raw], len(expected), np.uint64) == expected


@pytest.mark.parametrize("kind", ["u8", "u16", "u32", "u64"])
def test_storing_to_constant_memory_is_a_fault(kind: str) -> None:
    ptx = (
        f"{HEAD}.const .align 8 .b8 table[8];\n.visible .entry k(.param .u32 go, .param .u64 out) {{\n"
        ".reg .b64 %a, %v; .reg .b32 %go; .reg .pred %p;\nld.param.u32 %go, [go];\nmov.u64 %a, table;\nmov.u64 %v, 1;\n"
        f"setp.ne.u32 %p, %go, 0;\n@%p st.const.{kind} [%a], %v;\nret;\n}}\n"
    )
    for go, faults in ((0, []), (1, ["write_to_constant"])):
        with Machine(Module(ptx), memory_bytes=1 << 24) as machine:
            report = machine.launch("k", grid=1, block=1, args=[go, machine.empty(1, np.uint64)], budget=100)
            assert [fault.kind for fault in report.faults] == faults


def test_256_bit_and_128_bit_accesses_move_their_registers_in_order() -> None:
    ptx = (
        f"{HEAD}.visible .entry k(.param .u64 from, .param .u64 out) {{\n"
        ".reg .b64 %f, %o, %d<4>; .reg .b32 %r<8>; .reg .b128 %q, %s;\n"
        "ld.param.u64 %f, [from];\nld.param.u64 %o, [out];\n"
        "ld.global.v8.b32 {%r0,%r1,%r2,%r3,%r4,%r5,%r6,%r7}, [%f];\n"
        "st.global.v8.b32 [%o], {%r7,%r6,%r5,%r4,%r3,%r2,%r1,%r0};\n"
        "ld.global.v4.b64 {%d0,%d1,%d2,%d3}, [%f];\nst.global.v4.b64 [%o+32], {%d1,%d0,%d3,%d2};\n"
        "ld.global.b128 %q, [%f];\nmov.b128 {%d0, %d1}, %q;\nmov.b128 %s, {%d1, %d0};\nst.global.b128 [%o+64], %s;\n"
        "ret;\n}\n"
    )
    source = np.arange(8, dtype=np.uint32) + 100
    pairs = source.view(np.uint64)
    expected = [*source[::-1], *pairs[[1, 0, 3, 2]].view(np.uint32), *pairs[[1, 0]].view(np.uint32)]
    with Machine(Module(ptx), memory_bytes=1 << 24) as machine:
        out = machine.empty(20, np.uint32)
        report = machine.launch("k", grid=1, block=1, args=[machine.array(source), out], budget=100)
        assert report.faults == ()
        assert out.numpy().tolist() == [int(value) for value in expected]
        # Two parameters, three loads, three stores, two moves, ret: what an access is taken apart into is not counted.
        assert report.counts["warp_instructions"] == 11


STACK = """.visible .entry k(.param .u64 bytes, .param .u64 out) {
.reg .b64 %n, %o, %a, %b, %c, %s, %t; .reg .b32 %i, %v, %w; .reg .pred %p;
ld.param.u64 %n, [bytes]; ld.param.u64 %o, [out]; mov.u32 %i, %tid.x; mad.wide.u32 %o, %i, 32, %o;
stacksave.u64 %s; alloca.u64 %a, %n; alloca.u64 %b, %n, 64; st.local.u32 [%a], %i; st.local.u32 [%b], 7;
ld.local.u32 %v, [%a]; st.global.u32 [%o], %v; ld.local.u32 %w, [%b]; st.global.u32 [%o+4], %w;
sub.u64 %c, %b, %a; st.global.u64 [%o+8], %c; and.b64 %c, %b, 63; st.global.u64 [%o+16], %c;
stackrestore.u64 %s; alloca.u64 %c, 16; sub.u64 %t, %c, %a; st.global.u64 [%o+24], %t; ret;
}
"""


def test_the_stack_gives_each_thread_memory_of_its_own_and_takes_it_back() -> None:
    with Machine(Module(HEAD + STACK), memory_bytes=1 << 24) as machine:
        out = machine.empty((32, 4), np.uint64)
        assert machine.launch("k", grid=1, block=32, args=[16, out], budget=1000).faults == ()
        got = out.numpy()
        assert got[:, 0].tolist() == [lane | 7 << 32 for lane in range(32)]
        assert np.all(got[:, 1] >= 16) and not got[:, 2].any()
        assert not got[:, 3].any(), "after stackrestore the first place is free again"
        report = machine.launch("k", grid=1, block=32, args=[1 << 20, out], budget=1000)
        assert [fault.kind for fault in report.faults] == ["stack_overflow"]


def test_hints_change_nothing() -> None:
    text = """{ .reg .b64 p, policy; ld.param.u64 p, [in_a]; prefetch.global.L2 [p]; prefetchu.L1 [p];
      createpolicy.fractional.L2::evict_last.b64 policy, 0.5; discard.global.L2 [p], 128;
      applypriority.global.L2::evict_normal [p], 128; griddepcontrol.wait; griddepcontrol.launch_dependents;
      pmevent 1; pmevent.mask 3; ld.global.L2::cache_hint.u32 d, [address], policy; add.u32 d, d, a; }"""
    got = elementwise.run(text, "u32", a=("u32", np.arange(5, dtype=np.uint32)))
    assert got.tolist() == [0, 2, 4, 6, 8]


def _launch(ptx: str, arguments: list[object], count: int, dtype: type) -> list[int]:
    with Machine(Module(ptx), memory_bytes=1 << 24) as machine:
        out = machine.empty(count, dtype)
        report = machine.launch("k", grid=1, block=1, args=[*arguments, out], budget=1000)  # type: ignore[list-item]
        assert report.faults == (), report.faults
        return out.numpy().tolist()  # type: ignore[no-any-return]
