"""Several host threads give the results, counts and faults of one; where they cannot, the report says so."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from kernelevo.errors import BadInput
from kernelevo.virtual import LaunchReport, Machine, Module

# out[i] = in[i] * 3, with a trap where in[i] is `bad`; a block has 64 threads.
TRIPLE = """
.version 8.0
.target sm_80
.address_size 64
.visible .entry triple(.param .u64 in, .param .u64 out, .param .u32 bad)
{
  .reg .pred %p<2>;
  .reg .b32 %r<7>;
  .reg .b64 %rd<6>;
  ld.param.u64 %rd1, [in];
  ld.param.u64 %rd2, [out];
  ld.param.u32 %r1, [bad];
  mov.u32 %r2, %ctaid.x;
  mov.u32 %r3, %ntid.x;
  mov.u32 %r4, %tid.x;
  mad.lo.u32 %r5, %r2, %r3, %r4;
  mul.wide.u32 %rd3, %r5, 4;
  add.s64 %rd4, %rd1, %rd3;
  ld.global.u32 %r6, [%rd4];
  setp.ne.u32 %p1, %r6, %r1;
  @%p1 bra GOOD;
  trap;
GOOD:
  mul.lo.u32 %r6, %r6, 3;
  add.s64 %rd5, %rd2, %rd3;
  st.global.u32 [%rd5], %r6;
  ret;
}
// Every block but the first reads what the block before it writes: a race.
.visible .entry chain(.param .u64 values)
{
  .reg .pred %p<2>;
  .reg .b32 %r<4>;
  .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [values];
  mov.u32 %r1, %ctaid.x;
  mul.wide.u32 %rd2, %r1, 4;
  add.s64 %rd3, %rd1, %rd2;
  ld.global.u32 %r2, [%rd3];
  add.u32 %r3, %r2, 1;
  st.global.u32 [%rd3+4], %r3;
  ret;
}
.visible .entry count(.param .u64 total)
{
  .reg .b32 %r<2>;
  .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [total];
  atom.global.add.u32 %r1, [%rd1], 1;
  ret;
}
// values[pitch * block] += 1, where `values` is found in memory and the pitch is as wide as a pointer.
.visible .entry add_one(.param .u64 values, .param .u64 pitch)
{
  .reg .b32 %r<3>;
  .reg .b64 %rd<6>;
  ld.param.u64 %rd1, [values];
  ld.param.u64 %rd2, [pitch];
  ld.global.u64 %rd5, [%rd1];
  mov.u32 %r1, %ctaid.x;
  cvt.u64.u32 %rd3, %r1;
  mad.lo.s64 %rd4, %rd3, %rd2, %rd5;
  ld.global.u32 %r2, [%rd4];
  add.u32 %r2, %r2, 1;
  st.global.u32 [%rd4], %r2;
  ret;
}
"""
BLOCKS = 200


def triple(
    threads: int, bad: int = 0xFFFFFFFF, budget: int = 10**6, lines: bool = True, counters: bool = True
) -> tuple[LaunchReport, np.ndarray]:
    with Machine(Module(TRIPLE), memory_bytes=1 << 24) as machine:
        values = machine.array(np.arange(BLOCKS * 64, dtype=np.uint32))
        out = machine.array(np.zeros(BLOCKS * 64, np.uint32))
        args = [values, out, bad]
        options = {"budget": budget, "threads": threads, "lines": lines, "counters": counters}
        report = machine.launch("triple", grid=BLOCKS, block=64, args=args, **options)
        return report, out.numpy()


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_independent_blocks_give_the_same_report_on_any_number_of_threads(threads: int) -> None:
    alone, expected = triple(1)
    together, out = triple(threads)
    assert together.json == alone.json
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(out, 3 * np.arange(BLOCKS * 64))


def test_without_counters_several_threads_report_what_one_reports() -> None:
    alone, together = (triple(threads, lines=False, counters=False)[0] for threads in (1, 3))
    assert together.json == alone.json
    assert "global_load_sectors" in alone.counts and alone.counts["global_load_sectors"] == 0


@pytest.mark.parametrize("bad", [0, 64 * 77 + 5, 64 * BLOCKS - 1])
def test_the_fault_of_the_lowest_block_is_reported_with_the_counts_up_to_it(bad: int) -> None:
    alone, _ = triple(1, bad)
    together, _ = triple(3, bad)
    assert alone.faults and together.faults == alone.faults
    assert (together.counts, together.lines) == (alone.counts, alone.lines)
    # Blocks behind the fault may have written, too.
    assert together.needs_one_thread and not alone.needs_one_thread


def test_a_budget_that_runs_out_asks_for_one_thread() -> None:
    enough = triple(1)[0].counts["warp_instructions"]
    assert not triple(2, budget=enough)[0].needs_one_thread
    assert triple(2, budget=enough - 1)[0].needs_one_thread
    assert not triple(1, budget=enough - 1)[0].needs_one_thread


def test_blocks_that_read_what_others_write_ask_for_one_thread() -> None:
    def chain(threads: int, blocks: int) -> bool:
        with Machine(Module(TRIPLE), memory_bytes=1 << 24) as machine:
            values = machine.array(np.zeros(BLOCKS + 1, np.uint32))
            options = {"grid": blocks, "block": 1, "args": [values], "budget": 10**6, "threads": threads}
            return machine.launch("chain", **options).needs_one_thread

    assert chain(2, BLOCKS)
    assert not chain(1, BLOCKS)
    assert not chain(2, 1)


@pytest.mark.parametrize(("pitch", "depends"), [(4, False), (36, False), (2**64 - 4, False), (0, True)])
def test_a_pointer_from_memory_and_a_number_as_wide_are_not_taken_for_each_other(pitch: int, depends: bool) -> None:
    with Machine(Module(TRIPLE), memory_bytes=1 << 24) as machine:
        values = machine.array(np.zeros(2 * 9 * BLOCKS, np.uint32))
        middle = machine.array(np.array([values.address + values.nbytes // 2], np.uint64))
        args = [middle, pitch]
        report = machine.launch("add_one", grid=BLOCKS, block=1, args=args, budget=10**6, threads=2)
        assert report.needs_one_thread == depends
        assert depends or values.numpy().sum() == BLOCKS


def test_atomics_run_on_one_thread_whatever_was_asked_for() -> None:
    with Machine(Module(TRIPLE), memory_bytes=1 << 24) as machine:
        total = machine.array(np.zeros(1, np.uint32))
        report = machine.launch("count", grid=50, block=32, args=[total], budget=10**6, threads=4)
        assert not report.needs_one_thread and report.faults == ()
        assert total.numpy()[0] == 50 * 32


# Notes of several threads are made one after another, so that the limit is met while there are some already.
SHORT_OF_MEMORY = f"""
import resource
import sys
from kernelevo.errors import BadInput
from kernelevo.virtual import Machine, Module

