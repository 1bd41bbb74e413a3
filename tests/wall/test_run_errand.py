"""Kernels behind the wall: real PTX from the real compiler, run on the virtual GPU in a jailed child."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator

import numpy as np
import pytest
from conformance.compiler import BUDGET, GOOD

from kernelevo.compilers.nvrtc import NvrtcCompiler
from kernelevo.compilers.toolkit import find_toolkit
from kernelevo.errors import SandboxBroken
from kernelevo.interfaces import WallAnswer
from kernelevo.sandbox import Sandbox
from kernelevo.types import (
    Budget,
    Buffer,
    BufferArgument,
    Clear,
    Image,
    Job,
    Launch,
    RunReport,
    ScalarArgument,
)
from kernelevo.wire.heads import HeadWriter
from kernelevo.wire.run import CACHES, LATENCIES, MachineLimits, run_reports, run_request

LIMITS = MachineLimits(threads_per_block=1024, shared_bytes_per_block=48 << 10, sms=4, memory_bytes=1 << 28)
TIMING = {**dict.fromkeys(LATENCIES, 4), **dict.fromkeys(CACHES, 1 << 20)}
SOURCE = """extern "C" __global__ void scale(const float *x, float *y, int n, double a) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] = x[i] * (float)a;
}
extern "C" __global__ void count(int *total) { atomicAdd(total, 1); }
extern "C" __global__ void wild(float *y) { y[1001] = 1; }
extern "C" __global__ void spin(volatile int *p) { while (*p == 0) { } }
"""
N = 1000
X = np.arange(N, dtype=np.float32)


@pytest.fixture(scope="module")
def wall() -> Iterator[Sandbox]:
    toolkit = find_toolkit()
    with Sandbox(toolkit.library, toolkit.read_only) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def image(wall: Sandbox) -> Image:
    built = NvrtcCompiler(wall, find_toolkit()).build(dataclasses.replace(GOOD, text=SOURCE, names=()), BUDGET)
    assert isinstance(built, Image), built
    return built


def launch(kernel: str, *arguments: str | float, grid: int = 1, block: int = 32, **fields: object) -> Launch:
    given = tuple(BufferArgument(one) if isinstance(one, str) else ScalarArgument(one) for one in arguments)
    return Launch(kernel, (grid, 1, 1), (block, 1, 1), 0, given, **fields)  # type: ignore[arg-type]


SCALE = launch("scale", "x", "y", N, 2.5, grid=8, block=128)
BUFFERS = (
    Buffer("x", 4 * N, X.tobytes(), read_back=True),
    Buffer("y", 4 * N, read_back=True),
    Buffer("total", 4, bytes(4), read_back=True),
)


def job(*steps: Launch | Clear, **fields: object) -> Job:
    made = Job(BUFFERS, steps, poison=0xDEADBEEF, profile=False, track_uninitialised=False)
    return dataclasses.replace(made, **fields)  # type: ignore[arg-type]


def run(wall: Sandbox, image: Image, *jobs: Job, instructions: int = 10**7, budget: Budget = BUDGET) -> list[RunReport]:
    request = run_request(image.ptx, jobs, LIMITS, lambda _: TIMING, instructions)
    return run_reports(wall.call(request, budget), jobs)


def test_outputs_come_back_and_inputs_too(wall: Sandbox, image: Image) -> None:
    (report,) = run(wall, image, job(SCALE))
    assert report.ended == "done"
    assert np.array_equal(np.frombuffer(report.outputs["y"], np.float32), X * np.float32(2.5))
    assert report.outputs["x"] == X.tobytes()
    (step,) = report.steps
    assert step.kernel == "scale"
    assert (step.counts["blocks"], step.counts["threads"]) == (8, 1024)
    assert (step.counts["global_load_requests"], step.counts["global_load_sectors"]) == (32, 125)
    assert step.counts["warp.global_store"] == 32


def test_what_is_not_written_reads_as_poison(wall: Sandbox, image: Image) -> None:
    half = launch("scale", "x", "y", N // 2, 1.0, grid=8, block=128)
    (report,) = run(wall, image, job(half))
    assert set(np.frombuffer(report.outputs["y"], np.uint32)[N // 2 :]) == {0xDEADBEEF}


def test_steps_run_in_order_and_clear_clears(wall: Sandbox, image: Image) -> None:
    count = launch("count", "total", block=64)
    once, cleared = run(wall, image, job(count, count), job(count, Clear("total"), count))
    assert int.from_bytes(once.outputs["total"], "little") == 128
    assert int.from_bytes(cleared.outputs["total"], "little") == 64
    assert len(cleared.steps) == 2


def test_every_job_starts_in_fresh_memory(wall: Sandbox, image: Image) -> None:
    reports = run(wall, image, *[job(launch("count", "total"))] * 3)
    assert [int.from_bytes(report.outputs["total"], "little") for report in reports] == [32, 32, 32]


def test_a_fault_ends_the_run_with_its_place(wall: Sandbox, image: Image) -> None:
    reports = run(wall, image, job(SCALE), job(launch("wild", "y")), job(SCALE))
    assert [report.ended for report in reports] == ["done", "fault"]
    fault = reports[1].fault
    assert fault is not None
    assert (fault.kind, fault.kernel, fault.allocation, fault.space) == ("out_of_bounds", "wild", "y", "global")
    assert (fault.source.file, fault.source.line) == ("scale.cu", 6)
    assert not reports[1].outputs


def test_an_endless_kernel_ends_at_its_instruction_budget(wall: Sandbox, image: Image) -> None:
    (report,) = run(wall, image, job(launch("spin", "total")), instructions=100_000)
    assert (report.ended, report.fault) == ("budget", None)


def test_the_instruction_budget_is_of_all_launches_together(wall: Sandbox, image: Image) -> None:
    (whole,) = run(wall, image, job(SCALE))
    one = whole.steps[0].counts["warp_instructions"]
    assert [report.ended for report in run(wall, image, job(SCALE), job(SCALE), instructions=2 * one)] == ["done"] * 2
    short = run(wall, image, job(SCALE), job(SCALE), instructions=2 * one - 1)
    assert [report.ended for report in short] == ["done", "budget"]


def test_an_endless_kernel_ends_at_the_clock(wall: Sandbox, image: Image) -> None:
    (report,) = run(wall, image, job(launch("spin", "total")), instructions=10**15, budget=Budget(0.5, 1 << 30, 1))
    assert report.ended == "killed"
    assert "0.5 s" in report.reason


def test_buffers_that_do_not_fit_are_said_so(wall: Sandbox, image: Image) -> None:
    large = job(SCALE, buffers=(*BUFFERS, Buffer("large", 1 << 29)))
    (report,) = run(wall, image, large)
    assert report.ended == "killed"
    assert "memory" in report.reason


@pytest.mark.parametrize(
    ("step", "kind", "words"),
    [
        (launch("scale", "x", "y", N), "invalid_launch", "takes 4 arguments, but the launch passes 3"),
        (launch("scale", "x", "y", 2.5, 2.5), "invalid_launch", "argument 3"),
        (launch("scale", "x", "y", 1 << 32, 2.5), "invalid_launch", "argument 3"),
        (launch("scale", "x", N, N, 2.5), "done", ""),
        (launch("scale", "x", "y", "x", 2.5), "invalid_launch", "argument 3"),
        (launch("absent"), "invalid_launch", "no kernel absent"),
        (launch("count", "total", cluster=(2, 1, 1)), "unsupported", "clusters"),
        (launch("count", "total", block=2048), "invalid_launch", ""),
    ],
)
def test_a_launch_that_does_not_fit_the_kernel_is_a_fault(
    wall: Sandbox, image: Image, step: Launch, kind: str, words: str
) -> None:
    (report,) = run(wall, image, job(step))
    if kind == "done":
        # An integer may be an address; it is the kernel's business that it is a wrong one.
        kind = "out_of_bounds"
    assert report.fault is not None
    assert report.fault.kind == kind
    assert words in report.fault.message


def test_an_integer_is_converted_to_a_floating_parameter(wall: Sandbox, image: Image) -> None:
    (report,) = run(wall, image, job(launch("scale", "x", "y", N, 3, grid=8, block=128)))
    assert np.array_equal(np.frombuffer(report.outputs["y"], np.float32), X * 3)


def test_a_profile_has_lines_of_the_source(wall: Sandbox, image: Image) -> None:
    (report,) = run(wall, image, job(SCALE, profile=True))
    lines = [line for line in report.steps[0].lines if line.source.line == 3]
    assert lines
    assert sum(line.sectors for line in lines) > 0


def test_ptx_that_cannot_be_read_is_not_the_candidates_fault(wall: Sandbox, image: Image) -> None:
    broken = dataclasses.replace(image, ptx=image.ptx.replace("ld.param.u64", "ld.param.u64 (("))
    (report,) = run(wall, broken, job(SCALE))
    assert report.fault is not None
    assert report.fault.kind == "unsupported"
    assert report.fault.ptx_line > 0


def report_json(**changes: object) -> str:
    counts = {"blocks": 1, "warp_by_class": {}, "thread_by_class": {}, "slots_by_class": {}, "block_slots_by_class": {}}
    lists: dict[str, list[object]] = {"faults": [], "remarks": [], "lines": []}
    sample = {"in_full": "", "only": 0, "strata": []}
    return json.dumps({**lists, "counts": counts, "printed": "", "needs_one_thread": 0, "sample": sample, **changes})


def lying_answer(*reports: str, ended: int = 0, jobs: int = 1, blobs: tuple[bytes, ...] = ()) -> WallAnswer:
    head = HeadWriter()
    head.text("")
    head.u32(jobs)
    for _ in range(jobs):
        head.u32(ended)
        head.texts(reports)
    return WallAnswer("done", "", head.bytes(), blobs)


GOOD_BLOBS = (bytes(4 * N), bytes(4 * N), bytes(4))


def test_the_control_an_honest_answer_is_read() -> None:
    (report,) = run_reports(lying_answer(report_json(), blobs=GOOD_BLOBS), [job(SCALE)])
    assert report.ended == "done"


@pytest.mark.parametrize(
    "answer",
    [
        lying_answer(report_json(), jobs=2, blobs=GOOD_BLOBS * 2),
        lying_answer(jobs=0),
        lying_answer(blobs=GOOD_BLOBS),
        lying_answer(report_json(), report_json(), blobs=GOOD_BLOBS),
        lying_answer(report_json(), blobs=GOOD_BLOBS[:2]),
        lying_answer(report_json(), blobs=(b"", *GOOD_BLOBS[1:])),
        lying_answer(report_json(), ended=1),
        lying_answer(report_json(), ended=9, blobs=GOOD_BLOBS),
        lying_answer("{}", blobs=GOOD_BLOBS),
        lying_answer("[" * 100_000, blobs=GOOD_BLOBS),
        lying_answer(report_json(printed=3), blobs=GOOD_BLOBS),
        lying_answer(report_json(extra=1), blobs=GOOD_BLOBS),
        lying_answer(report_json(counts={"blocks": -1}), blobs=GOOD_BLOBS),
        lying_answer(report_json(counts={"blocks": "1"}), blobs=GOOD_BLOBS),
        WallAnswer("done", "", b"", ()),
    ],
)
def test_an_answer_that_lies_is_broken(answer: WallAnswer) -> None:
    with pytest.raises(SandboxBroken):
        run_reports(answer, [job(SCALE)])


def test_a_crash_of_the_virtual_gpu_is_ours() -> None:
    with pytest.raises(SandboxBroken, match="SIGSEGV"):
        run_reports(WallAnswer("died", "it crashed with SIGSEGV", b"", ()), [job(SCALE)])
