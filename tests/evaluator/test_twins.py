"""The twins for tests: the null device and the scripted evaluator keep the contracts of the real ones."""

from __future__ import annotations

import pytest
from conformance.device import DeviceBench, DeviceContract
from conformance.evaluator import EvaluatorBench, EvaluatorContract
from evaluator.emulation import BUDGET, INTEGER, POINTER, FunctionCompiler, FunctionDevice, candidate
from evaluator.test_kernels import KERNELS, PROBLEM

from kernelevo.devices.null import NullDevice
from kernelevo.errors import Infrastructure
from kernelevo.evaluators.kernels import KernelEvaluator
from kernelevo.evaluators.scripted import ScriptedEvaluator
from kernelevo.types import (
    Buffer,
    BufferArgument,
    Candidate,
    Check,
    Figure,
    Image,
    Job,
    Launch,
    RunReport,
    ScalarArgument,
    Status,
    StepReport,
    Verdict,
)

IMAGE = Image("k", "sm_80", "", b"", (), "none")


def job(kernel: str, profile: bool = False) -> Job:
    buffers = (Buffer("x", 8, b"abcdefgh", read_back=True), Buffer("y", 6, read_back=True))
    arguments = (BufferArgument("x"), BufferArgument("y"), ScalarArgument(1), ScalarArgument(2))
    return Job(buffers, (Launch(kernel, (1, 1, 1), (32, 1, 1), 0, arguments),), 0xFFF5FFF5, profile, not profile)


class Sometimes(NullDevice):
    """A null device whose jobs of kernel "bad" are killed."""

    def _report(self, job: Job) -> RunReport:
        if job.steps[0].kernel == "bad":
            return RunReport("killed", {}, (), reason="time")
        return super()._report(job)


class TestNullDevice(DeviceContract):
    @pytest.fixture
    def bench(self) -> DeviceBench:
        return DeviceBench(Sometimes(), IMAGE, job("good"), job("good", True), job("bad"), timed=False)


class TestFunctionDevice(DeviceContract):
    @pytest.fixture
    def bench(self) -> DeviceBench:
        device = FunctionDevice({**KERNELS, "good": lambda x, y, rows, cols: None})
        return DeviceBench(device, IMAGE, job("good"), job("good", True), job("traps"), timed=True)


class TestKernelEvaluator(EvaluatorContract):
    @pytest.fixture
    def bench(self) -> EvaluatorBench:
        compiler = FunctionCompiler((POINTER, POINTER, INTEGER, INTEGER))
        evaluator = KernelEvaluator(PROBLEM, compiler, FunctionDevice(KERNELS), mode="search")
        return EvaluatorBench(evaluator, candidate("right"), candidate("zeros"))


def scripted_verdict(asked: Candidate) -> Verdict:
    if asked.text == "right":
        score, checks = Figure(1.0, "us", "script", "modelled"), (Check("script", True, "as told"),)
        return Verdict(asked.id, "script", Status.PASSED, "fine", score, checks=checks)
    return Verdict(asked.id, "script", Status.WRONG, "as told", checks=(Check("script", False, "as told"),))


class TestScriptedEvaluator(EvaluatorContract):
    @pytest.fixture
    def bench(self) -> EvaluatorBench:
        return EvaluatorBench(ScriptedEvaluator(scripted_verdict), Candidate("right"), Candidate("wrong"))


def test_the_null_device_computes_nothing_and_passes_nothing() -> None:
    device = NullDevice()
    compiler = FunctionCompiler((POINTER, POINTER, INTEGER, INTEGER))
    verdict = KernelEvaluator(PROBLEM, compiler, device, mode="search").evaluate(candidate("right"), BUDGET)
    assert verdict.status is Status.WRONG and "were never written" in verdict.feedback
    assert device.how == "modelled" and device.jobs


def test_a_script_is_replayed_in_order_and_its_end_is_our_fault() -> None:
    reports = [RunReport("done", {"y": b"1"}, ()), RunReport("done", {"y": b"2"}, (StepReport("k", {}),))]
    device = NullDevice(reports)
    assert device.run(IMAGE, [job("good"), job("good")], BUDGET) == reports
    with pytest.raises(Infrastructure, match="no report for job 3"):
        device.run(IMAGE, [job("good")], BUDGET)


def test_a_script_that_judges_another_candidate_is_a_mistake() -> None:
    evaluator = ScriptedEvaluator(lambda asked: scripted_verdict(Candidate("another")))
    with pytest.raises(ValueError, match="was asked about"):
        evaluator.evaluate(Candidate("right"), BUDGET)
    assert [each.text for each in evaluator.asked] == ["right"]