with Machine(Module(sys.stdin.read()), memory_bytes=1 << 32) as machine:
    arrays = [machine.empty({BLOCKS * 64}), machine.empty({BLOCKS * 64})]
    with open("/proc/self/statm") as sizes:
        pages = int(sizes.read().split()[0])
    limit = pages * resource.getpagesize() + (1 << 30)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for threads in (8, 1):
        try:
            report = machine.launch("triple", grid={BLOCKS}, block=64, args=[*arrays, 0], budget=10**6, threads=threads)
            print(len(report.faults))
        except BadInput as error:
            print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/statm")
def test_a_launch_that_the_host_has_no_memory_for_is_refused_and_the_machine_goes_on() -> None:
    run = [sys.executable, "-c", SHORT_OF_MEMORY]
    done = subprocess.run(run, input=TRIPLE, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    refusal, faults = done.stdout.splitlines()
    assert "memory" in refusal and faults == "0"


@pytest.mark.parametrize("threads", [0, -1, 257])
def test_a_number_of_threads_that_makes_no_sense_is_refused(threads: int) -> None:
    with pytest.raises(BadInput, match="threads of the host"):
        triple(threads)


# Every block adds its fraction to the same words, in the order of blocks.
REDUCE = """
.version 8.0
.target sm_90
.address_size 64
.visible .entry reduce(.param .u64 sums)
{
  .reg .b32 %r<3>;
  .reg .f32 %f<3>;
  .reg .b64 %rd<2>;
  .shared .align 16 .b8 tile[16];
  ld.param.u64 %rd1, [sums];
  mov.u32 %r1, %ctaid.x;
  add.u32 %r1, %r1, 1;
  cvt.rn.f32.u32 %f1, %r1;
  rcp.rn.f32 %f2, %f1;
  mov.u32 %r2, tile;
  st.shared.v4.f32 [%r2], {%f2, %f2, %f2, %f2};
  cp.reduce.async.bulk.global.shared::cta.bulk_group.add.f32 [%rd1], [%r2], 16;
  cp.async.bulk.commit_group;
  cp.async.bulk.wait_group 0;
  ret;
}
"""


def test_bulk_reductions_are_added_in_the_order_of_blocks_on_any_number_of_threads() -> None:
    expected = np.zeros(4, np.float32)
    for block in range(BLOCKS):
        expected += np.float32(1) / np.float32(block + 1)
    for threads in (1, 2, 7):
        with Machine(Module(REDUCE), memory_bytes=1 << 20) as machine:
            sums = machine.array(np.zeros(4, np.float32))
            report = machine.launch("reduce", grid=BLOCKS, block=1, args=[sums], budget=10**6, threads=threads)
            assert report.faults == () and not report.needs_one_thread
            np.testing.assert_array_equal(sums.numpy(), expected)
