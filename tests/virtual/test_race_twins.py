"""The quick checks of races and the whole one: the same findings, counts and memory.

Programs of a few loads and stores run in a loop of several warps and blocks. Each step is drawn: shared or global
memory, how wide, its addresses (rows of lanes that follow each other, are far apart or agree, and any), and whether a
barrier, a __syncwarp or nothing stands before it. Most of them race somewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelevo.types import Fault
from kernelevo.virtual import LaunchReport, Machine, Module

THREADS, BLOCKS, ROUNDS = 96, 2, 2
BYTES = 16384
KERNEL = """
.version 7.0
.target sm_80
.address_size 64
.visible .entry steps(.param .u64 offsets, .param .u64 data) {{
  .reg .b32 %i, %o, %tile, %round, %a, %b, %c, %e; .reg .b64 %at, %d, %t, %wide; .reg .pred %more;
  .shared .align 16 .b8 tile[{bytes}];
  ld.param.u64 %t, [offsets];
  ld.param.u64 %d, [data];
  mov.u32 %tile, tile;
  mov.u32 %i, %tid.x;
  mov.u32 %a, %i; mov.u32 %b, %i; mov.u32 %c, %i; mov.u32 %e, %i;
  mul.wide.u32 %wide, %i, 4;
  add.s64 %t, %t, %wide;
  mov.u32 %o, %ctaid.x;
  mul.wide.u32 %wide, %o, {apart};
  add.s64 %d, %d, %wide;
  mov.u32 %round, 0;
ROUND:
{body}
  add.u32 %round, %round, 1;
  setp.lt.u32 %more, %round, {rounds};
  @%more bra ROUND;
  ret;
}}
"""
BEFORE = {"nothing": "", "barrier": "  bar.sync 0;", "warp": "  bar.warp.sync 0xffffffff;"}
WORDS = {1: ("", "%a"), 2: (".v2", "{%a, %b}"), 4: (".v4", "{%a, %b, %c, %e}")}


@dataclass(frozen=True)
class Step:
    """One load or store of `words` words a lane; distances are in units of that."""

    before: str
    space: str
    stores: bool
    words: int
    lanes_apart: int
    rows_apart: int
    warps_apart: int
    first_byte: int
    odd_thread: int
    odd_distance: int

    def offsets(self) -> list[int]:
        """Bytes from the start of shared memory, or of the block's part of `data`, of each thread."""
        lane, warp = np.arange(THREADS) % 32, np.arange(THREADS) // 32
        units = lane % 16 * self.lanes_apart + lane // 16 * self.rows_apart + warp * self.warps_apart
        units[self.odd_thread] += self.odd_distance
        return [int(each) for each in (units * 4 * self.words + self.first_byte) % BYTES]

    def text(self, index: int) -> str:
        vector, registers = WORDS[self.words]
        address = "%at" if self.space == "global" else "%o"
        opcode, operands = ("st", f"[{address}], {registers}") if self.stores else ("ld", f"{registers}, [{address}]")
        find = "cvt.u64.u32 %wide, %o; add.s64 %at, %d, %wide" if self.space == "global" else "add.u32 %o, %o, %tile"
        return "\n".join(
            [
                BEFORE[self.before],
                f"  ld.global.u32 %o, [%t+{index * THREADS * 4}];",
                f"  {find};",
                f"  {opcode}.{self.space}{vector}.u32 {operands};",
            ]
        )


@st.composite
def steps(draw: st.DrawFn) -> Step:
    apart = draw(st.sampled_from([0, 1, 1, 2, 8, 16, 19]))
    return Step(
        before=draw(st.sampled_from(list(BEFORE))),
        space=draw(st.sampled_from(["global", "shared"])),
        stores=draw(st.booleans()),
        words=draw(st.sampled_from([1, 1, 1, 2, 4])),
        lanes_apart=apart,
        rows_apart=draw(st.sampled_from([16 * apart, 16 * apart, 0, 3, 64])),
        warps_apart=draw(st.sampled_from([0, 1, 16, 32, 32, 320])),
        first_byte=draw(st.sampled_from([0, 0, 16, 64])),
        odd_thread=draw(st.integers(0, THREADS - 1)),
        odd_distance=draw(st.sampled_from([0, 0, 0, 1, 40])),
    )


