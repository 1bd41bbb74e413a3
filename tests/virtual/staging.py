"""A kernel frame for what is copied in the background, with values from before (OLD) and after (NEW) the copy.

Each thread has 16 bytes of shared memory that hold OLD values, 16 bytes of `source` in global memory that hold NEW
ones, and may take snapshots of its shared bytes at any point. A body is PTX; `%slot` is the shared address of the
thread's bytes, `%from` the global address of its source, `%tid` its number, `%bar` the shared address of 64 bytes for
mbarriers, `%out` the global address of the results. `snapshot(n)` stores the thread's bytes as row n of the result,
`note(n, register)` a 32-bit register. The registers %r0..%r15, %rd0..%rd15 (64 bits) and %p0..%p7 are free.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kernelevo.types import Fault
from kernelevo.virtual import LaunchReport, Machine, Module, Timing

THREADS = 32
WORDS = 4  # of one thread
Words = npt.NDArray[np.uint32]

_FRAME = """.version 8.0
.target {target}
.address_size 64
.visible .entry k(.param .u64 source, .param .u64 out)
{{
  .reg .pred %p<8>;
  .reg .b32 %r<16>, %tid, %slot, %bar, %old<4>, %seen<4>;
  .reg .b64 %rd<16>, %from, %out, %row, %near;
  .shared .align 128 .b8 tile[{tile}];
  .shared .align 8 .b8 bars[64];
  ld.param.u64 %from, [source];
  ld.param.u64 %out, [out];
  mov.u32 %tid, %tid.x;
  mov.u32 %bar, bars;
  mov.u32 %slot, tile;
  mad.lo.u32 %slot, %tid, 16, %slot;
  mad.wide.u32 %from, %tid, 16, %from;
  mul.lo.u32 %old0, %tid, 4;
  add.u32 %old1, %old0, 1;
  add.u32 %old2, %old0, 2;
  add.u32 %old3, %old0, 3;
  {prefill}
{body}
  ret;
}}
"""


def old_words(threads: int = THREADS) -> Words:
    """What the shared bytes hold at first: their own numbers."""
    return np.arange(threads * WORDS, dtype=np.uint32).reshape(threads, WORDS)


def new_words(threads: int = THREADS) -> Words:
    """What the source holds."""
    return old_words(threads) + np.uint32(1_000_000)


def snapshot(row: int, threads: int = THREADS) -> str:
    """PTX that stores the thread's shared bytes as row `row` of the result."""
    return f"""
  ld.shared.v4.u32 {{%seen0, %seen1, %seen2, %seen3}}, [%slot];
  mad.wide.u32 %row, %tid, 16, %out;
  st.global.v4.u32 [%row+{row * threads * 16}], {{%seen0, %seen1, %seen2, %seen3}};
"""


def note(row: int, register: str, threads: int = THREADS) -> str:
    """PTX that stores a 32-bit register as the first word of each thread in row `row`."""
    return f"""
  mad.wide.u32 %row, %tid, 16, %out;
  st.global.u32 [%row+{row * threads * 16}], {register};
"""


@dataclass(frozen=True)
class Staged:
    """One run of a body: rows of the result, source afterwards, report."""

    rows: npt.NDArray[np.uint32]  # [row, thread, word]
    source: Words
    report: LaunchReport

    @property
    def fault(self) -> Fault:
        """The fault that stopped it."""
        assert len(self.report.faults) == 1, "the launch ended without a fault"
        return self.report.faults[0]


def run(
    body: str,
    *,
    rows: int = 1,
    threads: int = THREADS,
    target: str = "sm_90",
    source: Words | None = None,
    source_words: int | None = None,
    prefill: bool = True,
    write_source: bool = True,
    clean: bool = True,
    budget: int = 100_000,
    **options: Any,
) -> Staged:
    """Runs one block of `threads` and returns what it stored; with `clean` a fault fails the test."""
    store = "st.shared.v4.u32 [%slot], {%old0, %old1, %old2, %old3};" if prefill else ""
    text = _FRAME.format(target=target, tile=16 * threads, prefill=store, body=body)
    words = (new_words(threads) if source is None else source).reshape(-1)[:source_words]
    with Machine(Module(text), memory_bytes=1 << 24) as machine:
        given = machine.array(words, name="source") if write_source else machine.empty(len(words), np.uint32)
        out = machine.array(np.full(rows * threads * WORDS, 7, np.uint32), name="out")
        report = machine.launch("k", grid=1, block=threads, args=[given, out], budget=budget, **options)
        if clean:
            assert report.faults == ()
        return Staged(out.numpy().reshape(rows, threads, WORDS), given.numpy(), report)


__all__ = ["THREADS", "WORDS", "Staged", "Timing", "Words", "new_words", "note", "old_words", "run", "snapshot"]
