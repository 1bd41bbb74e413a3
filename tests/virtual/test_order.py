"""Another order of blocks, warps and turns: it shows what depends on the order, and changes nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from kernelevo.errors import BadInput
from kernelevo.virtual import LaunchReport, Machine, Module

HEAD = """
.version 8.0
.target sm_80
.address_size 64
"""
# Thread i writes i to shared memory; out[i] is what thread (i + 32) % threads wrote, behind a barrier or not.
NEIGHBOUR = """
.visible .entry {name}(.param .u64 out)
{{
  .reg .b32 %r<8>;
  .reg .b64 %rd<4>;
  .shared .align 4 .b8 tile[1024];
  ld.param.u64 %rd1, [out];
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, tile;
  mad.lo.u32 %r3, %r1, 4, %r2;
  st.shared.u32 [%r3], %r1;
  {barrier}
  add.u32 %r4, %r1, 224;
  and.b32 %r4, %r4, 255;
  mad.lo.u32 %r5, %r4, 4, %r2;
  ld.shared.u32 %r6, [%r5];
  mul.wide.u32 %rd2, %r1, 4;
  add.s64 %rd3, %rd1, %rd2;
  st.global.u32 [%rd3], %r6;
  ret;
}}
"""
# Block b adds 1 to what block b - 1 wrote, if that was not 0.
CHAIN = """
.visible .entry chain(.param .u64 values)
{
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
"""
# Every block waits until the block before it has counted, then counts: look-back in its smallest form.
IN_TURN = """
.visible .entry in_turn(.param .u64 count)
{
  .reg .pred %p<2>;
  .reg .b32 %r<4>;
  .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [count];
  mov.u32 %r1, %ctaid.x;
WAIT:
  ld.volatile.global.u32 %r2, [%rd1];
  setp.ne.u32 %p1, %r2, %r1;
  @%p1 bra WAIT;
  atom.global.add.u32 %r3, [%rd1], 1;
  ret;
}
"""
# Every block counts, then waits until all have: a grid barrier in its smallest form.
GRID_BARRIER = """
.visible .entry grid_barrier(.param .u64 count)
{
  .reg .pred %p<2>;
  .reg .b32 %r<4>;
  .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [count];
  mov.u32 %r1, %nctaid.x;
  atom.global.add.u32 %r3, [%rd1], 1;
WAIT:
  ld.volatile.global.u32 %r2, [%rd1];
  setp.ne.u32 %p1, %r2, %r1;
  @%p1 bra WAIT;
  ret;
}
"""
TEXT = (
    HEAD
    + NEIGHBOUR.format(name="behind_a_barrier", barrier="bar.sync 0;")
    + NEIGHBOUR.format(name="without_a_barrier", barrier="")
    + CHAIN
    + IN_TURN
    + GRID_BARRIER
)
SEEDS = range(1, 9)


def launch(kernel: str, length: int, order: int, *, grid: int = 1, block: int = 1) -> tuple[LaunchReport, np.ndarray]:
    with Machine(Module(TEXT), memory_bytes=1 << 24) as machine:
        out = machine.array(np.zeros(length, np.uint32))
        report = machine.launch(kernel, grid=grid, block=block, args=[out], budget=10**8, order=order)
        return report, out.numpy()


def test_a_missing_barrier_shows_and_a_barrier_hides_the_order() -> None:
    expected = (np.arange(256) + 224) % 256
    for order in (0, *SEEDS):
        report, out = launch("behind_a_barrier", 256, order, block=256)
        assert report.faults == ()
        np.testing.assert_array_equal(out, expected)
    assert all((launch("without_a_barrier", 256, order, block=256)[1] != expected).any() for order in SEEDS)


def test_a_block_that_reads_what_an_earlier_one_wrote_shows() -> None:
    usual = launch("chain", 101, 0, grid=100)[1]
    np.testing.assert_array_equal(usual, np.arange(101))
    assert all((launch("chain", 101, order, grid=100)[1] != usual).any() for order in SEEDS)


def test_a_seed_is_one_order() -> None:
    first, again, other = (launch("chain", 101, order, grid=100)[1] for order in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("order", SEEDS)
def test_blocks_that_wait_for_earlier_ones_end(order: int) -> None:
    report, count = launch("in_turn", 1, order, grid=1500)
    assert report.faults == ()
    assert count[0] == 1500


def test_a_grid_barrier_costs_no_square_of_its_blocks() -> None:
    """Blocks beyond a window begin together: one by one, each after a round of all others in vain, a barrier of 256
    blocks cost 437 times what one of 64 does.
    """
    for order in SEEDS:
        window, more = (launch("grid_barrier", 1, order, grid=blocks)[0] for blocks in (64, 256))
        assert more.faults == () and window.faults == ()
        assert more.counts["warp_instructions"] < 16 * window.counts["warp_instructions"]


def test_a_launch_in_another_order_runs_on_one_thread() -> None:
    with Machine(Module(TEXT), memory_bytes=1 << 24) as machine:
        out = machine.array(np.zeros(101, np.uint32))
        report = machine.launch("chain", grid=100, block=1, args=[out], budget=10**6, order=5, threads=4)
    assert not report.needs_one_thread


@pytest.mark.parametrize("order", [-1, 2**64])
def test_a_seed_that_is_no_seed_is_refused(order: int) -> None:
    with pytest.raises(BadInput, match="seed of an order"):
        launch("chain", 2, order)
