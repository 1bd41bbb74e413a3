"""A launch of which a sample of blocks is watched closely: what is counted in full stays exact."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from kernelevo.errors import BadInput
from kernelevo.types import Sample
from kernelevo.virtual import LaunchReport, Machine, Module

# Thread i of all copies a word; block b of `uneven` reads its word b times more; `counted` counts its blocks.
TEXT = """
.version 8.0
.target sm_80
.address_size 64
.visible .entry copy(.param .u64 from, .param .u64 to)
{
  .reg .b32 %r<8>;
  .reg .b64 %rd<8>;
  ld.param.u64 %rd1, [from];
  ld.param.u64 %rd2, [to];
  mov.u32 %r1, %ctaid.y;
  mov.u32 %r2, %nctaid.x;
  mov.u32 %r3, %ctaid.x;
  mad.lo.u32 %r4, %r1, %r2, %r3;
  mov.u32 %r5, %ntid.x;
  mov.u32 %r6, %tid.x;
  mad.lo.u32 %r4, %r4, %r5, %r6;
  mul.wide.u32 %rd3, %r4, 4;
  add.s64 %rd4, %rd1, %rd3;
  add.s64 %rd5, %rd2, %rd3;
  ld.global.u32 %r7, [%rd4];
  st.global.u32 [%rd5], %r7;
  ret;
}
.visible .entry uneven(.param .u64 from, .param .u64 to)
{
  .reg .pred %p<2>;
  .reg .b32 %r<8>;
  .reg .b64 %rd<8>;
  ld.param.u64 %rd1, [from];
  ld.param.u64 %rd2, [to];
  mov.u32 %r3, %ctaid.x;
  mov.u32 %r5, %ntid.x;
  mov.u32 %r6, %tid.x;
  mad.lo.u32 %r4, %r3, %r5, %r6;
  mul.wide.u32 %rd3, %r4, 4;
  add.s64 %rd4, %rd1, %rd3;
  add.s64 %rd5, %rd2, %rd3;
AGAIN:
  ld.volatile.global.u32 %r7, [%rd4];
  st.global.u32 [%rd5], %r7;
  add.u32 %r3, %r3, -1;
  setp.gt.s32 %p1, %r3, 0;
  @%p1 bra AGAIN;
  ret;
}
.visible .entry counted(.param .u64 from, .param .u64 to)
{
  .reg .b32 %r<2>;
  .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [to];
  atom.global.add.u32 %r1, [%rd1], 1;
  ret;
}
"""
GRID = 1000
BLOCK = 64
TIMED = {"caches": True, "scoreboard": True}
OF_THE_SAMPLE = {"l1_load_wavefronts", "l1_miss_sectors", "l2_read_sectors", "chain_cycles_sum", "chain_cycles_max"}
BY_PAGES = {"dram_read_sectors", "dram_write_sectors"}


def launch(
    kernel: str = "copy",
    grid: int | tuple[int, ...] = GRID,
    length: int = 0,
    budget: int = 10**8,
    sample_blocks: int = 0,
    sample_seed: int = 0,
    sample_only: bool = False,
    **options: Any,
) -> tuple[LaunchReport, np.ndarray]:
    """The report, and what was written; 0 where nothing was."""
    words = int(np.prod(grid)) * BLOCK
    sample = Sample(sample_blocks, sample_seed, sample_only) if sample_blocks else None
    with Machine(Module(TEXT), memory_bytes=1 << 26) as machine:
        source = machine.array(np.arange(1, (length or words) + 1, dtype=np.uint32))
        target = machine.array(np.zeros(words, np.uint32))
        report = machine.launch(
            kernel, grid=grid, block=BLOCK, args=[source, target], budget=budget, sample=sample, **options
        )
        return report, target.numpy()


def blocks_that_ran(grid: int | tuple[int, ...], **options: Any) -> list[int]:
    report, out = launch(grid=grid, sample_only=True, **options)
    assert report.faults == ()
    return np.flatnonzero(out.reshape(-1, BLOCK)[:, 0]).tolist()


def test_a_seed_is_one_sample_on_every_host() -> None:
    drawn = blocks_that_ran(GRID, sample_blocks=8, sample_seed=7)
    assert drawn == FROM_SEED_7
    assert drawn == blocks_that_ran(GRID, sample_blocks=8, sample_seed=7, **TIMED)
    assert drawn != blocks_that_ran(GRID, sample_blocks=8, sample_seed=8)


FROM_SEED_7 = [0, 9, 224, 304, 433, 667, 817, 996, 999]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("grid", [100, (7, 30), (30, 7), (1, 200), (200, 1)])
def test_a_sample_holds_the_first_block_the_last_every_edge_and_the_rest(
    grid: int | tuple[int, int], seed: int
) -> None:
    drawn = blocks_that_ran(grid, sample_blocks=12, sample_seed=seed)
    width, height = (grid, 1) if isinstance(grid, int) else grid
    assert drawn[0] == 0 and drawn[-1] == width * height - 1
    columns, rows = {block % width for block in drawn[:-1]}, {block // width for block in drawn[:-1]}
    assert width == 1 or height == 1 or (width - 1 in columns and height - 1 in rows)
    inner = [block for block in drawn[1:-1] if width == 1 or block % width < width - 1]
    # One of each stretch: no gap is longer than two of them.
    assert len(inner) >= 4 and max(np.diff(inner)) <= 2 * width * height / 4


def test_a_sample_stands_for_every_block_of_the_grid() -> None:
    report, _ = launch(grid=(10, 12, 5), sample_blocks=20, sample_seed=3, **TIMED)
    strata = report.sample["strata"]
    assert sum(each["blocks"] for each in strata) == 600
    assert all(1 <= each["sampled"] <= each["blocks"] for each in strata)
    assert [each["blocks"] for each in strata] == [1, 1, 9 * 11 * 4 - 1, 12 * 5 - 1, 9 * 5, 9 * 11]


@pytest.mark.parametrize("kernel", ["copy", "uneven"])
@pytest.mark.parametrize("plain", [False, True])
def test_what_is_counted_in_full_stays_exact(kernel: str, plain: bool) -> None:
    full, right = launch(kernel, lines=True, plain=plain, **TIMED)
    sampled, out = launch(kernel, lines=True, plain=plain, sample_blocks=32, sample_seed=5, **TIMED)
    np.testing.assert_array_equal(out, right)
    differing = {name for name in full.counts if full.counts[name] != sampled.counts[name]}
    assert differing <= OF_THE_SAMPLE | BY_PAGES and "chain_cycles_sum" in differing
    assert sampled.lines == full.lines


@pytest.mark.parametrize("only", [False, True])
@pytest.mark.parametrize("kernel", ["copy", "uneven"])
def test_quick_paths_change_nothing_of_a_sample(kernel: str, only: bool) -> None:
    quick, plain = (
        launch(kernel, sample_blocks=32, sample_seed=5, sample_only=only, lines=True, plain=plain, **TIMED)[0].json
        for plain in (False, True)
    )
    assert json.loads(quick) == json.loads(plain)


def test_a_sampled_block_is_as_it_is_where_all_are_watched() -> None:
    full, _ = launch("uneven", sample_blocks=GRID // 4, sample_seed=1, **TIMED)
    (first, last, inner) = full.sample["strata"]
    alone = launch("uneven", grid=1, **TIMED)[0].counts
    for name in ("warp_instructions", "global_load_sectors", "l1_miss_sectors", "chain_cycles_sum"):
        assert first["counts"][name] == alone[name]
    assert last["warp_instructions"]["most"] > 0.9 * last["counts"]["warp_instructions"]
    assert inner["warp_instructions"]["least"] < inner["warp_instructions"]["most"] / 50


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"kernel": "counted"}, "depend on each other"),
        ({"cooperative": True, "grid": 200, "sample_blocks": 20}, "depend on each other"),
        ({"grid": 127}, "fewer than 128 blocks"),
        ({"order": 3}, "every block"),
        ({"track_uninitialised": True}, "every block"),
        ({"max_faults": 2}, "every block"),
        ({"caches": False, "scoreboard": False}, "nothing is watched"),
    ],
)
def test_all_blocks_are_watched_where_a_sample_would_not_do(options: dict[str, Any], reason: str) -> None:
    options = {**TIMED, "sample_blocks": 32, **options}
    asked, _ = launch(**options)
    assert reason in asked.sample["in_full"] and asked.sample["strata"] == []
    full, _ = launch(**{**options, "sample_blocks": 0})
    assert full.sample["in_full"] == "" and full.counts == asked.counts


@pytest.mark.parametrize("length", [0, GRID * BLOCK - 1, GRID * BLOCK // 2, 1])
def test_a_fault_is_found_in_whatever_block_it_happens(length: int) -> None:
    full, sampled = (launch(length=length, sample_blocks=blocks, **TIMED)[0] for blocks in (0, 32))
    assert sampled.faults == full.faults and (full.faults != ()) == (length != 0)
    assert sampled.counts["warp_instructions"] == full.counts["warp_instructions"]


def test_a_budget_is_of_all_blocks() -> None:
    needed = launch(**TIMED)[0].counts["warp_instructions"]
    enough, _ = launch(budget=needed, sample_blocks=32, **TIMED)
    assert enough.faults == ()
    short, _ = launch(budget=needed // 2, sample_blocks=32, **TIMED)
    assert [fault.kind for fault in short.faults] == ["budget"]
    assert short.counts["warp_instructions"] <= needed // 2


@pytest.mark.parametrize("sample", [Sample(0, 1), Sample(-1, 1), Sample(1, 2**64), Sample(1, 1, 2), 5])
def test_a_sample_that_is_none_is_refused(sample: Any) -> None:
    with Machine(Module(TEXT), memory_bytes=1 << 20) as machine, pytest.raises(BadInput, match="sample"):
        machine.launch("copy", grid=1, block=1, args=[0, 0], budget=1, sample=sample)
