"""What a report of races says, what is only a remark, and verdicts of docs/virtual-gpu.md beside the planted ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from corpus.compiling import compiled_file

from kernelevo.types import Fault
from kernelevo.virtual import LaunchReport, Machine, Module
from sanitizer.planted_kernel import TARGET, planted_kernels

PLANTED = {planted.name: planted for planted in planted_kernels()}
Launch = Callable[..., LaunchReport]


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    """Compiles the body of a kernel of `int *y` and launches it with the check of races."""

    def run(body: str, *, grid: int = 1, block: int = 64, **options: int) -> LaunchReport:
        file = tmp_path / "kernel.cu"
        file.write_text(f'extern "C" __global__ void kernel(int *y) {{\n{body}\n}}\n')
        with Machine(Module(compiled_file(file, TARGET)), memory_bytes=1 << 24) as machine:
            y = machine.array(np.zeros(4096, np.int32), name="y")
            options = {"max_faults": 10, **options}
            return machine.launch("kernel", grid=grid, block=block, args=[y], budget=10**6, check_races=True, **options)

    return run


def kinds(report: LaunchReport) -> tuple[list[str], list[str]]:
    return [fault.kind for fault in report.faults], [remark.kind for remark in report.remarks]


def test_a_race_names_both_accesses() -> None:
    fault = PLANTED["race/tile_without_barrier"].run(fixed=False, races=True).report.faults[0]
    (other,) = fault.others
    assert (fault.kind, fault.space, fault.bytes) == ("race", "shared", 4)
    assert fault.allocation.endswith("tile") and fault.offset == 4 * fault.thread[0]
    assert (fault.source.line, other.source.line) == (11, 15)
    assert (other.access, other.block, other.thread) == ("load", (0, 0, 0), (127 - fault.thread[0], 0, 0))
    assert "no barrier is between" in fault.message


WORDS = {
    "race/warp_without_syncwarp": "no __syncwarp is between",
    "race/neighbour_block": "in another block",
    "race/atomics_of_block_scope": ".cta scope",
    "race/two_lanes_in_one_slot": "two lanes of one warp store different values",
    "race/bulk_copy_waited_for_by_one": "no barrier lies between its thread's wait and this",
    "missing_wait/read_before_the_wait": "nobody has waited for it",
}


@pytest.mark.parametrize("name", WORDS)
def test_the_message_says_what_is_missing(name: str) -> None:
    assert WORDS[name] in PLANTED[name].run(fixed=False, races=True).report.faults[0].message


def test_a_launch_goes_on_behind_a_race_and_stops_at_its_last_one() -> None:
    planted = PLANTED["race/mbarrier_initialised_by_one_warp"]
    first, all_of_them = (planted.run(fixed=False, races=True, max_faults=most).report for most in (1, 100))
    assert len(first.faults) == 1 < len(all_of_them.faults)
    assert first.counts["warp_instructions"] < all_of_them.counts["warp_instructions"]
    # A launch that ended has counted everything.
    assert all_of_them.counts == planted.run(fixed=False).report.counts
    assert all_of_them.faults[0].occurrences > 1
    pairs = [frozenset([fault.source.line, fault.others[0].source.line]) for fault in all_of_them.faults]
    assert len(set(pairs)) == len(pairs)


def test_copies_of_an_unrolled_loop_are_one_race_and_hide_no_other(launch: Launch) -> None:
    body = """  __shared__ int s[512]; int sum = 0;
#pragma unroll
  for (int j = 0; j < 8; ++j) s[j * 64 + threadIdx.x] = j + threadIdx.x;
