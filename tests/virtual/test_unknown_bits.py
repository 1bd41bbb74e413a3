"""Which bits of a result tracking calls known: never one that an unknown bit of an operand can change.

Each lane draws operands and which of their bits are unknown. A tracked launch says which bits of the result are known;
launches that fill the unknown bits with random ones must all agree in those. Forms that are followed bit by bit must
also keep some knowledge where operands are unknown in part.
"""

from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest

from kernelevo.virtual import Machine, Module

LANES, FILLINGS = 16, 12
Words = np.ndarray[tuple[int, ...], np.dtype[np.uint64]]

# name -> (instruction, bits of a, b, c, d, is followed bit by bit)
FORMS = {
    "mov.b32": ("mov.b32 %d, %a;", 32, True),
    "and.b32": ("and.b32 %d, %a, %b;", 32, True),
    "or.b32": ("or.b32 %d, %a, %b;", 32, True),
    "xor.b32": ("xor.b32 %d, %a, %b;", 32, True),
    "not.b32": ("not.b32 %d, %a;", 32, True),
    "and.b64": ("and.b64 %xd, %xa, %xb;", 64, True),
    "or.b64": ("or.b64 %xd, %xa, %xb;", 64, True),
    "lop3 majority": ("lop3.b32 %d, %a, %b, %c, 0xe8;", 32, True),
    "lop3 select": ("lop3.b32 %d, %a, %b, %c, 0xca;", 32, True),
    "shl.b32": ("shl.b32 %d, %a, 5;", 32, True),
    "shl.b32 by a register": ("and.b32 %b, %b, 15; shl.b32 %d, %a, %b;", 32, False),
    "shr.u32": ("shr.u32 %d, %a, 7;", 32, True),
    "shr.s32": ("shr.s32 %d, %a, 7;", 32, True),
    "shr.s64": ("shr.s64 %xd, %xa, 33;", 64, True),
    "shl.b64": ("shl.b64 %xd, %xa, 40;", 64, True),
    "shf.l": ("shf.l.wrap.b32 %d, %a, %b, 11;", 32, True),
    "shf.r": ("shf.r.clamp.b32 %d, %a, %b, 19;", 32, True),
    "prmt": ("prmt.b32 %d, %a, %b, 0x5041;", 32, True),
    "prmt with sign": ("prmt.b32 %d, %a, %b, 0xe9b3;", 32, True),
    "prmt.f4e": ("prmt.b32.f4e %d, %a, %b, 2;", 32, True),
    "bfe.u32": ("bfe.u32 %d, %a, 9, 12;", 32, True),
    "bfe.s32": ("bfe.s32 %d, %a, 9, 12;", 32, True),
    "bfe.s64": ("bfe.s64 %xd, %xa, 29, 12;", 64, True),
    "bfi.b32": ("bfi.b32 %d, %a, %b, 6, 13;", 32, True),
    "bfi.b64": ("bfi.b64 %xd, %xa, %xb, 26, 13;", 64, True),
    "brev.b32": ("brev.b32 %d, %a;", 32, True),
    "brev.b64": ("brev.b64 %xd, %xa;", 64, True),
    "add.u32": ("add.u32 %d, %a, %b;", 32, True),
    "add.u64": ("add.u64 %xd, %xa, %xb;", 64, True),
    "sub.u32": ("sub.u32 %d, %a, %b;", 32, True),
    "neg.s32": ("neg.s32 %d, %a;", 32, True),
    "mul.lo.u32": ("mul.lo.u32 %d, %a, 24;", 32, True),
    "mul.lo of two": ("mul.lo.u32 %d, %a, %b;", 32, False),
    "mad.lo.u32": ("mad.lo.u32 %d, %a, 24, %b;", 32, True),
    "mul.wide.u32": ("mul.wide.u32 %xd, %a, 40;", 64, True),
    "mul.hi.u32": ("mul.hi.u32 %d, %a, %b;", 32, False),
    "selp.b32": ("setp.lt.u32 %p, %a, %b; selp.b32 %d, %a, %c, %p;", 32, True),
    "setp.eq": ("setp.eq.u32 %p, %a, %b; selp.u32 %d, 1, 0, %p;", 32, True),
    "setp.ne": ("setp.ne.s32 %p, %a, %b; selp.u32 %d, 1, 0, %p;", 32, True),
    "setp.lt.s32": ("setp.lt.s32 %p, %a, %b; selp.u32 %d, 1, 0, %p;", 32, True),
    "setp.le.u32": ("setp.le.u32 %p, %a, %b; selp.u32 %d, 1, 0, %p;", 32, True),
    "setp.ge.s64": ("setp.ge.s64 %p, %xa, %xb; selp.u32 %d, 1, 0, %p;", 32, True),
    "setp.gt.u16": ("cvt.u16.u32 %h1, %a; cvt.u16.u32 %h2, %b; setp.gt.u16 %p, %h1, %h2;"
                    " selp.u32 %d, 1, 0, %p;", 32, True),
    "setp with and": ("setp.lt.u32 %q, %c, %b; setp.lt.and.u32 %p, %a, %b, %q; selp.u32 %d, 1, 0, %p;", 32, True),
    "setp with or": ("setp.lt.u32 %q, %c, %b; setp.lt.or.u32 %p|%q, %a, %b, !%q; selp.u32 %d, 1, 0, %q;", 32, True),
    "lop3 to a predicate": ("lop3.or.b32 %d|%p, %a, %b, %c, 0x80, 0; selp.u32 %d, 1, 0, %p;", 32, True),
    "set.lt": ("set.lt.u32.u32 %d, %a, %b;", 32, True),
    "cvt.u32.u16": ("cvt.u16.u32 %h1, %a; cvt.u32.u16 %d, %h1;", 32, True),
    "cvt.s32.s8": ("cvt.s32.s8 %d, %a;", 32, True),
    "cvt.s64.s32": ("cvt.s64.s32 %xd, %a;", 64, True),
    "cvt.u32.u64": ("cvt.u32.u64 %d, %xa;", 32, True),
    "add.u16": ("cvt.u16.u32 %h1, %a; cvt.u16.u32 %h2, %b; add.u16 %h1, %h1, %h2; cvt.u32.u16 %d, %h1;", 32, True),
    "shr.s16": ("cvt.u16.u32 %h1, %a; shr.s16 %h1, %h1, 3; cvt.s32.s16 %d, %h1;", 32, True),
    "pack and unpack": ("mov.b32 {%h1, %h2}, %a; mov.b32 %d, {%h2, %h1};", 32, True),
    "pack of four": ("mov.b32 {%h1, %h2}, %a; mov.b64 %xd, {%h2, %h1, %h1, %h2};", 64, True),
    "pack of two words": ("mov.b64 {%a, %b}, %xa; mov.b64 %xd, {%b, %a};", 64, True),
    "addc.u32": ("add.cc.u32 %a, %a, %b; addc.u32 %d, %c, 0;", 32, True),
    "addc.cc.u64": ("add.cc.u64 %xa, %xa, %xb; addc.cc.u64 %xd, %xc, %xb; addc.cc.u64 %xd, %xd, 1;", 64, True),
    "carry alone": ("add.cc.u32 %a, %a, %b; addc.u32 %d, 0, 0;", 32, True),
    "subc.u32": ("sub.cc.u32 %a, %a, %b; subc.u32 %d, %c, 5;", 32, True),
    "subc.cc.s64": ("sub.cc.s64 %xa, %xa, %xb; subc.cc.s64 %xd, %xc, %xb; subc.s64 %xd, %xd, 0;", 64, True),
    "madc.lo.u32": ("mad.lo.cc.u32 %a, %a, 24, %b; madc.lo.u32 %d, %c, 48, %a;", 32, True),
    "madc.hi.s32": ("mad.hi.cc.s32 %a, %a, %b, %c; madc.hi.s32 %d, %c, -3, %b;", 32, False),
    "madc.hi.u64": ("mad.hi.cc.u64 %xa, %xa, %xb, %xc; madc.hi.u64 %xd, 3, %xc, %xb;", 64, False),
    "guarded move": ("setp.lt.u32 %p, %a, %b; mov.u32 %d, 5; @!%p mov.u32 %d, %c;", 32, False),
    "guarded comparison": ("setp.lt.u32 %p, %a, %b; setp.lt.u32 %q, %c, 9; @%p setp.lt.u32 %q, %c, %b;"
                           " selp.u32 %d, 1, 0, %q;", 32, True),
    "guarded carry": ("add.cc.u32 %d, %c, %c; setp.lt.u32 %p, %a, %b; @%p add.cc.u32 %d, 1, 1; addc.u32 %d, 0, 0;",
                      32, False),
    "add.f16x2": ("add.f16x2 %d, %a, %b;", 32, True),
    "fma.bf16x2": ("fma.rn.bf16x2 %d, %a, %b, %c;", 32, True),
    "min.u16x2": ("min.u16x2 %d, %a, %b;", 32, True),
    "cvt.f16x2.f32": ("mov.b32 %f1, %a; mov.b32 %f2, %b; cvt.rn.f16x2.f32 %d, %f1, %f2;", 32, True),
    "popc": ("popc.b32 %d, %a;", 32, False),
    "div": ("div.u32 %d, %a, 3;", 32, False),
    "add.f32": ("mov.b32 %f1, %a; mov.b32 %f2, %b; add.f32 %f1, %f1, %f2; mov.b32 %d, %f1;", 32, False),
    "through memory": ("st.shared.u32 [room], %a; ld.shared.u8 %h1, [room+1]; ld.shared.s16 %h2, [room+2];"
                       " cvt.u32.u16 %a, %h1; cvt.s32.s16 %b, %h2; prmt.b32 %d, %a, %b, 0x5410;", 32, True),
}  # fmt: skip

