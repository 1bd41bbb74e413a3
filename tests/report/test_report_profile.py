"""What `profile` shows of a launch: the hottest lines are those that cause what the launch is bound by."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from kernelevo.answer import Floor
from kernelevo.report_profile import HotLine, hot_lines, machine_code_lines, print_profile
from kernelevo.types import CaseResult, Check, Figure, LineCounts, SourceLine, Status, StepReport, Verdict

DEVICE = "virtual:h100"
COUNTS = {"warp_instructions": 12, "thread_instructions": 96, "blocks": 4, "branches": 8, "divergent_branches": 2}
ACCESSES = {"global_load_requests": 2, "global_load_sectors": 64}


def line(number: int, instructions: int, sectors: int = 0, wavefronts: int = 0) -> LineCounts:
    return LineCounts(SourceLine("f.cu", number), 0, "", instructions, 0, 1, sectors, wavefronts, 0)


def step(limiter: str, *lines: LineCounts) -> StepReport:
    details = {
        "bounds_us": {"issue": 1.0, "latency": 2.0, "fp64": 0.0}, "grid": [4, 1, 1], "block": [16, 2, 1],
        "occupancy_limiter": "warps", "resident_blocks": 8,
    }  # fmt: skip
    return StepReport(
        "_Z1fPf", {**COUNTS, **ACCESSES}, lines, "", Figure(2.5, "us", DEVICE, "modelled"), limiter, 0.5, details
    )


def shown(report: StepReport, floors: dict[str, Floor]) -> str:
    time = Figure(2.5, "us", DEVICE, "modelled")
    case = CaseResult("n=8", {"n": 8}, time, report.counts, report.limiter, 0.5, (report,))
    kernels = [{"name": "f<2>", "symbol": "_Z1fPf", "registers": 40, "spill_bytes": 8, "static_shared_bytes": 128,
                "dynamic_shared_bytes": 64}]  # fmt: skip
    verdict = Verdict(
        "c", DEVICE, Status.PASSED, "", time, (case,), (Check("outputs", True, ""),), image={"kernels": kernels}
    )
    console = Console(file=io.StringIO(), width=120)
    print_profile(console, verdict, "one\ntwo\nthree", floors)
    return console.file.getvalue()


def test_hot_lines_are_summed_by_source_line() -> None:
    found = hot_lines(step("issue", line(3, 5, 1), line(9, 7), line(3, 4, 2)))
    assert found == [HotLine(3, 9, 2, 3, 0, 0), HotLine(9, 7, 1, 0, 0, 0)]


@pytest.mark.parametrize(
    ("limiter", "first"), [("issue", 1), ("DRAM bandwidth", 2), ("latency", 2), ("shared memory", 3)]
)
def test_the_hottest_line_is_the_one_that_causes_the_bound(limiter: str, first: int) -> None:
    lines = (line(1, 90), line(2, 5, sectors=64), line(3, 6, wavefronts=64))
    assert hot_lines(step(limiter, *lines))[0].line == first


def test_a_launch_is_described_by_its_size_bounds_registers_and_efficiency() -> None:
    text = shown(step("latency", line(2, 12, 64)), {"n=8": Floor(2.0, "at least 1 byte")})
    assert "launch of f<2>, grid 4, block 16 x 2: 2.5 us; bound by latency; occupancy 50% where blocks run" in text
    assert "8 bytes spilled; 128 bytes of static shared memory; 64 bytes of dynamic shared memory" in text
    assert "4 of the 8 blocks that fit the GPU at once (0.5 waves)" in text
    assert "(us): latency 2, instruction issue 1" in text and "FP64" not in text
    assert "8.0 of 32 lanes active; 2 of 8 branches diverge" in text
    assert "1.25 times the floor of 2 us (at least 1 byte)" in text and "modelled" in text
    assert next(row for row in text.splitlines() if "global loads" in row).split()[-1] == "32.00"
    assert next(row for row in text.splitlines() if "two" in row).split()[0] == "2"


def test_what_the_device_does_not_say_is_not_shown() -> None:
    bare = StepReport("_Z1gPf", {}, (), "", None, "", None)
    text = shown(bare, {})
    assert "launch of _Z1gPf: not timed; bound by unknown" in text
    assert "floor" not in text and "registers" not in text and "occupancy" not in text


def test_the_machine_code_is_said_or_that_it_was_not_read() -> None:
    by_class = {"fp32": {"ptx": 4000, "used": 2500, "machine": 2500}, "control": {"ptx": 10, "used": 10, "machine": 10}}
    said = {"source": "nvdisasm 13.5", "agreement": 0.98, "agreement_of_ptx": 0.61, "known": 0.97, "by_class": by_class}
    (line,) = machine_code_lines({"bounds_us": {}, "machine_code": said})
    assert "nvdisasm 13.5): agreement 0.98, 0.61 before correction; 97% of the instructions" in line
    assert "fp32 4,000 -> 2,500" in line
    (absent,) = machine_code_lines({"bounds_us": {}})
    assert "machine code not read" in absent
    assert machine_code_lines({}) == [], "a device that measures has nothing to model from"
