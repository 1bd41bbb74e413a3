"""Tests that nobody listed follow the work that a problem declares; where it declares none, a timeout says so."""

from __future__ import annotations

import numpy as np
import pytest
from evaluator.emulation import BUDGET, INTEGER, POINTER, FunctionCompiler, FunctionDevice, Stopped
from evaluator.test_kernels import typed

from kernelevo.evaluators.chosen_sizes import ADVICE, explained
from kernelevo.evaluators.kernels import KernelEvaluator
from kernelevo.evaluators.rejection import Rejected
from kernelevo.evaluators.sizes import Sizes
from kernelevo.kernel.arguments import Input, Output
from kernelevo.kernel.cases import MAX_TEST_WORK
from kernelevo.kernel.problem import Problem
from kernelevo.types import Candidate, Status, Verdict


def pairs(**declared) -> Problem:
    """Something of n * n steps for n numbers."""
    return Problem([Input("x", "f32[n]"), Output("y", "f32[n]")], lambda x: x + 1, ["n=64"], **declared)


def sizes(problem: Problem) -> list[int]:
    return [case.dims["n"] for case in problem.tests]


@pytest.mark.parametrize("declared", [{"flops": "20 * n * n"}, {"bytes": "4 * n * n + 8 * n"}])
def test_declared_work_bounds_the_sizes_that_are_chosen(declared: dict[str, str]) -> None:
    assert max(sizes(pairs())) == 65536
    problem = pairs(**declared)
    assert all(problem._declared_work(case.dims) <= MAX_TEST_WORK for case in problem.tests)
    assert 500 < max(sizes(problem)) < 5000 and {1, 31, 33, 257} <= set(sizes(problem))


def test_a_problem_whose_least_work_is_large_keeps_its_smallest_test() -> None:
    assert sizes(pairs(flops=f"{2 * MAX_TEST_WORK} + n")) == [1]


@pytest.mark.parametrize("flops", ["n * n * n * n", "8 * n / (n - 33)"])
def test_sizes_at_which_the_declared_work_has_no_value_are_not_chosen(flops: str) -> None:
    problem = pairs(flops=flops)
    assert 3 < len(problem.tests) < len(pairs().tests)
    assert all(problem.flops.evaluate(case.dims) <= MAX_TEST_WORK for case in problem.tests)
    unbounded = Sizes(problem)
    rngs = [np.random.Generator(np.random.SFC64(seed)) for seed in range(50)]
    drawn = [unbounded.draw(lambda low, high, rng=rng: int(rng.integers(low, high, endpoint=True))) for rng in rngs]
    assert max(sizes["n"] for sizes in drawn) > 10


def stops_at(limit: int):
    def kernel(x, y, n):
        if n > limit:
            raise Stopped("killed", "time")
        given, out = typed(x, y, 1, n)
        out[...] = given + 1

    return kernel


def judge(problem: Problem, kernel) -> Verdict:
    text = "#pragma kernelevo launch kernel<<<1, 32>>>(x, y, n)\n__global__ void kernel() {}"
    compiler, device = FunctionCompiler((POINTER, POINTER, INTEGER)), FunctionDevice({"kernel": kernel})
    return KernelEvaluator(problem, compiler, device, mode="search").evaluate(Candidate(text), BUDGET)


def test_a_timeout_at_a_size_that_nobody_asked_for_says_so() -> None:
    verdict = judge(pairs(), stops_at(5000))
    assert verdict.status is Status.TIMEOUT and verdict.feedback.endswith(ADVICE)
    assert ADVICE not in verdict.checks[-1].detail
    assert judge(pairs(flops="20 * n * n"), stops_at(5000)).status is Status.PASSED


@pytest.mark.parametrize(
    ("declared", "kernel"),
    [
        ({"tests": ["n=10007"]}, stops_at(5000)),  # somebody asked for it
        ({"flops": "n"}, stops_at(5000)),  # it does more than the problem says
    ],
)
def test_other_timeouts_are_the_candidates(declared: dict, kernel) -> None:
    verdict = judge(pairs(**declared), kernel)
    assert verdict.status is Status.TIMEOUT and ADVICE not in verdict.feedback


def test_a_timeout_at_a_size_that_is_timed_is_no_matter_of_tests() -> None:
    timed, unknown = (Rejected(Status.TIMEOUT, "run", "stopped", cases=cases) for cases in (("n=64",), ("n=64", "n=1")))
    assert explained(timed, pairs()) is timed and explained(unknown, pairs()).feedback.endswith(ADVICE)
