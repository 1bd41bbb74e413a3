"""The counts of known access patterns, as exact integers, each derived by hand from what is counted."""

from __future__ import annotations

import access
import numpy as np
import pytest

from kernelevo.virtual import LaunchReport, Machine, Module, Timing

LOAD = "ld.global.u32 %r3, [address];"
STORE = "st.global.u32 [address], %r3;"
LOAD_V4 = "ld.global.v4.u32 {%r3, %r4, %r5, %r6}, [address];"
# The kernel loads its 32 offsets first: one dense request of 128 bytes.
OWN_SECTORS, OWN_REQUESTS = 4, 1

GLOBAL_PATTERNS = [
    ("dense", [4 * i for i in range(32)], 4),
    ("all lanes one word", [0] * 32, 1),
    ("every second word", [8 * i for i in range(32)], 8),
    ("one word a sector", [32 * i for i in range(32)], 32),
    ("one word a row of 4096 bytes", [4096 * i for i in range(32)], 32),
    ("dense, backwards", [4 * (31 - i) for i in range(32)], 4),
    ("dense, shuffled", [4 * (i * 7 % 32) for i in range(32)], 4),
    ("dense from the middle of a sector", [16 + 4 * i for i in range(32)], 5),
    ("two rows of half a warp", [4096 * (i // 16) + 4 * (i % 16) for i in range(32)], 4),
    ("two half warps on one row", [4 * (i % 16) for i in range(32)], 2),
    ("far and near in turn", [4096 * (i % 2) + 4 * (i // 2) for i in range(32)], 4),
    ("half a warp, dense", [4 * i for i in range(16)], 2),
]


@pytest.mark.parametrize(("offsets", "sectors"), [p[1:] for p in GLOBAL_PATTERNS], ids=[p[0] for p in GLOBAL_PATTERNS])
def test_global_sectors_of_a_request(offsets: list[int], sectors: int) -> None:
    counts = access.launch_global(LOAD, offsets).counts
    own = len(offsets) * 4 // 32
    assert counts["global_load_requests"] == OWN_REQUESTS + 1
    assert counts["global_load_sectors"] == own + sectors
    assert counts["global_load_bytes"] == len(offsets) * (4 + 4)
    counts = access.launch_global(STORE, offsets).counts
    assert (counts["global_store_requests"], counts["global_store_sectors"]) == (1, sectors)
    assert counts["global_store_bytes"] == len(offsets) * 4


def test_global_sectors_of_vectors_and_skewed_buffers() -> None:
    dense = [16 * i for i in range(32)]
    assert access.launch_global(LOAD_V4, dense).counts["global_load_sectors"] == OWN_SECTORS + 16
    skewed = access.launch_global(LOAD, [4 * i for i in range(32)], skew=4)
    assert skewed.counts["global_load_sectors"] == OWN_SECTORS + 5


SHARED_LOAD = "ld.shared.u32 %r3, [address];"
SHARED_STORE = "st.shared.u32 [address], %r3;"
SHARED_LOAD_V2 = "ld.shared.v2.u32 {%r3, %r4}, [address];"
SHARED_LOAD_V4 = "ld.shared.v4.u32 {%r3, %r4, %r5, %r6}, [address];"
SHARED_PATTERNS = [
    ("dense", SHARED_LOAD, [4 * i for i in range(32)], 1),
    ("broadcast", SHARED_LOAD, [64] * 32, 1),
    ("two words of two banks", SHARED_LOAD, [4 * (i % 2) for i in range(32)], 1),
    ("every second word", SHARED_LOAD, [8 * i for i in range(32)], 2),
    ("a column of a 32-wide tile", SHARED_LOAD, [128 * i for i in range(32)], 32),
    ("a column of a 33-wide tile", SHARED_LOAD, [132 * i for i in range(32)], 1),
    ("half on one word, half on another of its bank", SHARED_LOAD, [128 * (i // 16) for i in range(32)], 2),
    ("shuffled without conflict", SHARED_LOAD, [4 * (i * 5 % 32) for i in range(32)], 1),
    ("three on one bank, else free", SHARED_LOAD, [4 * i for i in range(30)] + [128, 256], 3),
    ("bytes of eight words", "ld.shared.u8 %r3, [address];", list(range(32)), 1),
    ("dense pairs", SHARED_LOAD_V2, [8 * i for i in range(32)], 2),
    ("dense quadruples", SHARED_LOAD_V4, [16 * i for i in range(32)], 4),
    ("a quadruple by one lane", SHARED_LOAD_V4, [0], 1),
    ("one quadruple by all lanes", SHARED_LOAD_V4, [0] * 32, 4),
    ("quadruples, 32 bytes apart", SHARED_LOAD_V4, [32 * i for i in range(32)], 8),
]


@pytest.mark.parametrize(
    ("instruction", "offsets", "wavefronts"), [p[1:] for p in SHARED_PATTERNS], ids=[p[0] for p in SHARED_PATTERNS]
)
def test_shared_wavefronts_of_a_request(instruction: str, offsets: list[int], wavefronts: int) -> None:
    counts = access.launch_shared(
        "st.shared.v4.u32 [address], {%r3, %r4, %r5, %r6};", [16 * i for i in range(32)]
    ).counts
    assert (counts["shared_store_requests"], counts["shared_store_wavefronts"]) == (1, 4)
    counts = access.launch_shared(instruction, offsets).counts
    assert (counts["shared_load_requests"], counts["shared_load_wavefronts"]) == (1, wavefronts)


def test_instructions_are_counted_by_warp_and_by_thread_and_by_class() -> None:
    counts = access.launch_global(LOAD, [0] * 40).counts
    # 13 instructions, the ret included, executed by two warps: 32 and 8 threads.
    assert (counts["blocks"], counts["warps"], counts["threads"]) == (1, 2, 40)
    assert counts["warp_instructions"] == 2 * 13
    assert counts["thread_instructions"] == 40 * 13
    assert counts["warp.global_load"] == 2 * 2
    assert counts["thread.global_load"] == 2 * 40
    classes = [name for name in counts if name.startswith("warp.")]
    assert sum(counts[name] for name in classes) == counts["warp_instructions"]
    threads = [name for name in counts if name.startswith("thread.")]
    assert sum(counts[name] for name in threads) == counts["thread_instructions"]
    slots = [name for name in counts if name.startswith("slots.")]
    assert sum(counts[name] for name in slots) == counts["issue_slots"]


def test_without_counters_nothing_is_counted_but_the_result_is_the_same() -> None:
    with Machine(Module(access.global_kernel(STORE)), memory_bytes=1 << 20) as machine:
        data, offsets = machine.empty(32, np.uint32), machine.array(np.arange(32, dtype=np.uint32) * 4)
        args = [data, offsets]
        report = machine.launch("access", grid=1, block=32, args=args, budget=1000, counters=False)
        assert report.faults == ()
        assert report.counts["global_store_sectors"] == 0
        assert data.numpy().tolist() == [0] * 32


def test_atomics_count_their_lanes_and_the_hottest_address() -> None:
    red = "red.global.add.u32 [address], 1;"
    spread = access.launch_global(red, [4 * i for i in range(32)]).counts
    assert (spread["global_atomic_requests"], spread["global_atomic_lanes"]) == (1, 32)
    assert (spread["global_atomic_sectors"], spread["global_atomic_hottest"]) == (4, 1)
    same = access.launch_global(red, [0] * 64).counts
    assert (same["global_atomic_requests"], same["global_atomic_lanes"]) == (2, 64)
    assert (same["global_atomic_sectors"], same["global_atomic_hottest"]) == (2, 64)


def test_lines_attribute_every_instruction_and_sector() -> None:
    with Machine(Module(access.global_kernel(LOAD)), memory_bytes=1 << 20) as machine:
        data, offsets = machine.array(np.zeros(4096, np.uint32)), machine.array(np.arange(32, dtype=np.uint32) * 32)
        report = machine.launch("access", grid=3, block=32, args=[data, offsets], budget=1000, lines=True)
    assert sum(line.warp_instructions for line in report.lines) == report.counts["warp_instructions"]
    assert sum(line.thread_instructions for line in report.lines) == report.counts["thread_instructions"]
    (strided,) = [line for line in report.lines if line.sectors == 3 * 32]
    assert strided.instruction.startswith("ld.global.u32 %r3")
    assert (strided.requests, strided.warp_instructions) == (3, 3)
    text = access.global_kernel(LOAD).splitlines()[strided.ptx_line - 1]
    assert text.strip() == LOAD


READ_AND_WRITE = (
    access.HEAD
    + """
.visible .entry read_and_write(.param .u64 in, .param .u64 out, .param .u32 again)
{
  .reg .pred %p<2>;
  .reg .b32 %r<6>;
  .reg .b64 %rd<6>;
  ld.param.u64 %rd1, [in];
  ld.param.u64 %rd2, [out];
  ld.param.u32 %r5, [again];
  mov.u32 %r1, %tid.x;
  mov.u32 %r2, %ctaid.x;
  mov.u32 %r3, %ntid.x;
  mad.lo.u32 %r1, %r2, %r3, %r1;
  mad.wide.u32 %rd3, %r1, 4, %rd1;
  mad.wide.u32 %rd4, %r1, 4, %rd2;
  ld.global.u32 %r4, [%rd3];
  setp.eq.u32 %p1, %r5, 0;
  @%p1 bra STORE;
  ld.global.u32 %r4, [%rd3];
STORE:
  st.global.u32 [%rd4], %r4;
  ret;
}
"""
)


def _read_and_write(again: int, launches: int = 1, elements: int = 4096, **timing: int) -> LaunchReport:
    with Machine(Module(READ_AND_WRITE), memory_bytes=1 << 24) as machine:
        source = machine.array(np.zeros(elements, np.uint32))
        target = machine.empty(elements, np.uint32)
        for _ in range(launches):
            report = machine.launch(
                "read_and_write",
                grid=elements // 256,
                block=256,
                args=[source, target, again],
                budget=10**6,
                caches=True,
                timing=Timing(**timing),
            )
            assert report.faults == ()
    return report


SECTORS = 4096 * 4 // 32


def test_first_read_comes_from_dram_and_every_written_sector_goes_back_once() -> None:
    counts = _read_and_write(again=0).counts
    assert counts["global_load_sectors"] == counts["l1_miss_sectors"] == counts["l2_read_sectors"] == SECTORS
    assert counts["dram_read_sectors"] == SECTORS
    assert counts["l2_write_sectors"] == counts["dram_write_sectors"] == SECTORS


def test_second_read_in_a_block_hits_l1() -> None:
    counts = _read_and_write(again=1).counts
    assert counts["global_load_sectors"] == 2 * SECTORS
    assert counts["l1_miss_sectors"] == counts["dram_read_sectors"] == SECTORS


def test_second_launch_reads_a_small_buffer_from_l2_and_none_from_dram() -> None:
    counts = _read_and_write(again=0, launches=2).counts
    assert counts["l1_miss_sectors"] == SECTORS
    assert counts["dram_read_sectors"] == 0
    assert counts["dram_write_sectors"] == SECTORS


def test_second_launch_reads_again_from_dram_when_l2_is_too_small() -> None:
    counts = _read_and_write(again=0, launches=2, l2_bytes=4096).counts
    assert counts["dram_read_sectors"] == SECTORS


def _chain(length: int) -> str:
    body = "\n".join("  mul.lo.u32 %r1, %r1, %r1;" for _ in range(length))
    independent = "\n".join(f"  mul.lo.u32 %r{i + 2}, %r1, %r1;" for i in range(length))
    entry = "\n.visible .entry {name}()\n{{\n  .reg .b32 %r<100>;\n  mov.u32 %r1, 3;\n{body}\n  ret;\n}}\n"
    return access.HEAD + entry.format(name="chain", body=body) + entry.format(name="apart", body=independent)


def _cycles(kernel: str, length: int, **timing: int) -> int:
    with Machine(Module(_chain(length)), memory_bytes=1 << 20) as machine:
        report = machine.launch(
            kernel, grid=2, block=32, args=[], budget=10**4, caches=True, scoreboard=True, timing=Timing(**timing)
        )
    assert report.faults == ()
    assert report.counts["chain_cycles_sum"] == 2 * report.counts["chain_cycles_max"]
    return report.counts["chain_cycles_max"]


def test_a_chain_costs_a_latency_for_each_link_and_independent_work_one_cycle() -> None:
    assert _cycles("chain", 40) - _cycles("chain", 20) == 20 * Timing().alu
    assert _cycles("apart", 40) - _cycles("apart", 20) == 20
    assert _cycles("chain", 40, alu=9) - _cycles("chain", 20, alu=9) == 20 * 9


def test_a_load_from_dram_lengthens_the_chain_more_than_one_from_l2() -> None:
    def cycles(launches: int) -> int:
        with Machine(Module(READ_AND_WRITE), memory_bytes=1 << 20) as machine:
            args = [machine.array(np.zeros(256, np.uint32)), machine.empty(256, np.uint32), 0]
            for _ in range(launches):
                report = machine.launch(
                    "read_and_write", grid=1, block=256, args=args, budget=10**4, caches=True, scoreboard=True
                )
        return report.counts["chain_cycles_max"]

    assert cycles(1) - cycles(2) == Timing().dram - Timing().l2_hit


L1_PATTERNS = [
    ("dense", [4 * i for i in range(32)], 1),
    ("all lanes one word", [0] * 32, 1),
    *((f"every {stride} words", [4 * stride * i for i in range(32)], stride) for stride in (2, 4, 8, 16, 32)),
    ("one word a row of 4096 bytes: one bank", [4096 * i for i in range(32)], 32),
    ("every third word: three lines, no bank twice", [12 * i for i in range(32)], 1),
    ("every ninth word: nine lines, no bank twice", [36 * i for i in range(32)], 3),
    ("every 31st word: 31 lines, no bank twice", [124 * i for i in range(32)], 8),
    ("half a warp on one bank", [128 * i for i in range(16)], 16),
]


@pytest.mark.parametrize(("offsets", "cycles"), [p[1:] for p in L1_PATTERNS], ids=[p[0] for p in L1_PATTERNS])
def test_l1_gives_a_load_in_the_cycles_of_its_banks_or_lines(offsets: list[int], cycles: int) -> None:
    """gpu-benches measures on A100 and H200 2, 4, 8, 16 cycles for these strides, 3.0 for 9 words, 8.0 for 31."""
    counts = access.launch_global(LOAD, offsets, caches=True).counts
    assert counts["l1_load_wavefronts"] == OWN_REQUESTS + cycles
    assert access.launch_global(STORE, offsets, caches=True).counts["l1_load_wavefronts"] == OWN_REQUESTS


def test_sixteen_bytes_a_lane_take_four_cycles_of_l1() -> None:
    counts = access.launch_global(LOAD_V4, [16 * i for i in range(32)], caches=True).counts
    assert counts["l1_load_wavefronts"] == OWN_REQUESTS + 4


TWO_LOADS = """
.visible .entry {name}()
{{
  .reg .b32 %r<6>;
  .shared .align 4 .b8 words[8];
  mov.u32 %r1, words;
  ld.shared.u32 %r2, [%r1];
  mul.lo.u32 %r3, %r2, %r2;{between}
  ld.shared.u32 %r4, [%r1+4];
  mul.lo.u32 %r5, %r4, %r4;
  ret;
}}
"""


def test_a_load_is_moved_away_from_its_use_within_a_basic_block_but_not_across_a_barrier() -> None:
    """As ptxas does: two loads with their uses take one latency, and two with a barrier between."""
    text = access.HEAD + TWO_LOADS.format(name="straight", between="")
    text += TWO_LOADS.format(name="parted", between="\n  bar.sync 0;")

    def cycles(kernel: str, shared: int) -> int:
        with Machine(Module(text), memory_bytes=1 << 20) as machine:
            report = machine.launch(
                kernel, grid=1, block=32, args=[], budget=100, caches=True, scoreboard=True,
                timing=Timing(shared=shared),
            )  # fmt: skip
        assert report.faults == ()
        return report.counts["chain_cycles_max"]

    assert cycles("straight", 1000) - cycles("straight", 100) == 900
    assert cycles("parted", 1000) - cycles("parted", 100) == 2 * 900
