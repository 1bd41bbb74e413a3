"""The quick checks of races and the whole one where warps know of each other in part: named barriers, mbarriers,
__syncwarp of some lanes, shuffles and asynchronous copies between loads and stores of a few places.

Which reader may be forgotten depends on who is ordered behind whom. Each program runs in both checks and is to accuse
the same instructions.
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

THREADS, ROUNDS, BYTES, ALL = 96, 2, 1024, 0xFFFFFFFF
KERNEL = """
.version 8.0
.target sm_90
.address_size 64
.visible .entry steps(.param .u64 offsets, .param .u64 data) {{
  .reg .b32 %i, %o, %tile, %round, %a, %m; .reg .b64 %at, %d, %t, %wide, %token; .reg .pred %more, %p;
  .shared .align 16 .b8 tile[{bytes}];
  .shared .align 8 .b64 waits[32];
  ld.param.u64 %t, [offsets];
  ld.param.u64 %d, [data];
  mov.u32 %tile, tile;
  mov.u32 %i, %tid.x;
  mov.u32 %a, %i;
  setp.ne.u32 %p, %i, 0;
  @%p bra BEGUN;
{begin}
BEGUN:
  bar.sync 0;
  mul.wide.u32 %wide, %i, 4;
  add.s64 %t, %t, %wide;
  mov.u32 %round, 0;
ROUND:
{body}
  bar.sync 0;
  add.u32 %round, %round, 1;
  setp.lt.u32 %more, %round, {rounds};
  @%more bra ROUND;
  ret;
}}
"""
UNREACHED = 1 << 20  # the offset of a thread that skips a step


@dataclass(frozen=True)
class Step:
    """What the lanes of `lanes` in the warps of `warps` (bits) do; their words are `apart` words from each other.

    `number`: of the named barrier or mbarrier; `waiting`: the warps that wait at the mbarrier.
    """

    kind: str
    warps: int
    lanes: int = ALL
    space: str = "shared"
    apart: int = 0
    number: int = 1
    waiting: int = 0

    def offsets(self, warps: int) -> list[int]:
        def offset(thread: int) -> int:
            active = warps >> thread // 32 & 1 and self.lanes >> thread % 32 & 1
            return thread % 32 * self.apart * 4 if active else UNREACHED

        return [offset(thread) for thread in range(THREADS)]

    @property
    def begin(self) -> str:
        threads = 32 * self.warps.bit_count()
        places = [f"waits+{16 * self.number + 8 * turn}" for turn in range(ROUNDS)]
        return "\n".join(f"  mbarrier.init.shared.b64 [{at}], {threads};" for at in places if self.kind == "mbarrier")

    def parts(self) -> list[tuple[int, str]]:
        """Warps, and what they do."""
        turn = f"shl.b32 %m, %round, 3; add.u32 %m, %m, waits; add.u32 %m, %m, {16 * self.number};"
        wait = "AGAIN{i}: mbarrier.try_wait.parity.shared.b64 %more, [%m], 0; @!%more bra AGAIN{i};"
        place = "add.u32 %o, %o, %tile;" if self.space == "shared" else "cvt.u64.u32 %at, %o; add.s64 %at, %at, %d;"
        address = "%o" if self.space == "shared" else "%at"
        ways = {
            "load": f"{place} ld.{self.space}.u32 %a, [{address}];",
            "store": f"{place} st.{self.space}.u32 [{address}], %a;",
            "volatile load": f"{place} ld.volatile.{self.space}.u32 %a, [{address}];",
            "volatile store": f"{place} st.volatile.{self.space}.u32 [{address}], %a;",
            "copy": "cvt.u64.u32 %at, %o; add.s64 %at, %at, %d; add.u32 %o, %o, %tile; add.u32 %o, %o, 512; "
            "cp.async.ca.shared.global [%o], [%at], 4;",
            "wait": "cp.async.wait_all;",
            "barrier": f"bar.sync {self.number}, {32 * self.warps.bit_count()};",
            "warp": f"bar.warp.sync {self.lanes};",
            "shuffle": "shfl.sync.idx.b32 %m, %i, 0, 31, -1;",
            "mbarrier": f"{turn} mbarrier.arrive.shared.b64 %token, [%m];",
        }
        parts = [(self.warps, ways[self.kind])]
        return [*parts, (self.waiting, f"{turn} {wait}")] if self.kind == "mbarrier" else parts


def _launch(steps: Sequence[Step], plain: bool, order: int) -> LaunchReport:
    parts = [(step, warps, text) for step in steps for warps, text in step.parts()]
    rows = np.array([step.offsets(warps) for step, warps, _ in parts], np.uint32)
    body = "\n".join(
        f"  ld.global.u32 %o, [%t+{4 * THREADS * i}];\n  setp.eq.u32 %p, %o, {UNREACHED};\n  @%p bra SKIP{i};\n"
        f"  {text.format(i=i)}\nSKIP{i}:"
        for i, (_, _, text) in enumerate(parts)
    )
    begin = "\n".join(step.begin for step in steps)
    with Machine(Module(KERNEL.format(bytes=BYTES, begin=begin, rounds=ROUNDS, body=body)), 1 << 20) as machine:
        args = [machine.array(rows), machine.array(np.zeros(BYTES // 4, np.uint32))]
        return machine.launch(
            "steps", grid=1, block=THREADS, args=args, budget=100_000, plain=plain, order=order,
            check_races=True, max_faults=100,
        )  # fmt: skip


def _accused(findings: Sequence[Fault]) -> set[tuple[Any, ...]]:
    return {(each.kind, each.space, each.ptx_line, *((o.ptx_line, o.access) for o in each.others)) for each in findings}


def _assert_twins(steps: Sequence[Step], order: int = 0) -> LaunchReport:
    quick, whole = (_launch(steps, plain, order) for plain in (False, True))
    assert _accused(quick.faults) == _accused(whole.faults)
    assert _accused(quick.remarks) == _accused(whole.remarks)
    return quick


def _renumbered(steps: Sequence[Step]) -> list[Step]:
    return [replace(step, number=number) for number, step in enumerate(steps, 1)]


@st.composite
def programs(draw: st.DrawFn) -> list[Step]:
    space, apart = draw(st.sampled_from(["shared", "global"])), draw(st.sampled_from([0, 1, 2]))
    kinds = ["load", "load", "load", "store", "barrier", "barrier", "mbarrier", "warp", "shuffle"]
    kinds += draw(st.sampled_from([[], ["copy", "wait"], ["volatile load", "volatile store"]]))
    lanes = st.sampled_from([ALL, ALL, 1, 1 << 5, 0x21, 0xFFFF])
    warps = st.sampled_from([1, 2, 4, 3, 5, 6, 7])

    def step() -> Step:
        kind = draw(st.sampled_from(kinds))
        some = ALL if kind in ("barrier", "mbarrier", "shuffle") else draw(lanes)
        return Step(kind, draw(warps), some, space, apart, waiting=draw(warps))

    return _renumbered([step() for _ in range(draw(st.integers(3, 12)))])


@settings(max_examples=400, deadline=None)
@given(steps=programs(), order=st.sampled_from([0, 0, 1, 2, 3]))
def test_quick_checks_find_what_the_whole_one_finds(steps: list[Step], order: int) -> None:
    _assert_twins(steps, order)


def _meet(warps: int) -> Step:
    return Step("barrier", warps)


def _again(first: Step) -> list[Step]:
    """Two warps read; one that waits for both writes, and the first has read again."""
    return [first, replace(first, warps=2), _meet(5), _meet(6), first, replace(first, kind="store", warps=4)]


def _handed_over(first: Step) -> list[Step]:
    """A warp writes, hands over through an mbarrier, reads and writes again without asking the reader."""
    made = replace(first, kind="store", warps=2)
    return [made, Step("mbarrier", 2, waiting=1), first, replace(first, warps=2), made]


def _third(first: Step) -> list[Step]:
    """Of two readers the third knows one; the writer knows this one and the third."""
    ends = [replace(first, warps=4), _meet(5), replace(first, kind="store")]
    return [first, replace(first, warps=2), _meet(5), *ends]


def _lanes(first: Step) -> list[Step]:
    """Lane 5 reads, meets lane 0, and all read; lane 0 writes."""
    everybody = replace(first, lanes=ALL, apart=0)
    write = replace(everybody, kind="store", lanes=1)
    return [replace(everybody, lanes=1 << 5), Step("warp", 1, 0x21), everybody, write]


def _strong_first(first: Step) -> list[Step]:
    """A strong load, a plain one of the same lanes, and a strong store of another warp."""
    return [replace(first, kind="volatile load"), first, replace(first, kind="volatile store", warps=2)]


MISSED_ONCE = [_again, _handed_over, _third, _lanes, _strong_first]


@pytest.mark.parametrize("program", MISSED_ONCE)
@pytest.mark.parametrize("apart", [0, 1])
@pytest.mark.parametrize("lanes", [1, ALL])
@pytest.mark.parametrize("space", ["shared", "global"])
def test_a_reader_that_matters_is_remembered(program: Any, apart: int, lanes: int, space: str) -> None:
    steps = _renumbered(program(Step("load", 1, lanes, space, apart)))
    for order in range(12):
        assert {fault.kind for fault in _assert_twins(steps, order).faults} == {"race"}, order


def test_a_copy_under_way_is_remembered_beside_other_readers() -> None:
    """Lane 0 reads what lane 1 copies; another warp reads it, too; a third one writes, and nobody has waited."""
    read = Step("load", 1, 1, "global")
    copy, write = replace(read, kind="copy", lanes=2), replace(read, kind="store", warps=4)
    steps = [read, copy, replace(read, warps=2), _meet(7), write]
    found = _assert_twins(_renumbered(steps)).faults
    assert "missing_wait" in {fault.kind for fault in found}
