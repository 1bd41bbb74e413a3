"""Launches that go on after faults: the lanes that are at fault do nothing and read the poison pattern, the others are
served, and each mistake is told once with the number of threads that made it.
"""

from __future__ import annotations

import numpy as np
import pytest

from kernelevo.virtual import Argument, LaunchReport, Machine, Module

POISON = 0x7FC0DEAD
BAD = {3, 4, 17, 31}

HEAD = """
.version 7.8
.target sm_90
.address_size 64
.const .align 16 .b8 table[512];
"""
# Lanes at fault get an address far away: `far` is added to theirs. %g, %s, %l and %y are a lane's 16 bytes of global
# memory, shared memory, local memory and of a generic address in shared memory; %o those of its results.
KERNEL = (
    HEAD
    + """
.visible .entry access(.param .u64 x, .param .u64 out, .param .u64 far) {{
  .reg .b64 %x<8>, %g, %o, %l, %y, %at, %far; .reg .b32 %r<8>, %s, %t, %bad; .reg .b16 %h<4>; .reg .pred %p, %q;
  .shared .align 16 .b8 before[16];
  .shared .align 16 .b8 room[512];
  .shared .align 16 .b8 behind[16];
  .local .align 16 .b8 own[16];
  mov.u32 %t, %tid.x;
  ld.param.u64 %far, [far];
  shl.b64 %far, %far, 3;
  mov.u32 %bad, {bad};
  shr.u32 %bad, %bad, %t;
  and.b32 %bad, %bad, 1;
  setp.eq.u32 %p, %bad, 1;
  selp.b64 %far, %far, 0, %p;
  mul.wide.u32 %at, %t, 16;
  ld.param.u64 %g, [x];
  add.u64 %g, %g, %at;
  ld.param.u64 %o, [out];
  add.u64 %o, %o, %at;
  ld.global.v4.b32 {{%r1, %r2, %r3, %r4}}, [%g];
  mov.u32 %s, room;
  shl.b32 %r5, %t, 4;
  add.u32 %s, %s, %r5;
  st.shared.v4.b32 [%s], {{%r1, %r2, %r3, %r4}};
  st.local.v4.b32 [own], {{%r1, %r2, %r3, %r4}};
  cvt.u64.u32 %y, %s;
  cvta.shared.u64 %y, %y;
  mov.u64 %l, own;
  mov.u64 %x7, table;
  bar.sync 0;
  add.u64 %g, %g, %far;
  add.u64 %y, %y, %far;
  add.u64 %l, %l, %far;
  add.u64 %x7, %x7, %far;
  cvt.u32.u64 %r5, %far;
  add.u32 %s, %s, %r5;
  mov.b32 %r1, 0; mov.b32 %r2, 0; mov.b32 %r3, 0; mov.b32 %r4, 0;
  mov.b64 %x1, 0; mov.b64 %x2, 0;
{body}
  st.global.v4.b32 [%o], {{%r1, %r2, %r3, %r4}};
  ret;
}}
"""
)

Words = np.ndarray[tuple[int, ...], np.dtype[np.uint32]]
X: Words = np.arange(128, dtype=np.uint32).reshape(32, 4) * 0x01020304 + 0x85


def _low(words: Words, bits: int, is_signed: bool) -> Words:
    kept = words & np.uint32((1 << bits) - 1)
    sign = kept >> np.uint32(bits - 1) & np.uint32(1)
    above = np.uint32(0xFFFFFFFF << bits & 0xFFFFFFFF)
    return np.where(sign.astype(bool) & is_signed, kept | above, kept)


def run(body: str, *, bad: set[int] = BAD, far: int = 1 << 17, **options: bool) -> tuple[LaunchReport, Words, Words]:
    """The report, the results and x, of one warp."""
    mask = sum(1 << lane for lane in bad)
    with Machine(Module(KERNEL.format(body=body, bad=mask)), memory_bytes=1 << 22, poison=POISON) as machine:
        x, out = machine.array(X, name="x"), machine.empty(X.shape, np.uint32, name="out")
        args: list[Argument] = [x, out, far]
        report = machine.launch("access", grid=1, block=32, args=args, budget=10**5, max_faults=100, **options)
        return report, out.numpy(), x.numpy()


LOADS = {
    "global": ("ld.global.b32 %r1, [%g];", 32, False, 1),
    "global u8": ("ld.global.u8 %r1, [%g];", 8, False, 1),
    "global s16": ("ld.global.s16 %r1, [%g];", 16, True, 1),
    "global v4": ("ld.global.v4.b32 {%r1, %r2, %r3, %r4}, [%g];", 32, False, 4),
    "shared": ("ld.shared.b32 %r1, [%s];", 32, False, 1),
    "shared s8": ("ld.shared.s8 %r1, [%s];", 8, True, 1),
    "shared v2": ("ld.shared.v2.b32 {%r1, %r2}, [%s];", 32, False, 2),
    "local": ("ld.local.b32 %r1, [%l];", 32, False, 1),
    "generic": ("ld.b32 %r1, [%y];", 32, False, 1),
    "guarded": ("setp.lt.u32 %q, %t, 40; @%q ld.global.b32 %r1, [%g];", 32, False, 1),
    "64 bits": ("ld.global.b64 %x1, [%g]; mov.b64 {%r1, %r2}, %x1;", 32, False, 2),
}


