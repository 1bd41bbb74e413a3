"""Blocks that take their work from a counter get as much of it as on a card, where they run at the same time; one that
does everything, whatever the others ask, stays the heaviest.
"""

from __future__ import annotations

from typing import Any

import access
import numpy as np
import pytest

from kernelevo.types import Sample
from kernelevo.virtual import LaunchReport, Machine, Module, Timing

PIECES = 96
# words[0] is the counter, words[1] another one, words[2 + b] how often a warp of block b has done one; six counters
# follow. A piece is 20 rounds of a loop; those that `LONG` picks are 200.
QUEUE = """
.func (.param .b32 number) pop(.param .b64 counter)
{
  .reg .b32 %r<2>;
  .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [counter];
  atom.global.add.u32 %r1, [%rd1], 1;
  st.param.b32 [number], %r1;
  ret;
}
.visible .entry queue(.param .u64 words)
{
  .reg .pred %p<4>;
  .reg .b32 %r<16>;
  .reg .b64 %rd<8>;
  .shared .align 4 .b32 piece;
  ld.param.u64 %rd1, [words];
  mov.u32 %r0, %tid.x;
  mov.u32 %r1, %ctaid.x;
  mov.u32 %r9, 0;
  add.u32 %r2, %r1, 2;
  mul.wide.u32 %rd2, %r2, 4;
  add.u64 %rd2, %rd2, %rd1;
  setp.ne.u32 %p1, %r0, 0;
  mov.u32 %r5, %r0;
  and.b32 %r8, %r0, 31;
  setp.eq.u32 %p0, %r8, 0;
AGAIN:
  TAKE
  setp.ge.u32 %p2, %r3, PIECES;
  @%p2 ret;
  mov.u32 %r4, 20;
  LONG
WORK:
  mad.lo.u32 %r5, %r5, %r5, %r4;
  add.u32 %r4, %r4, -1;
  setp.ne.u32 %p3, %r4, 0;
  @%p3 bra WORK;
  @%p0 red.global.add.u32 [%rd2], 1;
  bra AGAIN;
}
"""
BY_BLOCK = """@!%p1 atom.global.add.u32 %r3, [%rd1], 1;
  @!%p1 st.shared.u32 [piece], %r3;
  bar.sync 0;
  ld.shared.u32 %r3, [piece];
  bar.sync 0;"""
BY_WARP = """@%p0 atom.global.inc.u32 %r3, [%rd1], 100000;
  shfl.sync.idx.b32 %r3, %r3, 0, 31, -1;"""
GENERIC = BY_BLOCK.replace("atom.global", "atom")
CALLED = """@%p1 bra MEET;
  {
  .param .b64 given;
  .param .b32 back;
  st.param.b64 [given], %rd1;
  call (back), pop, (given);
  ld.param.b32 %r3, [back];
  }
  st.shared.u32 [piece], %r3;
MEET:
  bar.sync 0;
  ld.shared.u32 %r3, [piece];
  bar.sync 0;"""
SIX_COUNTERS = """rem.u32 %r10, %r9, 6;
  mov.u32 %r11, %nctaid.x;
  add.u32 %r11, %r11, %r10;
  mul.wide.u32 %rd3, %r11, 4;
  add.u64 %rd3, %rd3, %rd1;
  @!%p1 atom.global.add.u32 %r3, [%rd3+8], 1;
  mad.lo.u32 %r3, %r3, 6, %r10;
  @!%p1 st.shared.u32 [piece], %r3;
  bar.sync 0;
  ld.shared.u32 %r3, [piece];
  bar.sync 0;
  add.u32 %r9, %r9, 1;"""
# Before its first piece each block waits until all are there.
BARRIER = """@%p1 bra MET;
  red.global.add.u32 [%rd1+4], 1;
WAIT:
  ld.volatile.global.u32 %r7, [%rd1+4];
  mov.u32 %r6, %nctaid.x;
  setp.lt.u32 %p2, %r7, %r6;
  @%p2 bra WAIT;
MET:
  bar.sync 0;
AGAIN:"""
TWO_COUNTERS = BY_BLOCK + "\n  @!%p1 atom.global.add.u32 %r7, [%rd1+4], 1;"
# Only the first block does anything, and everything; it asks the counter each time. The others ask once and return.
FAKE = (
    BY_BLOCK
    + """
  setp.ne.u32 %p2, %r1, 0;
  @%p2 ret;
  setp.gt.u32 %p2, %r3, 100000;
  @%p2 ret;
  mov.u32 %r3, %r9;
  add.u32 %r9, %r9, 1;"""
)
# Each block does as many pieces as any other, and none asks a counter.
STATIC = """mov.u32 %r6, %nctaid.x;
  mad.lo.u32 %r3, %r6, %r9, %r1;
  add.u32 %r9, %r9, 1;"""