def _launch(drawn: Sequence[Step], apart: int, plain: bool, blocks: int = BLOCKS) -> tuple[LaunchReport, bytes]:
    body = "\n".join(step.text(index) for index, step in enumerate(drawn))
    with Machine(Module(KERNEL.format(bytes=BYTES, apart=apart, rounds=ROUNDS, body=body)), 1 << 22) as machine:
        offsets = machine.array(np.array([step.offsets() for step in drawn], np.uint32))
        data = machine.array(np.arange(BYTES // 2, dtype=np.uint32))
        report = machine.launch(
            "steps", grid=blocks, block=THREADS, args=[offsets, data], budget=100_000, plain=plain, lines=True,
            check_races=True, max_faults=100,
        )  # fmt: skip
        return report, data.numpy().tobytes()


def _accused(findings: Sequence[Fault]) -> set[tuple[Any, ...]]:
    """What, and which two instructions: of several lanes that race alike, either check may name another."""
    return {(each.kind, each.space, each.ptx_line, *((o.ptx_line, o.access) for o in each.others)) for each in findings}


def _assert_twins(drawn: Sequence[Step], apart: int) -> LaunchReport:
    """Of one block, the same instructions are accused. Where several blocks and several readers race, it hangs on which
    of the readers are remembered what else is found; but whether there is a race does not.
    """
    alone = [_launch(drawn, apart, plain, blocks=1)[0] for plain in (False, True)]
    assert _accused(alone[0].faults) == _accused(alone[1].faults)
    assert _accused(alone[0].remarks) == _accused(alone[1].remarks)
    quick, quick_memory = _launch(drawn, apart, plain=False)
    whole, whole_memory = _launch(drawn, apart, plain=True)
    assert quick_memory == whole_memory
    assert (quick.counts, quick.lines) == (whole.counts, whole.lines)
    assert {(each.kind, each.space) for each in quick.faults} == {(each.kind, each.space) for each in whole.faults}
    return quick


@settings(max_examples=300, deadline=None)
@given(drawn=st.lists(steps(), min_size=1, max_size=5), apart=st.sampled_from([0, BYTES]))
def test_quick_checks_find_what_the_whole_one_finds(drawn: list[Step], apart: int) -> None:
    _assert_twins(drawn, apart)


@pytest.mark.parametrize("space", ["global", "shared"])
def test_of_two_lanes_that_read_one_place_both_count(space: str) -> None:
    """Lanes 0 and 16 read what lane 0 wrote: nothing new to itself, and a race with the other; in every round and warp,
    also where the instruction's rows are checked as such.
    """
    store = Step("warp", space, True, 1, 8, 128, 320, 0, 0, 0)
    load = replace(store, before="nothing", stores=False, rows_apart=0)
    found = [_launch([store, load], BYTES, plain)[0].faults for plain in (False, True)]
    assert [[(race.thread, race.occurrences) for race in races] for races in found] == [[((16, 0, 0), 12)]] * 2
    assert not _assert_twins([store, replace(load, before="warp")], BYTES).faults


@pytest.mark.parametrize("lanes_apart", [1, 19], ids=["lines", "scattered"])
@pytest.mark.parametrize("odd_distance", [0, 1], ids=["rows", "any"])
@pytest.mark.parametrize("space", ["global", "shared"])
def test_a_race_is_drawn_and_one_barrier_ends_it(space: str, odd_distance: int, lanes_apart: int) -> None:
    """Each warp stores where the next one loads."""
    store = Step("barrier", space, True, 1, lanes_apart, 16 * lanes_apart, 32 * lanes_apart, 0, 95, odd_distance)
    load = replace(store, before="nothing", stores=False, first_byte=32 * lanes_apart * 4)
    assert {fault.kind for fault in _assert_twins([store, load], BYTES).faults} == {"race"}
    assert not _assert_twins([store, replace(load, before="barrier")], BYTES).faults
