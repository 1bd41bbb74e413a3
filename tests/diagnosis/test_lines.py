"""Counts by source line: sums over instructions, files kept apart, the hottest line by what decides."""

from __future__ import annotations

import pytest
from made_subjects import line, subject

from kernelevo.diagnosis.lines import decisive, heat_measure, hottest, line_totals

LOAD, TILE = "ld.global.f32 %f1, [%rd1]", "ld.shared.f32 %f2, [%r1]"


def test_a_line_is_the_sum_of_its_instructions_each_space_by_its_own_unit() -> None:
    lines = [
        line(3, TILE, 10, wavefronts=20, ptx_line=8), line(3, LOAD, 10, sectors=320, ptx_line=7),
        line(3, "add.f32 %f3, %f1, %f2", 10, threads=160, slots=1, ptx_line=9),
    ]  # fmt: skip
    (found,) = line_totals(lines)
    assert (found.file, found.line, found.warp_instructions, found.slots) == ("k.cu", 3, 30, 10)
    assert (found.requests, found.sectors, found.least_sectors, found.sectors_per_request) == (10, 320, 40, 32)
    assert (found.shared_requests, found.wavefronts, found.least_wavefronts) == (10, 20, 10)
    assert found.wavefronts_per_request == 2 and found.lanes == pytest.approx(800 / 30)
    assert [each.ptx_line for each in found.ptx] == [7, 8, 9]


def test_one_number_in_two_files_is_two_lines() -> None:
    found = line_totals([line(3, LOAD, 5, sectors=5), line(3, LOAD, 7, sectors=7, file="cuda_fp16.hpp")])
    assert [(each.file, each.sectors) for each in found] == [("cuda_fp16.hpp", 7), ("k.cu", 5)]


def test_a_line_without_requests_has_no_ratio() -> None:
    (found,) = line_totals([line(1, "add.s32 %r1, %r1, 1", 0, threads=0)])
    assert (found.sectors_per_request, found.wavefronts_per_request, found.lanes) == (0, 0, 0)


BUSY, SCATTERED, CONFLICTED = (
    line(1, "fma.rn.f32 %f1, %f1, %f1, %f1", 90), line(2, LOAD, 5, sectors=160), line(4, TILE, 6, wavefronts=64),
)  # fmt: skip


@pytest.mark.parametrize(
    ("limiter", "first"), [("issue", 1), ("fp32", 1), ("DRAM bandwidth", 2), ("latency", 2), ("shared memory", 4)]
)
def test_the_hottest_line_is_the_one_that_causes_the_bound(limiter: str, first: int) -> None:
    assert hottest(line_totals([BUSY, SCATTERED, CONFLICTED]), limiter, 1)[0].line == first


def test_where_latency_decides_lines_are_judged_by_what_comes_next() -> None:
    assert decisive(subject({"latency": 9.0, "issue": 2.0, "shared memory": 5.0}).step) == "shared memory"
    assert decisive(subject({"latency": 9.0, "issue": 0.0}).step) == "latency"
    assert decisive(subject({"issue": 9.0, "latency": 5.0}).step) == "issue"
    assert [heat_measure(name) for name in ("shared memory", "latency", "fp32")] == [
        "wavefronts", "sectors", "warp instructions",
    ]  # fmt: skip