@pytest.mark.parametrize("name", LOADS)
@pytest.mark.parametrize("track", [False, True])
def test_a_load_out_of_bounds_gives_poison(name: str, track: bool) -> None:
    body, bits, is_signed, parts = LOADS[name]
    report, out, _ = run(body, track_uninitialised=track)
    assert [(fault.kind, fault.occurrences) for fault in report.faults] == [("out_of_bounds", len(BAD))]
    assert report.faults[0].thread == (3, 0, 0)
    assert not report.remarks
    expected = np.zeros_like(X)
    expected[:, :parts] = X[:, :parts]
    expected[sorted(BAD), :parts] = POISON
    expected[:, :parts] = _low(expected[:, :parts], bits, is_signed) if bits < 32 else expected[:, :parts]
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("far, kind", [(1 << 17, "out_of_bounds"), (-(1 << 41), "out_of_bounds")])
def test_a_store_happens_in_the_other_lanes(far: int, kind: str) -> None:
    report, _, x = run("st.global.b32 [%g], 5;", far=far)
    assert [(fault.kind, fault.occurrences) for fault in report.faults] == [(kind, len(BAD))]
    expected = X.copy()
    expected[[lane for lane in range(32) if lane not in BAD], 0] = 5
    np.testing.assert_array_equal(x, expected)


def test_an_atomic_updates_once_and_in_the_other_lanes() -> None:
    """A generic one, whose good lanes in global memory come before the bad ones in shared memory."""
    body = "and.b32 %r5, %t, 1; setp.eq.u32 %q, %r5, 1; selp.b64 %x3, %y, %g, %q; atom.add.u32 %r1, [%x3], 7;"
    report, out, x = run(body)
    assert [(fault.kind, fault.occurrences) for fault in report.faults] == [("out_of_bounds", len(BAD))]
    good = np.array([lane not in BAD for lane in range(32)])
    np.testing.assert_array_equal(out[:, 0], np.where(good, X[:, 0], POISON))
    even = np.arange(32) % 2 == 0
    np.testing.assert_array_equal(x[:, 0], np.where(good & even, X[:, 0] + 7, X[:, 0]))


def test_misaligned_lanes_and_lanes_out_of_bounds_are_two_faults() -> None:
    body = "setp.eq.u32 %q, %t, 9; selp.b64 %x1, 2, 0, %q; add.u64 %g, %g, %x1; ld.global.b32 %r1, [%g];"
    report, out, _ = run(body)
    found = [(fault.kind, fault.occurrences, fault.thread[0]) for fault in report.faults]
    assert found == [("misaligned", 1, 9), ("out_of_bounds", 4, 3)]
    np.testing.assert_array_equal(out[:, 0], np.where(np.isin(np.arange(32), [*BAD, 9]), POISON, X[:, 0]))


def test_asynchronous_copies_of_the_other_lanes_land() -> None:
    body = """
  cvt.u32.u64 %r5, %far;
  sub.u32 %s, %s, %r5;
  xor.b32 %r6, %t, 1;
  mov.b32 %r7, 0;
  st.shared.v4.b32 [%s], {%r7, %r7, %r7, %r7};
  cp.async.cg.shared.global [%s], [%g], 16;
  cp.async.wait_all;
  ld.shared.v4.b32 {%r1, %r2, %r3, %r4}, [%s];
"""
    report, out, _ = run(body, track_uninitialised=True)
    assert [(fault.kind, fault.occurrences) for fault in report.faults] == [("out_of_bounds", len(BAD))]
    np.testing.assert_array_equal(out, np.where(np.isin(np.arange(32), [*BAD])[:, None], 0, X))


def test_rows_of_a_matrix_that_are_out_of_reach_read_as_poison() -> None:
    body = "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r1, %r2, %r3, %r4}, [%s];"
    report, out, _ = run(body, track_uninitialised=True)
    assert [(fault.kind, fault.occurrences) for fault in report.faults] == [("out_of_bounds", len(BAD))]
    assert not report.remarks
    for lane in range(32):
        for j in range(4):
            row = 8 * j + lane // 4
            assert out[lane, j] == (POISON if row in BAD else X[row, lane % 4])


