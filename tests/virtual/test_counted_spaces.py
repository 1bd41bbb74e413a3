"""Counts of accesses that are not plain global or shared ones, each derived by hand: generic addresses, contended
updates, constant memory; and those of the block that has the most.
"""

from __future__ import annotations

import access
import numpy as np
import pytest

from kernelevo.virtual import LaunchReport, Machine, Module, Timing

BODY = """
.const .align 4 .b32 table[64];
.visible .entry spaces(.param .u64 to)
{
  .reg .pred %p<4>;
  .reg .b32 %r<16>;
  .reg .f32 %f<4>;
  .reg .b64 %rd<12>;
  .shared .align 16 .b8 own[8192];
  .local .align 16 .b8 mine[64];
  ld.param.u64 %rd0, [to];
  mov.u32 %r0, %tid.x;
  mov.u32 %r9, 1;
  mov.f32 %f1, 0f3f800000;
  mov.u32 %r1, own;
  mov.u64 %rd1, own;
  cvta.shared.u64 %rd2, %rd1;
  mov.u64 %rd3, mine;
  cvta.local.u64 %rd4, %rd3;
  mov.u64 %rd5, table;
  mul.lo.u32 %r2, %r0, 128;
  cvt.u64.u32 %rd6, %r2;
  add.s64 %rd7, %rd2, %rd6;
  add.u32 %r3, %r1, %r2;
  shl.b32 %r11, %r0, 2;
  add.u32 %r10, %r1, %r11;
  shl.b32 %r4, %r0, 2;
  shr.u32 %r12, %r0, 10;
  add.u32 %r12, %r12, %r1;
  mov.u32 %r13, %ctaid.x;
  shl.b32 %r13, %r13, 2;
  add.u32 %r13, %r13, %r1;
  cvt.u64.u32 %rd8, %r4;
  add.s64 %rd9, %rd5, %rd8;
BODY
  ret;
}
"""


def launch(body: str, *, grid: int = 1, block: int = 32, plain: bool = False) -> LaunchReport:
    text = access.HEAD + BODY.replace("BODY\n", body + "\n")
    with Machine(Module(text), memory_bytes=1 << 20) as machine:
        to = machine.array(np.zeros(1024, np.uint32))
        report = machine.launch(
            "spaces", grid=grid, block=block, args=[to], budget=10**6, caches=True, scoreboard=True, lines=True,
            plain=plain, timing=Timing(),
        )  # fmt: skip
    assert report.faults == (), report.faults
    return report


@pytest.mark.parametrize(
    ("generic", "direct", "name"),
    [
        ("ld.u32 %r5, [%rd7];", "ld.shared.u32 %r5, [%r3];", "shared_load"),
        ("st.u32 [%rd7], %r9;", "st.shared.u32 [%r3], %r9;", "shared_store"),
        ("atom.or.b32 %r5, [%rd7], 1;", "atom.shared.or.b32 %r5, [%r3], 1;", "shared_atomic"),
    ],
)
def test_a_generic_access_to_shared_memory_takes_its_banks(generic: str, direct: str, name: str) -> None:
    """32 rows of 128 bytes apart are a 32-way conflict, however the address is spelled."""
    by_address, by_space = launch(generic).counts, launch(direct).counts
    for count in (f"{name}_requests", f"{name}_wavefronts", "block_pipe_cycles_max"):
        assert by_address[count] == by_space[count], count
    assert by_address[f"{name}_wavefronts"] == by_address["block_pipe_cycles_max"] == 32
    assert not any(by_address[f"global_{kind}_sectors"] for kind in ("load", "store", "atomic"))


def test_a_generic_access_to_local_memory_moves_its_sectors() -> None:
    stored = launch("st.local.u32 [%rd3], %r9;\n  st.u32 [%rd4], %r9;").counts
    assert stored["local_sectors"] == 4 + 4
    assert stored["global_store_sectors"] == 0


@pytest.mark.parametrize(
    ("update", "wavefronts"),
    [
        ("red.shared.or.b32 [%r1], 1;", 1),  # of one word by all lanes: ptxas makes one update of it
        ("atom.shared.add.u32 %r5, [%r1], 1;", 1),
        ("atom.shared.exch.b32 %r5, [%r1], 1;", 32),
        # One word only at run time, which ptxas cannot tell: ones are counted by the memory, other numbers wait.
        ("red.shared.add.u32 [%r12], 1;", 1),
        ("red.shared.add.u32 [%r12], %r9;", 1),
        ("red.shared.add.u32 [%r12], 2;", 32),
        ("atom.shared.add.u32 %r5, [%r12], 1;", 32),
        ("red.shared.or.b32 [%r12], 1;", 32),
        ("red.shared.add.u32 [%r13], 2;", 1),  # of the block's index: all lanes agree, and ptxas knows
        ("red.shared.add.u64 [%r1], %rd5;", 32),  # no redux of 64 bits
        ("red.shared.add.f32 [%r1], %f1;", 64),  # a loop: 32 times a load and a compare-and-swap
        ("@%p1 red.shared.add.f32 [%r1], %f1;", 16),
        ("red.shared.add.u32 [%r3], 1;", 32),  # 32 words of one bank
    ],
)
def test_lanes_that_update_one_word_of_shared_memory_wait_for_each_other(update: str, wavefronts: int) -> None:
    found = launch(f"setp.lt.u32 %p1, %r0, 8;\n  {update}").counts
    assert found["shared_atomic_wavefronts"] == found["block_pipe_cycles_max"] == wavefronts


