"""A profile made by hand for the tests of terminal, page and data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kernelevo.answer import Floor
from kernelevo.diagnosis.subject import Card, Profile, Resources, Subject
from kernelevo.types import CaseResult, Check, Figure, LineCounts, SourceLine, Status, StepReport, Verdict

DEVICE = "virtual:h100"
COUNTS = {
    "warp_instructions": 12, "thread_instructions": 96, "blocks": 4, "warps": 4, "branches": 8, "divergent_branches": 2,
    "warp.fp32": 8, "warp.control": 4, "issue_slots": 12, "slots.fp32": 8,
    "global_load_requests": 2, "global_load_sectors": 64, "l1_miss_sectors": 32, "l2_read_sectors": 32,
    "dram_read_sectors": 16, "shared_load_requests": 2, "shared_load_wavefronts": 8,
}  # fmt: skip
SOURCE = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n"
CARD = Card(
    "a card for tests", 4, 64, 0.5, {"L1": 8e6, "shared memory": 4e6, "L2": 2e6, "DRAM": 1e6},
    {"FP32": 1e7, "FP64": 5e6, "FP16": 2e7, "tensor": 1e8}, 1e6,
    lambda threads, registers, shared: min(32, 64 // -(-threads // 32), 65536 // (32 * registers)),
)  # fmt: skip


def line(
    number: int, instructions: int, sectors: int = 0, wavefronts: int = 0, text: str = "", file: str = "f.cu",
    ptx_line: int = 0, divergent: int = 0,
) -> LineCounts:  # fmt: skip
    text = text or ("ld.shared.f32 %f1, [%r1]" if wavefronts else "ld.global.f32 %f1, [%rd1]")
    return LineCounts(
        SourceLine(file, number), ptx_line, text, instructions, 8 * instructions, 2, sectors, wavefronts, divergent
    )


def step(limiter: str, *lines: LineCounts, details: Mapping[str, Any] | None = None) -> StepReport:
    bounds = {"issue": 1.0, "latency": 2.0, "fp64": 0.0, "L1 sectors": 1.5}
    known = {
        "bounds_us": bounds, "grid": [4, 1, 1], "block": [16, 2, 1], "occupancy_limiter": "warps", "resident_blocks": 8,
    }  # fmt: skip
    return StepReport(
        "_Z1fPf", COUNTS, lines, "", Figure(2.5, "us", DEVICE, "modelled"), limiter, 0.5, {**known, **(details or {})}
    )


def profile(
    report: StepReport, floors: Mapping[str, Floor] | None = None, text: str = SOURCE, name: str = "f<2>",
    card: Card | None = CARD, file: str = "mine.cu",
) -> Profile:  # fmt: skip
    """One case with one launch."""
    time = Figure(2.5, "us", DEVICE, "modelled")
    case = CaseResult("n=8", {"n": 8}, time, report.counts, report.limiter, 0.5, (report,))
    verdict = Verdict("c", DEVICE, Status.PASSED, "", time, (case,), (Check("outputs", True, ""),))
    subject = Subject(report, name, "f.cu", case.dims, Resources(40, 192, 8), (), card)
    made = {"kernel": file, "device": DEVICE, "times": "modelled", "made by": "kernelevo 0"}
    return Profile(file, text, verdict, floors or {}, {case.name: (subject,)}, 0.25, made)