# One thread a block, so that each draw has memory of its own. Operand i of block j is unknown where mask[i][j] is.
KERNEL = """
.version 7.8
.target sm_90
.address_size 64
.visible .entry bits(.param .u64 values, .param .u64 masks, .param .u64 nobody, .param .u64 flags,
                     .param .u64 results) {{
  .reg .b64 %x<8>, %xa, %xb, %xc, %xd, %v, %m, %n, %o, %at; .reg .b32 %r<4>, %a, %b, %c, %d, %j; .reg .b16 %h<4>;
  .reg .f32 %f<4>; .reg .pred %p, %q, %more;
  .shared .align 8 .b8 room[8];
  ld.param.u64 %v, [values];
  ld.param.u64 %m, [masks];
  ld.param.u64 %n, [nobody];
  mov.u32 %j, %ctaid.x;
  mul.wide.u32 %at, %j, 24;
  add.u64 %v, %v, %at;
  add.u64 %m, %m, %at;
  add.u64 %n, %n, %at;
{operands}
  mov.b64 %xd, 0;
  mov.b32 %d, 0;
  {instruction}
  {widen}
  ld.param.u64 %o, [results];
  mul.wide.u32 %at, %j, 8;
  add.u64 %o, %o, %at;
  st.global.u64 [%o], %xd;
  ld.param.u64 %o, [flags];
  mul.wide.u32 %at, %j, 64;
  add.u64 %o, %o, %at;
  mov.u32 %r1, 0;
BIT:
  shr.u64 %x1, %xd, %r1;
  and.b64 %x1, %x1, 1;
  cvt.u64.u32 %at, %r1;
  add.u64 %at, %at, %o;
  st.global.u8 [%at], %x1;
  add.u32 %r1, %r1, 1;
  setp.lt.u32 %more, %r1, 64;
  @%more bra BIT;
  ret;
}}
"""
OPERAND = """
  ld.global.u64 %x1, [%v+{at}];
  ld.global.u64 %x2, [%m+{at}];
  ld.global.u64 %x3, [%n+{at}];
  and.b64 %x3, %x3, %x2;
  not.b64 %x2, %x2;
  and.b64 %x1, %x1, %x2;
  or.b64 %x{name}, %x1, %x3;
  cvt.u32.u64 %{name}, %x{name};
"""


