"""Sizes that no list has: drawn by lot where a problem leaves its tests to us; a kernel must be right there, too."""

from __future__ import annotations

import pytest
from evaluator.emulation import BUDGET, INTEGER, POINTER, FunctionCompiler, FunctionDevice, Stopped, Trap
from evaluator.test_kernels import PROBLEM, right, typed

from kernelevo.defences import ALL
from kernelevo.evaluators.kernels import KernelEvaluator, seeded_generator
from kernelevo.evaluators.sizes import Sizes
from kernelevo.evaluators.trials import elements
from kernelevo.evaluators.unlisted import CHECK, LIMITS, Unlisted
from kernelevo.kernel.arguments import Input, Output
from kernelevo.kernel.problem import Problem
from kernelevo.types import Candidate, Status, Verdict

LISTED = {tuple(case.dims.values()) for case in (*PROBLEM.tests, *PROBLEM.benchmarks)}


def only_listed(x, y, rows, cols):
    """Right at all sizes that somebody can read, zeros elsewhere."""
    if (rows, cols) in LISTED:
        right(x, y, rows, cols)
    else:
        typed(x, y, rows, cols)[1][...] = 0


def unsupported_elsewhere(x, y, rows, cols):
    if (rows, cols) not in LISTED:
        raise Trap("unsupported")
    right(x, y, rows, cols)


def endless_elsewhere(x, y, rows, cols):
    if (rows, cols) not in LISTED:
        raise Stopped("killed", "time")
    right(x, y, rows, cols)


KERNELS = {each.__name__: each for each in (right, only_listed, unsupported_elsewhere, endless_elsewhere)}


def judge(kernel: str, problem: Problem = PROBLEM, **settings) -> Verdict:
    text = f"#pragma kernelevo launch {kernel}<<<1, 32>>>(x, y, rows, cols)\n__global__ void {kernel}() {{}}"
    compiler = FunctionCompiler((POINTER, POINTER, INTEGER, INTEGER))
    evaluator = KernelEvaluator(problem, compiler, FunctionDevice(KERNELS), **{"mode": "final"} | settings)
    return evaluator.evaluate(Candidate(text), BUDGET)


def check(verdict: Verdict) -> str:
    return next((each.detail for each in verdict.checks if each.name == CHECK), "")


@pytest.mark.parametrize("mode", ["final", "sanitize"])
def test_a_kernel_that_is_right_at_listed_sizes_only_is_wrong(mode: str) -> None:
    verdict = judge("only_listed", mode=mode)
    assert verdict.status is Status.WRONG and verdict.score is None
    assert "every size that it allows counts" in verdict.feedback and "--inputs" in verdict.feedback
    assert judge("only_listed", mode=mode, defences=ALL.without("unlisted_sizes")).status is Status.PASSED


def test_an_honest_kernel_is_told_where_else_it_was_right() -> None:
    one, again, other = (judge("right", generator=seeded_generator(seed)) for seed in (1, 1, 2))
    assert one.status is Status.PASSED and check(one) == check(again) != check(other)
    assert check(one).count("rows=") == len(LIMITS)
    assert check(judge("right", mode="search")) == ""


def test_what_the_device_cannot_execute_there_is_no_way_past_them_and_an_endless_loop_is_its_own_fault() -> None:
    assert judge("unsupported_elsewhere").status is Status.UNSUPPORTED
    assert judge("endless_elsewhere").status is Status.TIMEOUT


def test_a_problem_that_lists_its_tests_counts_these_alone() -> None:
    listing = Problem(
        PROBLEM.arguments, PROBLEM.reference, ["rows=64, cols=128"], tests=[case.name for case in PROBLEM.tests]
    )
    assert PROBLEM.any_size and PROBLEM.with_cases(["rows=5, cols=5"]).any_size and not listing.any_size
    assert Unlisted(listing).draw("1") == []


def test_sizes_are_allowed_new_affordable_and_another_for_each_seed() -> None:
    problem = Problem(
        [Input("x", "f32[n, m]"), Output("y", "f32[n, m]")], lambda x: x + 1, ["n=64, m=64"],
        constraints=["m % 16 == 0"],
    )  # fmt: skip
    listed = {case.name for case in (*problem.tests, *problem.benchmarks)}
    unlisted, sizes = Unlisted(problem), Sizes(problem)
    drawn = [unlisted.draw(f"{seed:x}") for seed in range(12)]
    assert all(len({example.case for example in each}) == len(LIMITS) for each in drawn)
    assert not {example.case for each in drawn for example in each} & listed
    for each in drawn:
        for example, limit in zip(each, LIMITS, strict=True):
            case = problem.case(example.case)
            assert sizes.work(case.dims) <= limit >= elements(problem, case)
    assert len({example.case for each in drawn for example in each}) > 20
    assert max(elements(problem, problem.case(example.case)) for each in drawn for example in each) > LIMITS[0]
