"""Overlaps of blocks that run on several host threads are found exactly: not one too few, not one too many.

Every block reads and writes words of its own, at places that are linear in thread and turn of a loop, but one block,
which may be moved into the words of another. Which parts of the launch touch a word is computed here with NumPy: two
parts depend on each other where one writes a word that the other touches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelevo.virtual import Machine, Module

Elements = np.ndarray[Any, np.dtype[np.int64]]

THREADS = 2
WORDS = 1 << 20
PARTS = 16 * THREADS  # schedule/parallel.cpp
TURNS = 3

# starts[2 b] and starts[2 b + 1]: where block b writes and reads, in bytes; then come the steps of threads and turns.
HEAD = """
.version 8.0
.target sm_80
.address_size 64
.visible .entry touch(.param .u64 memory, .param .u64 starts, .param .u32 write_thread, .param .u32 write_turn,
                      .param .u32 read_thread, .param .u32 read_turn, .param .u32 reads, .param .u32 active)
{
  .reg .pred %p<3>;
  .reg .b16 %h<2>;
  .reg .b32 %r<20>;
  .reg .b64 %rd<10>;
  ld.param.u64 %rd1, [memory];
  ld.param.u64 %rd8, [starts];
  ld.param.u32 %r2, [write_thread];
  ld.param.u32 %r3, [write_turn];
  ld.param.u32 %r6, [read_thread];
  ld.param.u32 %r7, [read_turn];
  ld.param.u32 %r9, [reads];
  ld.param.u32 %r10, [active];
  mov.u32 %r11, %ctaid.x;
  mov.u32 %r12, %tid.x;
  setp.ge.u32 %p1, %r12, %r10;
  @%p1 bra END;
  mul.wide.u32 %rd9, %r11, 8;
  add.s64 %rd8, %rd8, %rd9;
  ld.global.u32 %r4, [%rd8];
  ld.global.u32 %r8, [%rd8+4];
  mad.lo.u32 %r4, %r12, %r2, %r4;
  mad.lo.u32 %r8, %r12, %r6, %r8;
  setp.eq.u32 %p2, %r9, 0;
  mov.u64 %rd6, 0;
  mov.u64 %rd7, 0;
  mov.u32 %r16, 0;
  mov.u32 %r17, 0;
  mov.u32 %r18, 0;
  mov.u32 %r19, 0;
  mov.u16 %h1, 0;
"""
TURN = """
  cvt.u64.u32 %rd2, %r4;
  add.s64 %rd3, %rd1, %rd2;
  st.global.{type} [%rd3], {value};
  add.u32 %r4, %r4, %r3;
  @%p2 bra PAST{turn};
  cvt.u64.u32 %rd4, %r8;
  add.s64 %rd5, %rd1, %rd4;
  ld.global.{type} {value}, [%rd5];
  add.u32 %r8, %r8, %r7;
PAST{turn}:
"""
VALUES = {
    "u8": (1, "%r16"),
    "u16": (2, "%h1"),
    "u32": (4, "%r16"),
    "u64": (8, "%rd6"),
    "v2.u64": (16, "{%rd6, %rd7}"),
    "v4.u64": (32, "{%rd6, %rd7, %rd8, %rd9}"),
    "v4.u32": (16, "{%r16, %r17, %r18, %r19}"),
}
MODULES: dict[str, Module] = {}


def module(kind: str) -> Module:
    """The turns are unrolled, so that each is an operation of its own."""
    if kind not in MODULES:
        turns = "".join(TURN.format(type=kind, value=VALUES[kind][1], turn=turn) for turn in range(TURNS))
        MODULES[kind] = Module(HEAD + turns + "END:\n  ret;\n}\n")
    return MODULES[kind]


@dataclass(frozen=True)
class Steps:
    """Elements from thread to thread and from turn to turn."""

    thread: int
    turn: int

    def elements(self, threads: int) -> Elements:
        """Shape (threads * TURNS,), from the block's start."""
        t, i = np.ogrid[:threads, :TURNS]
        return (self.thread * t + self.turn * i).ravel()


@dataclass(frozen=True)
class Case:
    """`moved`: by how many elements block 0 is moved from its place, towards its neighbours in memory."""

    write: Steps
    read: Steps
    reads: bool
    blocks: int
    threads: int
    gap: int
    moved: int
    seed: int

    def starts(self) -> Elements:
        """Of writes and reads of each block, in elements: shape (blocks, 2). Places are in random order."""
        span = self.write.elements(self.threads).max() + 1
        read_span = self.read.elements(self.threads).max() + 1
        place = np.random.default_rng(self.seed).permutation(self.blocks)
        starts = np.stack([place * (span + read_span + self.gap), place * (span + read_span + self.gap) + span], axis=1)
        starts[0] += self.moved
        return starts - min(0, starts.min())


steps = st.builds(Steps, st.sampled_from([0, 1, 1, 2, 3, 16]), st.sampled_from([0, 1, 4, 32, 64]))
cases = st.builds(
    Case,
    write=steps,
    read=steps,
    reads=st.booleans(),
    blocks=st.integers(2, 40),
    threads=st.sampled_from([16, 31, 32, 64]),
    gap=st.sampled_from([0, 0, 1, 100]),
    moved=st.sampled_from([0, 0, 0, 1, -1, 2, -3, 5]),
    seed=st.integers(0, 100),
)


@pytest.mark.parametrize("kind", list(VALUES))
def test_parts_that_depend_on_each_other_are_found_and_no_others(kind: str) -> None:
    seen = set()

    @settings(max_examples=60, deadline=None, derandomize=True, database=None)
    @given(cases)
    def check(case: Case) -> None:
        expected = _depends(case, VALUES[kind][0])
        assert _needs_one_thread(case, kind) == expected
        seen.add(expected)

    check()
    assert seen == {True, False}


def _depends(case: Case, width: int) -> bool:
    written = _words(case, 0, case.write, width)
    touched = np.concatenate([written, _words(case, 1, case.read, width)]) if case.reads else written
    words, parts = np.unique(np.unique(touched, axis=0)[:, 0], return_counts=True)
    return bool(np.isin(words[parts > 1], written[:, 0]).any())


def _words(case: Case, column: int, steps: Steps, width: int) -> Elements:
    """Rows of (word, part) for what all blocks write (column 0) or read (column 1)."""
    parts = min(case.blocks, PARTS)
    part_of = np.searchsorted([case.blocks * p // parts for p in range(1, parts)], np.arange(case.blocks), side="right")
    elements = np.unique(steps.elements(case.threads))
    first = (case.starts()[:, column, None] + elements) * width
    words = (first[..., None] + np.arange(0, width, min(width, 4))) // 4
    return np.stack([words, np.broadcast_to(part_of[:, None, None], words.shape)], axis=-1).reshape(-1, 2)


def _needs_one_thread(case: Case, kind: str) -> bool:
    width = VALUES[kind][0]
    numbers = [each * width for each in (case.write.thread, case.write.turn, case.read.thread, case.read.turn)]
    with Machine(module(kind), memory_bytes=1 << 24) as machine:
        memory = machine.array(np.zeros(WORDS, np.uint32))
        starts = machine.array((case.starts() * width).astype(np.uint32))
        args = [memory, starts, *numbers, int(case.reads), case.threads]
        report = machine.launch("touch", grid=case.blocks, block=64, args=args, budget=10**7, threads=THREADS)
    assert report.faults == ()
    return report.needs_one_thread