#pragma unroll
  for (int j = 0; j < 8; ++j) sum += s[j * 64 + 63 - threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = sum;
  y[64 + threadIdx.x] = y[63 - threadIdx.x];"""
    report = launch(body, max_faults=3)
    told = [(fault.source.line, fault.others[0].source.line) for fault in report.faults]
    assert sorted(map(sorted, told)) == [[4, 6], [8, 9]]
    (tile,) = [fault for fault in report.faults if fault.space == "shared"]
    assert tile.occurrences > 8


def test_a_report_of_races_is_the_same_every_time() -> None:
    for name in ("race/in_place_scan", "race/last_block_without_fence", "missing_wait/one_group_too_few"):
        one, two = (PLANTED[name].run(fixed=False, races=True, max_faults=100) for _ in range(2))
        assert one.report.json == two.report.json and one.contents == two.contents


def test_a_second_launch_of_one_machine_is_ordered_behind_the_first(tmp_path: Path) -> None:
    file = tmp_path / "kernel.cu"
    file.write_text('extern "C" __global__ void kernel(int *y) { y[127 - threadIdx.x] += threadIdx.x; }\n')
    with Machine(Module(compiled_file(file, TARGET)), memory_bytes=1 << 24) as machine:
        y = machine.array(np.zeros(128, np.int32))
        for block in (128, 64, 128):
            report = machine.launch("kernel", grid=1, block=block, args=[y], budget=10**5, check_races=True)
            assert kinds(report) == ([], [])


REMARKS = {
    "the lanes of one store agree": "y[threadIdx.x / 32 * 32] = 7;",
    "all warps agree": "y[0] = 7;",
}


@pytest.mark.parametrize("body", REMARKS.values(), ids=list(REMARKS))
def test_stores_of_one_value_are_a_remark(launch: Launch, body: str) -> None:
    report = launch(body)
    assert kinds(report) == ([], ["race"])
    assert "same value" in report.remarks[0].message


def test_stores_of_one_value_by_two_blocks_are_a_remark(launch: Launch) -> None:
    report = launch("if (threadIdx.x == 0) y[0] = 7;", grid=2)
    assert kinds(report) == ([], ["race"])
    assert report.remarks[0].others[0].block == (0, 0, 0)


def test_a_copy_that_is_dropped_is_a_remark(launch: Launch) -> None:
    report = launch(
        "__shared__ int tile[64]; unsigned at = (unsigned)__cvta_generic_to_shared(tile + threadIdx.x);\n"
        'asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(at), "l"(y + threadIdx.x));',
        grid=2,
    )
    assert kinds(report) == ([], ["missing_wait"])
    assert report.remarks[0].occurrences == 128 == report.counts["async_copies_dropped"]


def test_a_guess_that_a_compare_and_swap_checks_is_a_remark(launch: Launch) -> None:
    report = launch("int old = *y, seen; do { seen = old; old = atomicCAS(y, seen, seen + 1); } while (old != seen);")
    found, remarked = kinds(report)
    assert not found and set(remarked) == {"race"}
    assert all("a guess that the atomic checks" in remark.message for remark in report.remarks)


CLEAN = {
    "bytes of one word": "__shared__ unsigned char t[64]; t[threadIdx.x] = 1; y[threadIdx.x] = t[threadIdx.x];",
    "halves of one word in global memory": "((short *)y)[threadIdx.x * 2 + threadIdx.x / 32] = threadIdx.x;",
    "a volatile flag is read and written": "volatile int *v = y; if (threadIdx.x == 0) *v = 1; else (void)*v;",
    "atomics of one block with block scope": "atomicAdd_block(y, 1);",
    "local memory": "int own[4]; for (int k = 0; k < 4; ++k) own[(k + y[0]) & 3] = k;"
    " y[threadIdx.x + 64] = own[y[1] & 3];",
    "loads before a shuffle": "__shared__ int t[64]; t[threadIdx.x] = 1; __syncthreads(); int v = t[threadIdx.x ^ 1];"
    " v = __shfl_xor_sync(~0u, v, 1); t[threadIdx.x] = v; y[threadIdx.x] = v;",
}


@pytest.mark.parametrize("body", CLEAN.values(), ids=list(CLEAN))
def test_what_does_not_race(launch: Launch, body: str) -> None:
    assert kinds(launch(body)) == ([], [])


RACES = {
    "volatile words between lanes of a warp": "__shared__ volatile int t[32]; t[threadIdx.x] = threadIdx.x;"
    " y[threadIdx.x] = t[threadIdx.x ^ 1];",
    "a store before a shuffle": "__shared__ int t[32]; t[threadIdx.x] = threadIdx.x; "
    "int v = __shfl_xor_sync(~0u, 1, 1); y[threadIdx.x] = t[threadIdx.x ^ v];",
    "a plain load beside atomics": "atomicAdd(y, 1); y[1 + threadIdx.x] = y[0];",
}


@pytest.mark.parametrize("body", RACES.values(), ids=list(RACES))
def test_what_does_race(launch: Launch, body: str) -> None:
    faults: tuple[Fault, ...] = launch(body, block=32).faults
    assert {fault.kind for fault in faults} == {"race"}


def test_a_shared_variable_is_called_as_in_the_source(launch: Launch) -> None:
    report = launch("__shared__ int sumE3s[64]; sumE3s[threadIdx.x] = 1; y[threadIdx.x] = sumE3s[63 - threadIdx.x];")
    assert report.faults[0].allocation == "sumE3s"
    assert "of 'sumE3s', which has 256 bytes" in report.faults[0].message
