"""Counts by source line and by PTX line of CUDA kernels whose arithmetic can be done on paper, each derived here.

A warp is 32 lanes, a sector 32 bytes, a wavefront up to one word of each of the 32 banks of shared memory. Buffers
begin at multiples of 256 bytes. The diagnosis is asked as well: it must find what was planted, and only that.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
from corpus.compiling import compiled_file

from kernelevo.diagnosis.lines import LineTotals, line_totals
from kernelevo.diagnosis.memory_rules import bank_conflicts, misaligned, uncoalesced
from kernelevo.diagnosis.schedule_rules import divergence
from kernelevo.diagnosis.subject import Subject
from kernelevo.types import LineCounts, StepReport
from kernelevo.virtual import LaunchReport, Machine, Module

SOURCE = Path(__file__).parent / "counted_by_hand.cu"
BLOCK, GRID = 64, 4
WARPS = GRID * BLOCK // 32


@functools.cache
def ptx() -> str:
    return compiled_file(SOURCE, "sm_80")


@functools.cache
def launched(kernel: str, *scalars: int, grid: int = GRID, block: tuple[int, int, int] = (BLOCK, 1, 1)) -> LaunchReport:
    """The report of a launch on arrays that are large enough, with a buffer for each pointer and then the scalars."""
    pointers = {"copy": 2, "turn32": 2, "turn33": 2}.get(kernel, 1)
    with Machine(Module(ptx()), memory_bytes=1 << 24) as machine:
        buffers = [machine.array(np.zeros(1 << 16, np.float32)) for _ in range(pointers)]
        report = machine.launch(kernel, grid=grid, block=block, args=[*buffers, *scalars], budget=10**6, lines=True)
    assert report.faults == ()
    return report


def on_line(report: LaunchReport, mark: str) -> LineTotals:
    """The sums of the marked line."""
    lines = SOURCE.read_text().splitlines()
    (number,) = [number for number, text in enumerate(lines, 1) if text.endswith(f"// <- {mark}")]
    (found,) = [each for each in line_totals(report.lines) if each.line == number]
    assert found.file.endswith("counted_by_hand.cu")
    return found


def instruction(line: LineTotals, opcode: str) -> LineCounts:
    """The one instruction of the line with this opcode, which stands where its PTX line says."""
    (found,) = [each for each in line.ptx if each.instruction.split()[0].startswith(opcode)]
    assert ptx().splitlines()[found.ptx_line - 1].split() == f"{found.instruction};".split()
    return found


def asked(report: LaunchReport, limiter: str) -> Subject:
    """The launch as the diagnosis sees it, with everything decided by one resource."""
    details = {"bounds_us": {limiter: 1.0}, "block": (BLOCK, 1, 1), "grid": (GRID, 1, 1)}
    step = StepReport("k", report.counts, report.lines, limiter=limiter, details=details)
    return Subject(step, "k", report.lines[0].source.file)


# Lanes `stride` words apart that read 4 bytes each: 31 x 4 x stride + 4 bytes from the first to the last.
COPIES = [
    ("dense", 1, 0, 4),  # 128 bytes are 4 sectors
    ("every second word", 2, 0, 8),  # 252 bytes, every sector has words that are read: 8
    ("one word a sector", 8, 0, 32),  # 32 bytes apart: a sector for each lane
    ("one word a line", 32, 0, 32),  # 128 bytes apart: a sector for each lane as well
    ("all lanes one word", 0, 0, 1),
    ("one word beyond a sector", 1, 1, 5),  # bytes 4 to 131 lie in sectors 0 to 4
    ("a whole sector on", 1, 8, 4),
]
by_copy = pytest.mark.parametrize(
    ("stride", "first", "sectors"), [case[1:] for case in COPIES], ids=[case[0] for case in COPIES]
)


@by_copy
def test_a_copy_moves_the_sectors_that_its_stride_touches(stride: int, first: int, sectors: int) -> None:
    report = launched("copy", stride, first)
    line = on_line(report, "copy")
    load, store = instruction(line, "ld.global"), instruction(line, "st.global")
    # Each of 8 warps has one request each way; the store is dense: 4 sectors.
    assert (load.requests, load.sectors, load.wavefronts) == (WARPS, WARPS * sectors, 0)
    assert (store.requests, store.sectors) == (WARPS, WARPS * 4)
    assert (load.warp_instructions, load.thread_instructions, load.divergent) == (WARPS, WARPS * 32, 0)
    assert (line.requests, line.sectors) == (2 * WARPS, WARPS * (sectors + 4))
    assert line.least_sectors == WARPS * (min(sectors, 4) + 4)
    # No other line moves anything.
    assert report.counts["global_load_sectors"] == WARPS * sectors
    assert report.counts["global_load_bytes"] == WARPS * 32 * 4


@by_copy
def test_the_diagnosis_of_a_copy_names_what_its_stride_wastes(stride: int, first: int, sectors: int) -> None:
    subject = asked(launched("copy", stride, first), "L1 sectors")
    arguments = (None, None, stride, first)
    subject = Subject(subject.step, "copy", subject.file, arguments=arguments)
    scattered, shifted = list(uncoalesced(subject)), list(misaligned(subject))
    assert len(scattered) == (sectors > 5) and len(shifted) == (sectors == 5)
    if scattered:
        assert f"{sectors} sectors per load request where 4 would do" in scattered[0].statement
        assert f"neighbouring lanes read addresses {4 * stride} bytes apart" in scattered[0].statement
        assert scattered[0].lines == (on_line(launched("copy", stride, first), "copy").line,)


# A tile of 32 rows, 8 warps, each with 4 requests to write rows and 4 to read columns. Lane x reads the word
# WIDTH * x + row: at a width of 32 all lie in bank `row`, 32 wavefronts; at 33 in bank (x + row) mod 32, no two alike.
@pytest.mark.parametrize(("kernel", "wavefronts"), [("turn32", 32), ("turn33", 1)])
def test_a_column_of_a_tile_meets_at_one_bank_unless_its_rows_are_padded(kernel: str, wavefronts: int) -> None:
    report = launched(kernel, grid=1, block=(32, 8, 1))
    fill, turn = on_line(report, "fill"), on_line(report, "turn")
    requests = 8 * 4
    assert (fill.shared_requests, fill.wavefronts) == (requests, requests)
    assert (fill.requests, fill.sectors) == (requests, 4 * requests)
    assert (turn.shared_requests, turn.wavefronts) == (requests, wavefronts * requests)
    assert (turn.least_wavefronts, turn.wavefronts_per_request) == (requests, wavefronts)
    # By PTX line: the loop may be unrolled into several loads, which share the requests evenly.
    loads = [each for each in turn.ptx if each.instruction.startswith("ld.shared")]
    assert {(each.requests, each.wavefronts) for each in loads} == {
        (requests // len(loads), requests * wavefronts // len(loads))
    }
    assert report.counts["shared_load_wavefronts"] == wavefronts * requests
    assert report.counts["barriers"] == 8
    found = list(bank_conflicts(asked(report, "shared memory")))
    assert [finding.lines for finding in found] == ([(turn.line,)] if wavefronts > 1 else [])
    assert all("32-way bank conflicts" in finding.statement for finding in found)


@pytest.mark.parametrize("lanes", [16, 1, 31])
def test_a_branch_that_some_lanes_take_parts_each_warp_once(lanes: int) -> None:
    report = launched("half_of_the_lanes", lanes)
    branch, store = on_line(report, "branch"), on_line(report, "store")
    assert (branch.divergent, branch.lanes) == (WARPS, 32)
    taken = instruction(store, "st.global")
    assert (taken.warp_instructions, taken.thread_instructions) == (WARPS, WARPS * lanes)
    # The active lanes are the first ones: 4 bytes each, 8 a sector.
    assert (taken.requests, taken.sectors) == (WARPS, WARPS * -(-lanes // 8))
    assert store.lanes == lanes
    assert (report.counts["branches"], report.counts["divergent_branches"]) == (WARPS, WARPS)
    found = list(divergence(asked(report, "issue")))
    # One idle lane is not worth a word. Where it is said, the cause is the branch's line.
    assert len(found) == (lanes < 28)
    assert all(f"divergence at line {branch.line}, {WARPS} times" in finding.statement for finding in found)


@pytest.mark.parametrize("lanes", [0, 32])
def test_a_branch_that_all_lanes_take_together_parts_no_warp(lanes: int) -> None:
    report = launched("half_of_the_lanes", lanes)
    assert on_line(report, "branch").divergent == 0 and report.counts["divergent_branches"] == 0
    assert list(divergence(asked(report, "issue"))) == []


def test_a_loop_that_goes_round_once_more_for_each_lane_counts_each_round_by_those_left() -> None:
    # Lane n of a warp goes round n times. A warp goes round 31 times; in round r (from 1) lanes r to 31 are active:
    # 31 + 30 + ... + 1 = 496 thread instructions of each instruction of the body.
    report = launched("one_more_for_each_lane", grid=1)
    warps = BLOCK // 32
    body = instruction(on_line(report, "body"), "mul.lo")
    assert (body.warp_instructions, body.thread_instructions) == (warps * 31, warps * 496)
    # Lane 0 does not enter: the guard parts. At the end of rounds 1 to 30 one lane leaves and others stay; in round 31
    # only lane 31 is left, and nothing parts.
    loop = on_line(report, "loop")
    assert loop.divergent == warps * (1 + 30)
    assert report.counts["divergent_branches"] == warps * 31
    assert on_line(report, "body").lanes == 16


@pytest.mark.parametrize("times", [1, 5])
def test_barriers_are_counted_for_each_warp_that_waits(times: int) -> None:
    report = launched("meet", times)
    barrier = instruction(on_line(report, "barrier"), "bar.sync")
    assert (barrier.warp_instructions, barrier.thread_instructions) == (WARPS * times, WARPS * times * 32)
    assert report.counts["barriers"] == WARPS * times
    # Before each barrier every warp writes one dense row: one wavefront.
    assert report.counts["shared_store_wavefronts"] == WARPS * times


@pytest.mark.parametrize(("apart", "sectors", "hottest"), [(0, 1, WARPS * 32), (1, 4, GRID), (8, 32, GRID)])
def test_atomics_count_the_sectors_they_touch_and_the_updates_of_the_hottest_address(
    apart: int, sectors: int, hottest: int
) -> None:
    # Every block updates the same addresses: its 64 threads one, or one each, 4 or 32 bytes apart.
    report = launched("add_to", apart)
    atomic = instruction(on_line(report, "atomic"), "atom.global")
    assert (atomic.requests, atomic.sectors) == (WARPS, WARPS * sectors)
    assert report.counts["global_atomic_lanes"] == WARPS * 32
    assert report.counts["global_atomic_hottest"] == hottest


@pytest.mark.parametrize(
    ("kernel", "scalars"),
    [("copy", (2, 0)), ("half_of_the_lanes", (16,)), ("one_more_for_each_lane", ()), ("meet", (3,))],
)
def test_lines_add_up_to_the_counts_of_the_launch(kernel: str, scalars: tuple[int, ...]) -> None:
    report = launched(kernel, *scalars)
    lines = line_totals(report.lines)
    assert sum(line.warp_instructions for line in lines) == report.counts["warp_instructions"]
    assert sum(line.thread_instructions for line in lines) == report.counts["thread_instructions"]
    assert sum(line.divergent for line in lines) == report.counts["divergent_branches"]
    moved = sum(report.counts[f"global_{verb}_sectors"] for verb in ("load", "store", "atomic"))
    assert sum(line.sectors for line in lines) == moved
    shared = sum(report.counts[f"shared_{verb}_wavefronts"] for verb in ("load", "store", "atomic"))
    assert sum(line.wavefronts for line in lines) == shared
