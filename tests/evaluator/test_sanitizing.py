"""The search for faults: what is found in any run is told once, what is not found is not, and what was not looked for
is said.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import get_args

import numpy as np
import pytest
from evaluator.emulation import BUDGET, INTEGER, POINTER, FunctionCompiler, FunctionDevice, candidate
from evaluator.test_kernels import KERNELS, PROBLEM, right, typed, zeros

from kernelevo.defences import ALL
from kernelevo.evaluators.findings import Findings
from kernelevo.evaluators.kernels import KernelEvaluator
from kernelevo.evaluators.sanitizing import BEGINNINGS
from kernelevo.types import Budget, Capability, Fault, Image, Job, Party, RunReport, SourceLine, Status, Verdict

LINE = SourceLine("softmax.cu", 2)
WILD = Fault("out_of_bounds", "too far", "k", source=LINE, ptx_line=7, instruction="ld.global.f32 %f1, [%rd1]")
OTHER = Party("store", "k", (0, 0, 0), (33, 0, 0), SourceLine("softmax.cu", 1), 5, "st.shared.f32 [%r1], %f1")
RACE = Fault(
    "race", "nothing orders them", "k", source=LINE, ptx_line=9, instruction="ld.shared.f32 %f2, [%r1]", others=(OTHER,)
)
UNWRITTEN = Fault(
    "uninitialised_value", "a value that nobody wrote is stored", "k", space="global", allocation="y", source=LINE,
    ptx_line=11, instruction="st.global.f32 [%rd2], %f3",
)  # fmt: skip


def reads_what_nobody_wrote(x, y, rows, cols):
    leftover = y.copy()
    right(x, y, rows, cols)
    typed(x, y, rows, cols)[1][0, 0] = leftover.view(np.float32)[0]


KERNELS_HERE = {**KERNELS, "k": right, "unwritten": reads_what_nobody_wrote, "nothing": zeros}


class Sanitizer(FunctionDevice):
    """Reports `faults` of jobs that ask for races and `tracked` of the others, at the sizes in `where` (or all)."""

    def __init__(
        self, tracked: Sequence[Fault] = (), raced: Sequence[Fault] = (), remarks: Sequence[Fault] = (),
        where: int | None = None,
    ) -> None:  # fmt: skip
        super().__init__(KERNELS_HERE)
        self.capabilities = frozenset(get_args(Capability))
        self.tracked, self.raced, self.remarks, self.where = tracked, raced, tuple(remarks), where

    def _run_one(self, job: Job) -> RunReport:
        report = super()._run_one(job)
        rows = job.steps[0].arguments[2].value
        if report.ended != "done" or job.profile or self.where not in (None, rows):
            return report
        found = tuple(self.raced if job.check_races else self.tracked)[: job.max_faults]
        remarks = self.remarks if job.track_uninitialised else ()
        if found:
            return RunReport("fault", {}, report.steps, found[0], faults=found, remarks=remarks)
        return dataclasses.replace(report, remarks=remarks)


class Several(Sanitizer):
    """The same, of a plan whose launches together have more findings than one may have."""

    def _run_one(self, job: Job) -> RunReport:
        return super()._run_one(dataclasses.replace(job, max_faults=100))


def judge(device: FunctionDevice, kernel: str = "k", mode: str = "sanitize", **settings: object) -> Verdict:
    compiler = FunctionCompiler((POINTER, POINTER, INTEGER, INTEGER))
    return KernelEvaluator(PROBLEM, compiler, device, mode=mode, **settings).evaluate(candidate(kernel), BUDGET)


def is_benchmark(job: Job) -> bool:
    return [argument.value for argument in job.steps[0].arguments[2:]] == [64, 128]


def said(verdict: Verdict, name: str) -> str:
    return next(check.detail for check in verdict.checks if check.name == name)


@pytest.mark.parametrize("mode", ["final", "sanitize"])
def test_a_clean_kernel_passes_and_the_search_is_told(mode: str) -> None:
    verdict = judge(Sanitizer(), mode=mode)
    assert verdict.status is Status.PASSED, verdict.feedback
    assert (verdict.findings, verdict.remarks) == ((), ())
    covered = verdict.sanitizing
    assert covered is not None and covered.orders == 2 and covered.left_out == 0
    assert covered.looked_for == ("memory and barrier faults", "uninitialised values", "races")
    assert len(covered.cases) == len(PROBLEM.tests) + (mode == "sanitize")
    assert "none found" in said(verdict, "sanitizer")


def test_a_search_mode_verdict_claims_no_search_for_faults() -> None:
    device = Sanitizer()
    verdict = judge(device, mode="search")
    assert verdict.sanitizing is None and "sanitizer" not in {check.name for check in verdict.checks}
    assert not any(job.check_races or job.max_faults > 1 for job in device.jobs)


def test_each_test_runs_tracked_for_races_in_another_order_and_for_races_as_it_is_timed() -> None:
    device = Sanitizer()
    judge(device, mode="final", most_findings=7)
    searched = [job for job in device.jobs if job.max_faults == 7 and not is_benchmark(job)]
    first, second, third = searched[::3], searched[1::3], searched[2::3]
    assert first and all(job.track_uninitialised and not job.check_races and job.order == 0 for job in first)
    assert all(job.check_races and not job.track_uninitialised and job.order != 0 for job in second)
    assert {job.poison for job in first}.isdisjoint({job.poison for job in second})
    assert [job.buffers[0].data for job in first] == [job.buffers[0].data for job in second]
    assert third == [dataclasses.replace(job, track_uninitialised=False, check_races=True) for job in first]


def test_a_search_for_races_at_a_benchmarks_size_cannot_be_told_from_the_timed_run() -> None:
    for mode, wanted in (("final", 1), ("sanitize", 2)):
        device = Sanitizer()
        judge(device, mode=mode)
        large = [job for job in device.jobs if is_benchmark(job) and job.check_races]
        assert len(large) == wanted
        (timed,) = [job for job in device.jobs if job.profile]
        twins = [job for job in large if (job.poison, job.order, job.steps) == (timed.poison, 0, timed.steps)]
        assert len(twins) == 1
        skews = [[each.skew for each in job.buffers] for job in (*twins, timed)]
        assert skews[0] == skews[1]


class SlowToSearch(Sanitizer):
    """A search for races at a benchmark's size is killed unless its budget ends sooner; a race is in its beginning."""

    def __init__(self, affordable: int) -> None:
        super().__init__()
        self.affordable = affordable

    def _run_one(self, job: Job) -> RunReport:
        self.raced = [RACE] if is_benchmark(job) else []
        return super()._run_one(job)

    def run(self, image: Image, jobs: Sequence[Job], budget: Budget) -> list[RunReport]:
        searched = is_benchmark(jobs[0]) and any(job.check_races for job in jobs)
        if searched and budget.warp_instructions > self.affordable:
            return [RunReport("killed", {}, (), reason="it did not end within 10 s")]
        return super().run(image, jobs, budget)


