"""A search's times may rest on a sample of blocks, and say so; what is reported never does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluator.emulation import BUDGET, INTEGER, POINTER, FunctionCompiler, FunctionDevice, candidate
from evaluator.test_kernels import KERNELS, PROBLEM, judge

from kernelevo.errors import Infrastructure
from kernelevo.evaluators.kernels import SAMPLE_BLOCKS, KernelEvaluator
from kernelevo.report import verdict_json
from kernelevo.types import Job, RunReport, Sample, Verdict


class SamplingDevice(FunctionDevice):
    """Watches a sample of blocks where it is asked to, or, if `always`, wherever it is to give a time."""

    def __init__(self, always: bool = False) -> None:
        super().__init__(KERNELS)
        self.always = always

    def _run_one(self, job: Job) -> RunReport:
        report = super()._run_one(job)
        if not job.profile or (job.sample is None and not self.always):
            return report
        sampled = {"sampled": {"blocks": 70, "of": 4000}}
        return replace(report, steps=tuple(replace(step, details=sampled) for step in report.steps))


def verdict_on(device: FunctionDevice, mode: str, **settings: object) -> Verdict:
    compiler = FunctionCompiler((POINTER, POINTER, INTEGER, INTEGER))
    return KernelEvaluator(PROBLEM, compiler, device, mode=mode, **settings).evaluate(candidate("right"), BUDGET)


def test_a_search_asks_for_a_sample_of_its_profiles_only() -> None:
    _, device = judge("right", "search")
    samples = [job.sample for job in device.jobs]
    assert [sample is not None for sample in samples] == [job.profile for job in device.jobs] and any(samples)
    assert {sample.blocks for sample in samples if sample} == {SAMPLE_BLOCKS}
    assert not any(sample.only for sample in samples if sample)


@pytest.mark.parametrize("mode", ["final", "sanitize"])
def test_a_full_check_asks_for_none(mode: str) -> None:
    _, device = judge("right", mode)
    assert any(job.profile for job in device.jobs) and not any(job.sample for job in device.jobs)


def test_its_seed_is_drawn_after_the_build_and_is_another_each_time() -> None:
    compiler, builds = FunctionCompiler((POINTER, POINTER, INTEGER, INTEGER)), []

    def generator() -> np.random.Generator:
        builds.append(len(compiler.requests))
        return np.random.default_rng(len(builds))

    device = FunctionDevice(KERNELS)
    evaluator = KernelEvaluator(PROBLEM, compiler, device, mode="search", generator=generator)
    for _ in range(2):
        evaluator.evaluate(candidate("right"), BUDGET)
    seeds = [job.sample.seed for job in device.jobs if isinstance(job.sample, Sample)]
    assert builds == [1, 2] and len(seeds) == len(set(seeds)) == 2


def test_a_verdict_on_a_sample_is_provisional_and_says_so() -> None:
    verdict = verdict_on(SamplingDevice(), "search")
    assert verdict.score is not None and verdict.provisional
    (check,) = (check for check in verdict.checks if check.name == "sampled blocks")
    assert "provisional" in check.detail and "70 of 4,000 blocks" in check.detail
    assert verdict_json(verdict)["provisional"] is True


@pytest.mark.parametrize("mode", ["search", "final", "sanitize"])
def test_a_verdict_on_all_blocks_is_not(mode: str) -> None:
    verdict, _ = judge("right", mode)
    assert verdict.score is not None and not verdict.provisional
    assert "sampled blocks" not in {check.name for check in verdict.checks}
    assert verdict_json(verdict)["provisional"] is False


@pytest.mark.parametrize("mode", ["final", "sanitize"])
def test_a_verdict_of_full_checks_is_never_provisional(mode: str) -> None:
    assert not verdict_on(SamplingDevice(), mode).provisional
    with pytest.raises(Infrastructure, match="sample of blocks"):
        verdict_on(SamplingDevice(always=True), mode)


def test_the_sample_is_as_large_as_it_was_asked_for() -> None:
    device = SamplingDevice()
    verdict_on(device, "search", sample_blocks=200)
    assert {job.sample.blocks for job in device.jobs if job.sample} == {200}
