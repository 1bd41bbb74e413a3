"""Sizes that no list has: drawn by lot where a problem leaves its tests to us; a kernel must be right there, too."""

from __future__ import annotations

import pytest
from evaluator.emulation import BUDGET, INTEGER, POINTER, FunctionCompiler, FunctionDevice, Stopped, Trap
from evaluator.test_kernels import PROBLEM, right, typed

from kernelevo.defences import ALL
from kernelevo.evaluators.kernels import KernelEvaluator, seeded_generator
from kernelevo.evaluators.sizes import Sizes
from kernelevo.evaluators.trials import elements
from kernelevo.evaluators.unlisted import CHECK, LIMITS, Unlisted, in_words
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


def tied(shapes: tuple[str, str], constraints: list[str], benchmark: str) -> Problem:
    return Problem([Input("x", shapes[0]), Output("y", shapes[1])], lambda x: x, [benchmark], constraints=constraints)


@pytest.mark.parametrize(
    "problem",
    [
        tied(("f32[n, m]", "f32[n, m]"), ["n == m"], "n=64, m=64"),
        tied(("f32[n, m]", "f32[n, m]"), ["n % m == 0"], "n=64, m=64"),
        tied(("f32[n, m]", "f32[n, m]"), ["n <= m", "m % 8 == 0"], "n=64, m=64"),
        tied(("f32[n, m]", "f32[n - m + 1]"), [], "n=64, m=5"),
        tied(("f32[heads, width]", "f32[model]"), ["heads * width == model"], "heads=4, width=8, model=32"),
        tied(("f32[a, b, c]", "f32[a, b, c]"), ["a == b", "b == c"], "a=8, b=8, c=8"),
    ],
    ids=lambda problem: ", ".join(map(str, problem.constraints)) or "an extent",
)  # fmt: skip
def test_constraints_between_dimensions_leave_sizes_of_every_kind(problem: Problem) -> None:
    drawn = [Unlisted(problem).draw(f"{seed:x}") for seed in range(40)]
    cases = [problem.case(example.case) for each in drawn for example in each]  # each is allowed, or this raises
    assert len(cases) > 0.8 * 40 * len(LIMITS)
    assert len({case.name for case in cases}) > 20
    largest = max(max(case.dims.values()) for case in problem.tests)
    assert max(max(case.dims.values()) for case in cases) > min(largest, 400) // 2


def test_where_constraints_leave_next_to_no_tests_sizes_up_to_the_timed_ones_are_drawn() -> None:
    tensors = ("f32[heads, width, model]",) * 2
    problem = tied(tensors, ["heads * width == model"], "heads=8, width=64, model=512")
    assert [case.name for case in problem.tests] == ["heads=1,width=1,model=1"]
    cases = [problem.case(each.case) for seed in range(20) for each in Unlisted(problem).draw(f"{seed:x}")]
    assert len(cases) > 50 and len({case.name for case in cases}) > 20
    assert all(case.dims["heads"] <= 8 and case.dims["width"] <= 64 for case in cases)


def test_a_limit_on_one_dimension_is_found_beside_a_constraint_on_two() -> None:
    problem = tied(("f32[n, m]", "f32[n, m]"), ["n == m", "n % 4 == 0", "n <= 128"], "n=64, m=64")
    dimensions = {each.name: (each.granule, each.most) for each in Sizes(problem).dimensions}
    assert dimensions == {"n": (4, 128), "m": (1, None)}


def test_a_verdict_says_where_no_size_was_left_to_draw() -> None:
    both = ["rows == 31 && cols == 31"]
    narrow = Problem(PROBLEM.arguments, PROBLEM.reference, ["rows=31, cols=31"], constraints=both)
    verdict = judge("right", narrow)
    assert verdict.status is Status.PASSED and check(verdict).startswith(f"{len(LIMITS)} of {len(LIMITS)} could not be")
    told = in_words(["n=3", "n=5"])
    assert told.startswith("right at n=3 and n=5, drawn by lot") and f"; 1 of {len(LIMITS)} could not be drawn" in told


def test_a_timeout_there_says_how_work_is_declared() -> None:
    assert 'declare flops="..."' in judge("endless_elsewhere").feedback
    assert "declare flops" not in judge("only_listed").feedback