@pytest.mark.parametrize("mode", ["final", "sanitize"])
@pytest.mark.parametrize("affordable", BEGINNINGS)
def test_a_search_that_takes_too_long_is_made_in_part_so_that_being_slow_hides_no_race(
    affordable: int, mode: str
) -> None:
    verdict = judge(SlowToSearch(affordable), mode=mode)
    assert verdict.status is Status.RACE and verdict.fault is not None and verdict.fault.kind == "race"
    careless = judge(SlowToSearch(affordable), mode=mode, defences=ALL.without("searched_in_part"))
    assert careless.status is Status.PASSED


def test_what_was_searched_in_part_only_is_said() -> None:
    verdict = judge(SlowToSearch(0), mode="final")
    assert verdict.status is Status.PASSED and verdict.sanitizing is not None
    assert "1 in part only" in said(verdict, "sanitizer")
    assert any("after the first 4,000,000 warp instructions" in each for each in verdict.sanitizing.not_checked)


def test_findings_of_all_cases_are_told_once_with_their_number_and_cases() -> None:
    verdict = judge(Sanitizer(tracked=[dataclasses.replace(WILD, occurrences=3)], raced=[WILD, RACE]))
    assert verdict.status is Status.TRAPPED and verdict.fault is not None and verdict.fault.kind == "out_of_bounds"
    assert [found.kind for found in verdict.findings] == ["out_of_bounds", "race"]
    wild, race = verdict.findings
    assert verdict.sanitizing is not None
    runs = verdict.sanitizing.runs
    assert set(wild.cases) == set(race.cases) == {case.name for case in PROBLEM.tests}
    tests = runs // 3
    assert runs % 3 == 0
    assert (wild.occurrences, race.occurrences) == (tests * (3 + 1 + 1), tests * 2)
    assert verdict.feedback.count("too far") == 1


