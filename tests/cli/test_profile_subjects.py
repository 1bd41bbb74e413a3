"""What a profile is made of: each launch is joined with what its plan says of buffers, of L2 before it, of tiles."""

from __future__ import annotations

from pathlib import Path

from kernelevo.commands.profile_subjects import profile_of
from kernelevo.devices.null import PROPERTIES
from kernelevo.diagnosis.subject import Subject
from kernelevo.run import Judged, open_task
from kernelevo.settings import Request
from kernelevo.types import CaseResult, Check, Figure, RunRecord, Status, StepReport, Verdict

RECORD = RunRecord("", "check", "", "virtual:h100", "modelled", "twice", {}, {}, {})

PROBLEM = """from kernelevo import Input, Output, Problem

problem = Problem([Input("x", "f32[n]"), Output("y", "f32[n]")], lambda x: x * 2, ["n=1000"])
"""
CUDA = """#pragma kernelevo temp f32 part[10]
#pragma kernelevo zero part
#pragma kernelevo launch first<<<4, 256>>>(x, n)
#pragma kernelevo launch second<<<4, 256>>>(x, part)
#pragma kernelevo launch third<<<4, 256>>>(y, n)
__global__ void first(const float* x, int n) {}
__global__ void second(const float* x, float* part) {}
__global__ void third(float* y, int n) {}
"""
TRITON = """import triton
import triton.language as tl

# kernelevo: launch twice[ceildiv(n, 32)](x, y, n, BLOCK=32, num_warps=4)


@triton.jit
def twice(x, y, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + at, tl.load(x + at, at < n) * 2, at < n)
"""


def subjects(folder: Path, name: str, text: str, steps: int) -> tuple[Subject, ...]:
    """Of the file with this text, beside a problem of another name, of which so many steps were timed."""
    (folder / "twice.problem.py").write_text(PROBLEM)
    (folder / name).write_text(text)
    task = open_task(Request(folder / name, folder / "twice.problem.py"))
    time = Figure(3.0, "us", "virtual:h100", "modelled")
    reports = tuple(StepReport(f"step{place}", {}, time=time) for place in range(steps))
    case = CaseResult("n=1000", {"n": 1000}, time, {}, "", 0.0, reports)
    verdict = Verdict("c", "virtual:h100", Status.PASSED, "", time, (case,), (Check("outputs", True, ""),))
    return tuple(profile_of(Judged(task, verdict, {}, PROPERTIES, 0.2, RECORD)).subjects["n=1000"])


def test_l2_is_warm_where_an_earlier_step_was_given_one_of_the_buffers(tmp_path: Path) -> None:
    found = subjects(tmp_path, "mine.cu", CUDA, 4)
    assert [each.warm for each in found] == [False, False, True, False]
    assert [each.buffer_bytes for each in found] == [40, 4000, 4040, 4000]
    assert {each.file for each in found} == {"mine.cu"} and {each.tile for each in found} == {0}


def test_where_the_plan_is_not_known_only_the_first_step_is_known_to_be_cold(tmp_path: Path) -> None:
    found = subjects(tmp_path, "mine.cu", CUDA, 2)  # of a plan of four
    assert [each.warm for each in found] == [False, True] and [each.buffer_bytes for each in found] == [0, 0]


def test_a_triton_launch_has_its_tile(tmp_path: Path) -> None:
    (found,) = subjects(tmp_path, "mine.triton.py", TRITON, 1)
    assert (found.tile, found.file) == (32, "mine.triton.py")