def _module(instruction: str, width: int) -> Module:
    operands = "".join(OPERAND.format(at=8 * i, name=name) for i, name in enumerate("abc"))
    widen = "" if width == 64 else "cvt.u64.u32 %xd, %d;"
    return Module(KERNEL.format(operands=operands, instruction=instruction, widen=widen))


def _launch(module: Module, values: Words, masks: Words, filling: Words | None) -> tuple[np.ndarray, np.ndarray]:
    """Results, and for each lane which bits are known (all, where a filling is given)."""
    with Machine(module, memory_bytes=1 << 22) as machine:
        nobody = machine.empty(values.size, np.uint64) if filling is None else machine.array(filling)
        flags, results = machine.empty(64 * LANES, np.uint8), machine.empty(LANES, np.uint64)
        report = machine.launch(
            "bits", grid=LANES, block=1, args=[machine.array(values), machine.array(masks), nobody, flags, results],
            budget=10**6, track_uninitialised=True,
        )  # fmt: skip
        assert not report.faults
        if filling is not None:
            return results.numpy(), np.ones((LANES, 64), bool)
        bytes_of_flags = [replace(flags, address=flags.address + i, shape=(1,), nbytes=1) for i in range(64 * LANES)]
        known = np.array([each.first_uninitialised() == -1 for each in bytes_of_flags])
        return results.numpy(), known.reshape(LANES, 64)