EIGHTH = """and.b32 %r6, %r3, 7;
  setp.eq.u32 %p2, %r6, 0;
  @%p2 mov.u32 %r4, 200;"""
MODES: list[dict[str, Any]] = [
    {}, {"threads": 2}, {"threads": 4}, {"plain": True}, {"counters": False}, {"track_uninitialised": True},
    {"check_races": True, "max_faults": 10}, {"scoreboard": True, "caches": True},
    {"scoreboard": True, "caches": True, "sample": Sample(2, 1)},
]  # fmt: skip


def launch(
    take: str, *, grid: int = 8, long: str = "", first: str = "AGAIN:", **options: Any
) -> tuple[list[int], LaunchReport]:
    """How often a warp of each block has done a piece, and the report."""
    text = QUEUE.replace("AGAIN:", first, 1)
    text = text.replace("TAKE", take).replace("LONG", long).replace("PIECES", str(PIECES))
    with Machine(Module(access.HEAD + text), memory_bytes=1 << 20) as machine:
        words = machine.array(np.zeros(2 + grid + 6, np.uint32))
        report = machine.launch(
            "queue", grid=grid, block=64, args=[words], budget=10**7, **{"timing": Timing(), **options}
        )
        assert report.faults == (), report.faults
        return words.numpy()[2 : 2 + grid].tolist(), report