def test_waiting_for_each_other_lengthens_the_chain() -> None:
    def chain(address: str) -> int:
        return launch(f"atom.shared.exch.b32 %r5, [{address}], 1;").counts["chain_cycles_max"]

    assert chain("%r1") - (chain("%r10") - 2 * Timing().alu) == 31, "%r10 is known two additions later"


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize(
    ("load", "replays"),
    [
        ("ld.const.u32 %r5, [table+4];", 0),
        ("ld.const.u32 %r5, [%rd9];", 31),
        ("and.b64 %rd10, %rd9, -64;\n  ld.const.u32 %r5, [%rd10];", 1),
        ("@%p1 ld.const.u32 %r5, [%rd9];", 7),
        ("setp.gt.u32 %p1, %r0, 32;\n  @%p1 ld.const.u32 %r5, [%rd9];", 0),
    ],
)
def test_lanes_that_want_different_constants_are_served_one_after_the_other(
    load: str, replays: int, plain: bool
) -> None:
    report = launch(f"setp.lt.u32 %p1, %r0, 8;\n  {load}", plain=plain)
    assert report.counts["constant_replays"] == replays
    assert report.counts["global_load_sectors"] == 0


def test_the_block_with_the_most_work_is_told() -> None:
    own = launch("").counts["warp_instructions"]
    body = "mov.u32 %r6, %ctaid.x;\n  setp.ne.u32 %p1, %r6, 3;\n  @%p1 ret;\n" + "  add.u32 %r7, %r7, %r6;\n" * 50
    report = launch(body + "  ld.shared.u32 %r5, [%r3];", grid=8, block=64)
    assert report.counts["block_instructions_max"] == 2 * (own + 3 + 50 + 1)
    assert report.counts["block_pipe_cycles_max"] == 2 * 32
    assert report.counts["warp_instructions"] == 8 * 2 * (own + 3) + 2 * 51 - 7 * 2


def test_the_most_of_each_kind_of_work_is_told_by_block() -> None:
    """Block 1 multiplies, block 2 adds whole numbers and waits for constants; each is told for what it has most of."""
    table = "@%p1 ld.const.u32 %r5, [%rd9];\n"
    body = """mov.u32 %r6, %ctaid.x;
  setp.eq.u32 %p2, %r6, 1;
  @%p2 bra ONE;
  setp.ne.u32 %p3, %r6, 2;
  @%p3 ret;
  setp.lt.u32 %p1, %r0, 8;
  """ + table + "  add.u32 %r7, %r7, %r6;\n" * 90 + "  ret;\nONE:\n" + "  mul.f32 %f1, %f1, %f2;\n" * 70
    most, sparse = launch(body, grid=8, block=64).counts, launch(body, grid=3, block=64).counts
    assert most["block_slots.fp32"] == 2 * 70
    assert most["slots.fp32"] == 2 * 70, "nobody else multiplies"
    assert most["block_slots.integer"] >= 2 * 90
    assert most["block_replays_max"] == most["constant_replays"] == 2 * 7 - 7, "threads 32 to 63 do not load"
    for name in ("block_slots.fp32", "block_slots.integer", "block_replays_max", "block_issue_slots_max"):
        assert most[name] == sparse[name], "blocks that return at once change none of them"
    one = launch("add.u32 %r7, %r7, %r6;\n  mul.f32 %f1, %f1, %f2;", block=96).counts
    assert one["block_issue_slots_max"] == one["issue_slots"]
    for kind in ("fp32", "integer", "wide_integer"):
        assert one[f"block_slots.{kind}"] == one[f"slots.{kind}"] > 0, kind


def test_a_division_of_doubles_lengthens_the_chain_more_than_a_product() -> None:
    def chain(operation: str) -> int:
        return launch(".reg .f64 %fd<4>;\n" + f"  {operation}.rn.f64 %fd1, %fd1, %fd2;\n" * 20).counts[
            "chain_cycles_max"
        ]

    assert chain("div") >= chain("mul") + 20 * 19


WAIT = "AGAIN:\n  ld.{space}.u32 %r6, [{address}];\n  setp.eq.u32 %p1, %r6, 77;\n  @%p1 bra AGAIN;"


@pytest.mark.parametrize(
    ("space", "address", "waits"),
    [
        ("volatile.global", "%rd0", 1),
        ("acquire.gpu.global", "%rd0", 1),
        ("volatile.shared", "%r1", 0),
        ("global", "%rd0", 0),
    ],
)
def test_a_loop_that_may_wait_for_other_blocks_is_told(space: str, address: str, waits: int) -> None:
    assert launch(WAIT.format(space=space, address=address)).counts["block_waits"] == waits