def _draw(name: str) -> tuple[Words, Words, np.random.Generator]:
    """Operands and unknown bits: whole bytes, halves and single bits, and operands that are known."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    values = random.integers(0, 2**64, (LANES, 3), dtype=np.uint64)
    values[::4, 1] = values[::4, 0] ^ (np.uint64(1) << random.integers(0, 32, LANES // 4, dtype=np.uint64))
    some = np.bitwise_and(*(random.integers(0, 2**64, (LANES, 3), dtype=np.uint64) for _ in range(2)))
    single = np.uint64(1) << random.integers(0, 32, (LANES, 3), dtype=np.uint64)
    halves = random.choice(np.array([0xFFFF, 0xFFFF0000, 0xFF00FF00, 0], np.uint64), (LANES, 3))
    masks = np.choose(random.integers(0, 4, (LANES, 3)), [some, single, halves, np.zeros((LANES, 3), np.uint64)])
    masks[:, 0] |= single[:, 0]
    return values, masks, random


@pytest.mark.parametrize("name", FORMS)
def test_a_known_bit_never_depends_on_an_unknown_one(name: str) -> None:
    instruction, width, is_followed = FORMS[name]
    module = _module(instruction, width)
    values, masks, random = _draw(name)
    _, known = _launch(module, values, masks, None)
    fillings = [random.integers(0, 2**64, (LANES, 3), dtype=np.uint64) for _ in range(FILLINGS)]
    fillings[:3] = [np.zeros_like(values), np.full_like(values, 2**64 - 1), values[:, [1, 0, 2]]]
    results = np.array([_launch(module, values, masks, filling)[0] for filling in fillings])
    bits = results[:, :, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)
    varies = (bits != bits[0]).any(axis=0)
    assert not (varies & known).any(), np.argwhere(varies & known)
    unknown_lanes = ~known[:, :width].all(axis=1)
    assert unknown_lanes.any() and varies.any()
    if is_followed:
        decides = (masks != 0).any(axis=1) & ~unknown_lanes  # an unknown operand, and a result that is known
        assert (known[:, :width] & unknown_lanes[:, None]).any() or decides.any()