def test_a_race_is_a_race_with_both_parties_in_its_words() -> None:
    verdict = judge(Sanitizer(raced=[RACE]))
    assert verdict.status is Status.RACE and verdict.score is None
    assert "softmax.cu:2: __global__ void k() {}" in verdict.feedback
    assert "and store of block (0, 0, 0), thread (33, 0, 0) at softmax.cu:1: #pragma kernelevo" in verdict.feedback
    assert verdict.findings[0].others[0].text.startswith("#pragma kernelevo launch k")


def test_a_copy_that_nobody_waited_for_is_a_race() -> None:
    missing = dataclasses.replace(RACE, kind="missing_wait", others=())
    assert judge(Sanitizer(raced=[missing])).status is Status.RACE


def test_a_finding_names_its_launch_and_its_warp() -> None:
    (found,) = judge(Sanitizer(tracked=[dataclasses.replace(WILD, thread=(70, 0, 0))])).findings
    assert found.launched == SourceLine("softmax.cu", 1)
    assert found.block_dim == (128, 1, 1) and found.warp_and_lane(found.thread) == (2, 6)
    assert WILD.warp_and_lane((1, 0, 0)) is None


def test_a_remark_decides_nothing() -> None:
    verdict = judge(Sanitizer(remarks=[UNWRITTEN]))
    assert verdict.status is Status.PASSED and not verdict.findings
    assert [remark.kind for remark in verdict.remarks] == ["uninitialised_value"]
    assert verdict.remarks[0].text == "__global__ void k() {}"
    assert "1 remark" in said(verdict, "sanitizer")


def test_an_uninitialised_value_that_reaches_an_output_is_wrong_with_its_line() -> None:
    unrelated = dataclasses.replace(UNWRITTEN, allocation="scratch", ptx_line=99)
    verdict = judge(Sanitizer(remarks=[unrelated, UNWRITTEN]), "unwritten")
    assert verdict.status is Status.WRONG
    assert verdict.fault is not None and (verdict.fault.allocation, verdict.fault.source) == ("y", LINE)
    assert [found.allocation for found in verdict.findings] == ["y"]
    assert [remark.allocation for remark in verdict.remarks] == ["scratch"]
    assert "a value that nobody wrote is stored" in verdict.feedback


def test_outputs_are_still_compared_with_the_reference() -> None:
    verdict = judge(Sanitizer(raced=[RACE]), "nothing")
    assert verdict.status is Status.RACE and "Every wrong value is 0" in verdict.feedback
    clean = judge(Sanitizer(), "nothing")
    assert clean.status is Status.WRONG and not clean.findings


def test_what_happens_in_one_case_only_is_found_there() -> None:
    rows = PROBLEM.tests[-1].dims["rows"]
    (found,) = judge(Sanitizer(raced=[RACE], where=rows)).findings
    assert found.cases and all(f"rows={rows}," in case for case in found.cases)


def different(number: int) -> list[Fault]:
    return [dataclasses.replace(WILD, ptx_line=line) for line in range(1, number + 1)]


def test_findings_are_capped_and_those_left_out_are_counted() -> None:
    verdict = judge(Sanitizer(tracked=different(9), raced=different(9)[::-1]), most_findings=5)
    assert len(verdict.findings) == 5
    assert verdict.sanitizing is not None and verdict.sanitizing.left_out == 4
    assert any("stopped there" in words for words in verdict.sanitizing.not_checked)
    assert "and 2 more" in verdict.feedback


def test_the_cap_is_one_of_each_launch() -> None:
    """Two launches with three findings each were not stopped at their fifth."""
    wild = [dataclasses.replace(WILD, ptx_line=line, launch=line % 2) for line in range(6)]
    covered = judge(Several(tracked=wild), most_findings=5).sanitizing
    assert covered.left_out == 1
    assert not any("stopped there" in words for words in covered.not_checked)


def test_findings_at_one_line_are_named_once_in_the_words() -> None:
    wild = [dataclasses.replace(WILD, ptx_line=line) for line in range(6)]
    assert "and 3 more: out_of_bounds at line 2 (3 times)" in judge(Sanitizer(tracked=wild)).feedback


def test_without_the_cap_nothing_is_left_out() -> None:
    verdict = judge(Sanitizer(tracked=different(9)), most_findings=10)
    assert len(verdict.findings) == 9
    assert verdict.sanitizing is not None and verdict.sanitizing.left_out == 0
    assert not any("stopped there" in words for words in verdict.sanitizing.not_checked)