@pytest.mark.parametrize("options", MODES)
@pytest.mark.parametrize("take", [BY_BLOCK, BY_WARP, GENERIC, CALLED, TWO_COUNTERS, SIX_COUNTERS, STATIC])
def test_blocks_that_take_equal_pieces_from_a_counter_take_equally_many(take: str, options: dict[str, Any]) -> None:
    pieces, _ = launch(take, **options)
    warps = 1 if take == BY_WARP else 2
    assert pieces == [PIECES * warps // 8] * 8


@pytest.mark.parametrize("options", [*MODES, {"cooperative": True}, {"order": 1}, {"order": 2}])
@pytest.mark.parametrize("grid", [8, 24])
def test_blocks_that_waited_for_each_other_share_the_queue_behind_that(grid: int, options: dict[str, Any]) -> None:
    """None is passed by those that were asked before it whether they can go on. A piece is longer than they ask."""
    pieces, _ = launch(BY_BLOCK, grid=grid, first=BARRIER, long="mov.u32 %r4, 2000;", **options)
    assert sum(pieces) == 2 * PIECES
    assert max(pieces) <= 2 * (PIECES // grid + 1)


@pytest.mark.parametrize("options", MODES)
def test_a_block_that_does_everything_does_it_here_too(options: dict[str, Any]) -> None:
    pieces, _ = launch(FAKE, **options)
    assert pieces == [2 * PIECES, *[0] * 7]


def profile(take: str, **given: Any) -> dict[str, int]:
    return dict(launch(take, scoreboard=True, caches=True, **given)[1].counts)


def test_the_heaviest_block_of_a_queue_is_that_of_the_same_work_dealt_out_and_of_a_pretended_one_does_it_all() -> None:
    static, queue, fake = profile(STATIC), profile(BY_BLOCK), profile(FAKE)
    for name in ("chain_cycles_max", "block_instructions_max"):
        assert queue[name] < 3 * static[name], name
        assert fake[name] > 4 * static[name], name
    assert queue["chain_cycles_max"] < 1.1 * queue["chain_cycles_sum"] / queue["blocks"]
    assert fake["block_instructions_max"] > 0.9 * fake["warp_instructions"]


def test_who_has_a_long_piece_takes_fewer() -> None:
    """Twelve of 96 pieces are ten times as long: a block that has one is passed by those that do not."""
    dealt, taken = profile(STATIC, long=EIGHTH), profile(BY_BLOCK, long=EIGHTH)
    assert dealt["block_instructions_max"] > 3 * dealt["warp_instructions"] / 8, "one block has all that are long"
    assert taken["block_instructions_max"] < 1.3 * taken["warp_instructions"] / 8
    assert sorted(launch(BY_BLOCK, long=EIGHTH)[0]) != [2 * PIECES // 8] * 8


@pytest.mark.parametrize("order", range(1, 6))
@pytest.mark.parametrize("take", [BY_BLOCK, BY_WARP])
def test_in_another_order_they_share_it_too(take: str, order: int) -> None:
    pieces, report = launch(take, order=order)
    assert sum(pieces) == PIECES * (1 if take == BY_WARP else 2)
    assert max(pieces) <= 1.5 * sum(pieces) / 8
    assert (pieces, report) == launch(take, order=order), "the same order again"
    assert launch(FAKE, order=order)[0][0] == 2 * PIECES


def test_blocks_that_the_device_cannot_hold_at_once_come_when_others_have_ended() -> None:
    """H100 holds 32 blocks of 64 threads on each of its 132 SMs; the first of these take all there is."""
    pieces, _ = launch(BY_BLOCK, grid=5000)
    assert pieces == [2] * PIECES + [0] * (5000 - PIECES)


# Each block takes a number, once or again and again, and writes which it got.
NUMBERS = """
.visible .entry numbers(.param .u64 words)
{
  .reg .pred %p<2>;
  .reg .b32 %r<8>;
  .reg .b64 %rd<4>;
  .shared .align 4 .b32 got;
  ld.param.u64 %rd1, [words];
  mov.u32 %r1, %ctaid.x;
  mad.lo.u32 %r2, %r1, TIMES, 1;
  mov.u32 %r3, 0;
  mul.wide.u32 %rd2, %r2, 4;
  add.u64 %rd2, %rd2, %rd1;
AGAIN:
  ATOMIC
  mul.wide.u32 %rd2, %r2, 4;
  add.u64 %rd2, %rd2, %rd1;
  st.global.u32 [%rd2], %r5;
  add.u32 %r2, %r2, 1;
  add.u32 %r3, %r3, 1;
  setp.lt.u32 %p1, %r3, TIMES;
  @%p1 bra AGAIN;
  ret;
}
"""
ADD, DEC, ENDS = (
    "atom.global.add.u32 %r5, [%rd1], 1;",
    "atom.global.dec.u32 %r5, [%rd1], 9;",
    """
  setp.gt.u32 %p1, %r5, 99;
  @%p1 ret;""",
)
BY_SHARED = """
  st.shared.u32 [got], %r5;
  ld.shared.u32 %r6, [got];
  setp.gt.u32 %p1, %r6, 99;
  @%p1 bra DONE;"""


def numbers(atomic: str, times: int) -> list[int]:
    """What each of four blocks of one thread got, one block after the other."""
    text = NUMBERS.replace("ATOMIC", atomic).replace("TIMES", str(times)).replace("  ret;\n}", "DONE:\n  ret;\n}")
    with Machine(Module(access.HEAD + text), memory_bytes=1 << 20) as machine:
        words = machine.array(np.zeros(1 + 4 * times, np.uint32))
        report = machine.launch("numbers", grid=4, block=1, args=[words], budget=10**6)
        assert report.faults == (), report.faults
        return words.numpy()[1:].tolist()


@pytest.mark.parametrize(
    ("atomic", "times", "got"),
    [
        (ADD + ENDS, 1, [0, 1, 2, 3]),
        (ADD + ENDS, 2, [0, 4, 1, 5, 2, 6, 3, 7]),
        (ADD + BY_SHARED, 2, [0, 4, 1, 5, 2, 6, 3, 7]),
        (DEC + ENDS, 2, [0, 6, 9, 5, 8, 4, 7, 3]),
        (ADD.replace(".global", "") + ENDS, 2, [0, 4, 1, 5, 2, 6, 3, 7]),
        (ADD, 2, [0, 1, 2, 3, 4, 5, 6, 7]),                          # where to write, not whether to go on
        (ADD.replace("], 1", "], 0") + ENDS, 2, [0] * 8),            # a read
        ("atom.global.exch.b32 %r5, [%rd1], %r2;" + ENDS, 2, [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)  # fmt: skip
def test_the_first_number_from_a_counter_is_free_and_the_next_are_taken_in_turns(
    atomic: str, times: int, got: list[int]
) -> None:
    assert numbers(atomic, times) == got
