"""Counts of a whole grid from a sample of its blocks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from devices.test_virtual import BUDGET, BUFFERS, N, launch

from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.compilers.toolkit import find_toolkit
from kernelevo.devices.sampling import differs, whole_grid
from kernelevo.devices.virtual import VirtualDevice, open_virtual
from kernelevo.errors import NotInstalled
from kernelevo.sandbox import Sandbox
from kernelevo.types import Budget, BuildRequest, Image, Job, Launch, RunReport, Sample, StepReport
from kernelevo.wire.sample import RAW, SampleCounts, StratumCounts

SOURCE = """extern "C" __global__ void uneven(const float *x, float *y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  float sum = 0;
  for (int k = 0; k <= blockIdx.x; k++) sum += x[(i + k * 32) % n];
  y[i] = sum;
}
extern "C" __global__ void summed(const float *x, float *y, int n) {
  atomicAdd(y, x[blockIdx.x * blockDim.x + threadIdx.x]);
}
extern "C" __global__ void twice(const float *x, float *y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = 2 * x[i];
}
"""
BLOCKS = N // 64


def sampled(blocks: int, of: int, ranges: dict[str, tuple[int, int]] | None = None, **counts: int) -> StratumCounts:
    same = dict.fromkeys(("warp_instructions", "sectors", "wavefronts", "chain_cycles"), (7, 7))
    return StratumCounts(of, blocks, counts, same | (ranges or {}))


def step(counts: dict[str, int], *strata: StratumCounts, only: bool = False) -> StepReport:
    return StepReport("k", counts, details={RAW: SampleCounts("", only, 5, strata), "kept": 1})


ONE = {
    "l1_load_wavefronts": 2, "l1_miss_sectors": 4, "l2_read_sectors": 3, "chain_cycles_sum": 100,
    "global_load_sectors": 8,
}  # fmt: skip
ALL = {
    "blocks": 10, "warps": 20, "threads": 640, "warp_instructions": 50, "global_load_sectors": 80,
    "dram_read_sectors": 5, "dram_write_sectors": 6, "l1_load_wavefronts": 4, "l1_miss_sectors": 8,
    "l2_read_sectors": 6,
    "chain_cycles_sum": 200, "chain_cycles_max": 100,
}  # fmt: skip


def test_estimates_add_up_the_strata_and_exact_counts_stay() -> None:
    first = sampled(1, 1, warp_instructions=14, **ONE)
    rest = sampled(2, 9, warp_instructions=8, **{name: 2 * count for name, count in ONE.items()})
    whole = whole_grid(step(ALL, first, rest))
    estimates = {
        "l1_load_wavefronts": 20, "l1_miss_sectors": 40, "l2_read_sectors": 30, "chain_cycles_sum": 1000,
        "chain_cycles_max": 7,
    }  # fmt: skip
    assert whole.counts == {**ALL, **estimates}
    assert whole.details["kept"] == 1 and RAW not in whole.details
    words = whole.details["sampled"]
    assert (words["blocks"], words["of"], words["seed"], words["only"], words["differs"]) == (3, 10, 5, False, False)


def test_caches_follow_the_exact_number_of_sectors() -> None:
    whole = whole_grid(step({**ALL, "global_load_sectors": 160}, sampled(1, 10, warp_instructions=5, **ONE)))
    assert whole.counts["l1_miss_sectors"] == 80 and whole.counts["chain_cycles_sum"] == 1000


def test_where_only_the_sample_ran_everything_is_scaled() -> None:
    ran = {**ALL, "blocks": 2, "warps": 4, "threads": 128, "warp_instructions": 10}
    parts = {name: count for name, count in ALL.items() if name not in ("blocks", "warps", "threads")}
    whole = whole_grid(step(ran, sampled(1, 1, **parts), sampled(1, 9, **parts), only=True))
    assert (whole.counts["blocks"], whole.counts["warps"], whole.counts["threads"]) == (10, 20, 640)
    assert whole.counts["warp_instructions"] == 500 and whole.counts["dram_write_sectors"] == 30
    assert whole.details["sampled"]["only"] is True


@pytest.mark.parametrize(
    ("instructions", "ranges", "differing"),
    [
        (50, {}, False),
        (52, {}, True),
        (50, {"sectors": (100, 125)}, False),
        (50, {"sectors": (100, 126)}, True),
        (50, {"warp_instructions": (0, 1)}, False),
        (50, {"wavefronts": (0, 5)}, True),
        (50, {"chain_cycles": (100, 200)}, False),
        (50, {"chain_cycles": (100, 201)}, True),
    ],
)
def test_blocks_that_are_unlike_are_flagged(
    instructions: int, ranges: dict[str, tuple[int, int]], differing: bool
) -> None:
    stratum = sampled(1, 10, ranges, warp_instructions=5, **ONE)
    whole = whole_grid(step({**ALL, "warp_instructions": instructions}, stratum))
    assert whole.details["sampled"]["differs"] is differing
    assert differs(RunReport("done", {}, (whole,))) is differing


@pytest.mark.parametrize(("heaviest", "differing"), [(5, False), (6, False), (7, True)])
def test_a_block_that_outdoes_every_sampled_one_is_flagged(heaviest: int, differing: bool) -> None:
    stratum = sampled(1, 10, {"warp_instructions": (5, 5)}, warp_instructions=5, **ONE)
    whole = whole_grid(step({**ALL, "block_instructions_max": heaviest}, stratum))
    assert whole.details["sampled"]["differs"] is differing
    alone = whole_grid(step({**ALL, "block_instructions_max": heaviest}, stratum, only=True))
    assert alone.counts["block_instructions_max"] == heaviest, "the most of a block does not grow with the grid"


def test_a_step_that_was_watched_in_full_is_left_alone() -> None:
    assert whole_grid(StepReport("k", ALL)) == StepReport("k", ALL)
    asked = StepReport("k", ALL, details={RAW: SampleCounts("its grid is small", False, 5, ())})
    assert whole_grid(asked) == StepReport("k", ALL)


@pytest.fixture(scope="module")
def wall() -> Iterator[Sandbox]:
    try:
        toolkit = find_toolkit()
        sandbox = Sandbox(toolkit.library, toolkit.read_only)
    except NotInstalled as missing:
        pytest.skip(f"the native part or the compiler is missing: {missing}")
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="module")
def device(wall: Sandbox) -> VirtualDevice:
    return open_virtual("virtual:h100", wall)


@pytest.fixture(scope="module")
def unlike(wall: Sandbox) -> Image:
    request = BuildRequest(SOURCE, "unlike.cu", ("uneven", "summed", "twice"), "sm_90")
    built = NvrtcCompiler(wall, find_toolkit()).build(request, Budget(60.0, 4 << 30, 1))
    assert isinstance(built, Image), built
    return built


def run(
    device: VirtualDevice,
    image: Image,
    kernel: str,
    sample: Sample | None,
    **fields: Any,
) -> RunReport:
    step = dataclasses.replace(launch(image.kernel(kernel).name, BLOCKS), block=(64, 1, 1))
    job = Job(BUFFERS[:2], (step,), 0xFFC5FFC6, profile=True, track_uninitialised=False, sample=sample, **fields)
    (report,) = device.run(image, [job], BUDGET)
    assert report.ended == "done", report.fault
    return report


def test_equal_blocks_scale_exactly(device: VirtualDevice, unlike: Image) -> None:
    full, part = (run(device, unlike, "twice", sample) for sample in (None, Sample(64, 3)))
    assert part.outputs == full.outputs
    (whole,), (estimated,) = full.steps, part.steps
    pages = {"dram_read_sectors", "dram_write_sectors"}
    same = {name: count for name, count in whole.counts.items() if name not in pages}
    assert same == {name: count for name, count in estimated.counts.items() if name not in pages}
    assert all(estimated.counts[name] == pytest.approx(whole.counts[name], rel=0.15) for name in pages)
    sampled = estimated.details["sampled"]
    assert (sampled["of"], sampled["differs"], sampled["seed"]) == (BLOCKS, False, 3)
    assert 64 <= sampled["blocks"] < 80 and "sampled" not in whole.details


def test_blocks_whose_cost_depends_on_their_index_are_watched_in_full(
    device: VirtualDevice,
    unlike: Image,
) -> None:
    full, part = (run(device, unlike, "uneven", sample) for sample in (None, Sample(64, 3)))
    assert part == full and "sampled" not in part.steps[0].details
    only = run(device, unlike, "uneven", Sample(64, 3, only=True)).steps[0]
    assert only.details["sampled"]["differs"] is True
    assert only.counts["warp_instructions"] == pytest.approx(full.steps[0].counts["warp_instructions"], rel=0.02)


def test_blocks_that_update_one_address_are_watched_in_full(
    device: VirtualDevice,
    unlike: Image,
) -> None:
    full, part = (run(device, unlike, "summed", sample) for sample in (None, Sample(64, 3)))
    assert part.steps == full.steps


def test_a_sample_is_of_profiles_only(device: VirtualDevice, unlike: Image) -> None:
    step = Launch(unlike.kernel("twice").name, (BLOCKS, 1, 1), (64, 1, 1), 0, launch("twice").arguments)
    job = Job(BUFFERS[:2], (step,), 1, profile=False, track_uninitialised=True, sample=Sample(64, 3))
    (asked,) = device.run(unlike, [job], BUDGET)
    (plain,) = device.run(unlike, [dataclasses.replace(job, sample=None)], BUDGET)
    assert asked.outputs == plain.outputs and asked.steps[0].counts == plain.steps[0].counts