def test_the_kernels_own_endless_loop_ends_the_search_at_once() -> None:
    device = Sanitizer()
    verdict = judge(device, "endless")
    assert verdict.status is Status.TIMEOUT and not verdict.findings
    assert len(device.jobs) == 1
    assert verdict.sanitizing is not None and (len(verdict.sanitizing.cases), verdict.sanitizing.runs) == (1, 1)
    assert "sizes and inputs other than those of the 1 case that ran" in verdict.sanitizing.not_checked


def test_what_the_device_cannot_execute_is_not_the_candidates_fault() -> None:
    verdict = judge(Sanitizer(), "unsupported")
    assert verdict.status is Status.UNSUPPORTED and not verdict.findings


class Plain(Sanitizer):
    """Can do none of it, and says so."""

    def __init__(self) -> None:
        super().__init__()
        self.capabilities = frozenset()


def test_a_device_that_cannot_is_not_said_to_have_looked() -> None:
    verdict = judge(Plain())
    assert verdict.status is Status.PASSED
    covered = verdict.sanitizing
    assert covered is not None and covered.orders == 1 and covered.looked_for == ("memory and barrier faults",)
    words = "; ".join(covered.not_checked)
    assert "races: functions does not look for them" in words and "uninitialised values" in words
    assert "order of threads" not in {check.name for check in verdict.checks}


def test_a_device_without_races_tracks_both_runs() -> None:
    device = Sanitizer()
    device.capabilities = frozenset(("order", "uninitialised"))
    judge(device, mode="final", most_findings=7)
    assert all(job.track_uninitialised for job in device.jobs if job.max_faults == 7)


@pytest.mark.parametrize(("mode", "told"), [("sanitize", True), ("final", False)])
def test_benchmark_sizes_that_were_not_come_to_are_named(mode: str, told: bool) -> None:
    verdict = judge(Sanitizer(raced=[RACE]), mode=mode)
    assert verdict.sanitizing is not None
    assert ("rows=64,cols=128: the search ended before" in verdict.sanitizing.not_checked) == told
    clean = judge(Sanitizer(), mode=mode).sanitizing
    assert clean is not None and not any("ended before" in words for words in clean.not_checked)


class Slow(Sanitizer):
    """Kills every search at a benchmark's size."""

    def run(self, image: Image, jobs: Sequence[Job], budget: Budget) -> list[RunReport]:
        if jobs[0].max_faults > 1 and is_benchmark(jobs[0]):
            return [RunReport("killed", {}, (), reason="time")]
        return super().run(image, jobs, budget)


def test_benchmark_sizes_that_take_too_long_are_said_to_be_unchecked() -> None:
    verdict = judge(Slow())
    assert verdict.status is Status.PASSED
    assert verdict.sanitizing is not None
    assert any("rows=64,cols=128: too large" in words for words in verdict.sanitizing.not_checked)


def found_by(findings: Findings, faults: Iterator[Fault] | Sequence[Fault]) -> list[Fault]:
    for fault in faults:
        findings.add_error(fault)
    return list(findings.errors)


def test_findings_of_another_kind_or_instruction_are_different() -> None:
    misaligned = dataclasses.replace(WILD, kind="misaligned")
    elsewhere = dataclasses.replace(WILD, ptx_line=8)
    assert len(found_by(Findings(9), [WILD, misaligned, elsewhere, RACE])) == 4


def test_one_finding_keeps_its_first_sighting_and_all_its_cases() -> None:
    moved = dataclasses.replace(WILD, address=99, block=(5, 0, 0), cases=("b",))
    (merged,) = found_by(Findings(9), [dataclasses.replace(WILD, cases=("a",)), moved])
    assert (merged.occurrences, merged.cases, merged.block) == (2, ("a", "b"), WILD.block)


def test_races_between_the_same_two_lines_are_one() -> None:
    swapped = dataclasses.replace(
        RACE, source=OTHER.source, ptx_line=40, others=(dataclasses.replace(OTHER, source=RACE.source, ptx_line=41),)
    )
    unrolled = dataclasses.replace(RACE, others=(dataclasses.replace(OTHER, ptx_line=6),))
    assert len(found_by(Findings(9), [RACE, swapped, unrolled])) == 1
    other_line = dataclasses.replace(RACE, others=(dataclasses.replace(OTHER, source=SourceLine("softmax.cu", 3)),))
    no_lines = dataclasses.replace(other_line, source=SourceLine(), others=(dataclasses.replace(OTHER, source=LINE),))
    assert len(found_by(Findings(9), [RACE, other_line, no_lines])) == 3