def test_wmma_moves_what_is_inside() -> None:
    """The last eight rows of a 16 x 16 matrix of bytes are behind the end of x: each lane's second register."""
    body = """
  ld.param.u64 %x3, [x];
  add.u64 %x3, %x3, 384;
  wmma.load.a.sync.aligned.row.m16n16k16.global.u8 {%r1, %r2}, [%x3], 16;
  mov.b32 %r3, 1;
  wmma.store.d.sync.aligned.row.m16n16k16.global.s32 [%x3], {%r1, %r2, %r1, %r2, %r1, %r2, %r1, %r2}, 16;
"""
    report, out, _ = run(body, bad=set())
    assert [fault.kind for fault in report.faults] == ["out_of_bounds", "out_of_bounds"]
    np.testing.assert_array_equal(out[:, 0], X.reshape(-1)[96:])
    assert (out[:, 1] == POISON).all() and (out[:, 2] == 1).all()


def test_lanes_that_never_come_are_not_waited_for() -> None:
    body = """
  setp.lt.u32 %q, %t, 16;
  @%q bra LOW;
  shfl.sync.bfly.b32 %r1, %t, 1, 31, 0xffffffff;
  bra JOIN;
LOW:
  vote.sync.ballot.b32 %r1, %q, 0xffffffff;
JOIN:
  mov.b32 %r2, 1;
  shfl.sync.bfly.b32 %r3, %t, 1, 31, 0xffffffff;
"""
    report, out, _ = run(body, bad=set())
    assert sorted((fault.kind, fault.occurrences) for fault in report.faults) == [("absent_lane", 16)] * 2
    assert {fault.message.split(": ")[1] for fault in report.faults} == {
        "lanes 0 to 15 are absent", "lanes 16 to 31 are absent"
    }  # fmt: skip
    lanes = np.arange(32)
    np.testing.assert_array_equal(out[:, 0], np.where(lanes < 16, 0xFFFF, lanes ^ 1))
    np.testing.assert_array_equal(out[:, 2], lanes ^ 1)


def test_a_lane_outside_its_own_mask_gets_poison() -> None:
    body = "setp.eq.u32 %q, %t, 5; selp.b32 %r5, 0xffffffdf, 0xffffffff, %q; redux.sync.add.u32 %r1, %t, %r5;"
    report, out, _ = run(body, bad=set())
    assert [(fault.kind, fault.occurrences, fault.thread) for fault in report.faults] == [("absent_lane", 1, (5, 0, 0))]
    np.testing.assert_array_equal(out[:, 0], np.where(np.arange(32) == 5, POISON, 31 * 16 - 5))


def test_an_unknown_branch_goes_as_the_poison_says_and_is_told_once() -> None:
    body = """
  ld.param.u64 %x3, [out];
  ld.global.b32 %r5, [%x3];
  setp.gt.s32 %q, %r5, 0;
  @%q mov.b32 %r2, 3;
  @%q bra TAKEN;
  mov.b32 %r1, 2;
TAKEN:
  @%q st.global.b32 [%g], 1;
"""
    report, out, x = run(body, bad=set(), track_uninitialised=True)
    assert [(fault.kind, fault.occurrences) for fault in report.faults] == [("uninitialised_branch", 32)]
    assert "; it was loaded at PTX line" in report.faults[0].message
    assert "from byte 0 of 'out' (global memory), where nobody had written" in report.faults[0].message
    assert (out[:, 0] == 0).all() and (x[:, 0] == 1).all()


def test_the_launch_stops_at_the_last_fault_that_is_kept() -> None:
    body = "".join(f"ld.global.b32 %r{i}, [%g+{4 * i}];" for i in (1, 2, 3))
    with Machine(Module(KERNEL.format(body=body, bad=8)), memory_bytes=1 << 22) as machine:
        x, out = machine.array(X), machine.array(np.zeros_like(X))
        report = machine.launch("access", grid=1, block=32, args=[x, out, 1 << 17], budget=10**5, max_faults=2)
        assert [fault.occurrences for fault in report.faults] == [1, 1]
        assert len({fault.ptx_line for fault in report.faults}) == 1
        assert not out.numpy().any()


def test_faults_without_end_end_with_the_budget() -> None:
    body = "AGAIN: ld.global.b32 %r1, [%g]; bra AGAIN;"
    report, _, _ = run(body)
    assert [fault.kind for fault in report.faults] == ["out_of_bounds", "budget"]
    assert report.faults[0].occurrences > 1000


def test_a_trap_ends_the_launch() -> None:
    report, _, _ = run("ld.global.b32 %r1, [%g]; trap;")
    assert [fault.kind for fault in report.faults] == ["out_of_bounds", "trap"]


def test_constant_memory_is_named() -> None:
    report, _, _ = run("ld.const.b32 %r1, [%x7];")
    (fault,) = report.faults
    assert (fault.kind, fault.space, fault.occurrences) == ("out_of_bounds", "constant", 4)
