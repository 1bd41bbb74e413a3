"""The evaluator as a whole, on a device that runs Python functions: right kernels pass, each kind of wrong one gets
its status.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from evaluator.emulation import BUDGET, INTEGER, POINTER, FunctionCompiler, FunctionDevice, Stopped, Trap, candidate

from kernelevo.evaluators.kernels import KernelEvaluator, seeded_generator
from kernelevo.evaluators.outcome import quote
from kernelevo.evaluators.trials import distributions, plan_trials
from kernelevo.kernel.arguments import Input, Output
from kernelevo.kernel.distributions import uniform
from kernelevo.kernel.problem import Problem
from kernelevo.types import Budget, Fault, SourceLine, Status, Verdict


def reference(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


PROBLEM = Problem(
    [Input("x", "f32[rows, cols]"), Output("y", "f32[rows, cols]")], reference, ["rows=64, cols=128"]
).located(Path("softmax.problem.py"))


def typed(x, y, rows, cols):
    return x.view(np.float32).reshape(rows, cols), y.view(np.float32).reshape(rows, cols)


def right(x, y, rows, cols):
    source, target = typed(x, y, rows, cols)
    target[...] = reference(source)


def approximate_exp(x, y, rows, cols):
    """As __expf does it: ex2.approx, good to 2 ulp, of a product rounded to f32; and a sequential f32 sum."""
    source, target = typed(x, y, rows, cols)
    scaled = (source - source.max(axis=1, keepdims=True)) * np.float32(1.4426950408889634)
    power = np.exp2(scaled.astype(np.float64)).astype(np.float32)
    power = (power * (1 + np.float32(2**-22))).astype(np.float32)
    total = np.add.accumulate(power, axis=1)[:, -1:]
    target[...] = power * (np.float32(1) / total)


def half_precision(x, y, rows, cols):
    source, target = typed(x, y, rows, cols)
    with np.errstate(all="ignore"):
        target[...] = reference(source.astype(np.float16))


def writes_half(x, y, rows, cols):
    source, target = typed(x, y, rows, cols)
    target[: (rows + 1) // 2] = reference(source)[: (rows + 1) // 2]


def misses_the_tail(x, y, rows, cols):
    source, target = typed(x, y, rows, cols)
    whole = cols - cols % 4
    target[:, :whole] = reference(source)[:, :whole]


def adds_what_was_there(x, y, rows, cols):
    _, target = typed(x, y, rows, cols)
    leftover = target.copy()
    right(x, y, rows, cols)
    target[...] -= (leftover > 0) * np.float32(1e-7)


def changes_its_input(x, y, rows, cols):
    right(x, y, rows, cols)
    x.view(np.float32)[-1] += 1


def zeros(x, y, rows, cols):
    y[...] = 0


def one_element_off(x, y, rows, cols):
    right(x, y, rows, cols)
    y.view(np.float32)[-1] += np.float32(1e-3)


def not_a_number(x, y, rows, cols):
    right(x, y, rows, cols)
    y.view(np.float32)[0] = np.nan


def identity(x, y, rows, cols):
    y[...] = x


def traps(x, y, rows, cols):
    raise Trap("out_of_bounds", block=(1, 0, 0), thread=(5, 0, 0), space="global", bytes=4, allocation="x", offset=64)


def unsupported(x, y, rows, cols):
    raise Trap("unsupported")


def races(x, y, rows, cols):
    raise Trap("race")


def too_large(x, y, rows, cols):
    raise Trap("invalid_launch")


def endless(x, y, rows, cols):
    raise Stopped("budget", "10 warp instructions")


def killed(x, y, rows, cols):
    raise Stopped("killed", "1 GiB of memory")


KERNELS = {
    each.__name__: each
    for each in (
        right, approximate_exp, half_precision, writes_half, misses_the_tail, adds_what_was_there, changes_its_input,
        zeros, one_element_off, not_a_number, identity, traps, unsupported, races, too_large, endless, killed,
    )
}  # fmt: skip


def judge(kernel: str, mode: str = "final", **settings: object) -> tuple[Verdict, FunctionDevice]:
    device = FunctionDevice(KERNELS)
    compiler = FunctionCompiler((POINTER, POINTER, INTEGER, INTEGER))
    evaluator = KernelEvaluator(PROBLEM, compiler, device, mode=mode, **settings)
    return evaluator.evaluate(candidate(kernel), BUDGET), device


@pytest.mark.parametrize("mode", ["search", "final"])
@pytest.mark.parametrize("kernel", ["right", "approximate_exp"])
def test_an_honest_kernel_passes(kernel: str, mode: str) -> None:
    verdict, _ = judge(kernel, mode)
    assert verdict.status is Status.PASSED, verdict.feedback
    assert verdict.score is not None and verdict.score.value == pytest.approx(5.0) and verdict.score.unit == "us"
    assert verdict.cases[0].name == "rows=64,cols=128"
    assert 0 < verdict.cases[0].max_error_ratio <= 1
    assert verdict.cases[0].limiter == "DRAM bandwidth"
    assert "4.00 sectors per request" in verdict.feedback
    assert {check.name for check in verdict.checks} >= {"rules", "build", "outputs", "inputs unchanged", "timed calls"}


@pytest.mark.parametrize(
    ("kernel", "said"),
    [
        ("half_precision", "times the tolerance"),
        ("writes_half", "were never written"),
        ("misses_the_tail", "were never written"),
        ("adds_what_was_there", "uninitialised memory"),
        ("changes_its_input", "changed its input x"),
        ("zeros", "Every wrong value is 0"),
        ("one_element_off", "elements is wrong"),
        ("not_a_number", "NaN"),
        ("identity", "elements are wrong"),
    ],
)
def test_a_wrong_kernel_is_wrong_in_words(kernel: str, said: str) -> None:
    verdict, _ = judge(kernel, "search")
    assert verdict.status is Status.WRONG
    assert said in verdict.feedback
    assert verdict.score is None and not verdict.cases
    assert [check.passed for check in verdict.checks] == [True, True, False]


@pytest.mark.parametrize(
    ("kernel", "status"),
    [
        ("traps", Status.TRAPPED),
        ("unsupported", Status.UNSUPPORTED),
        ("races", Status.RACE),
        ("too_large", Status.RULE_BROKEN),
        ("endless", Status.TIMEOUT),
        ("killed", Status.TIMEOUT),
    ],
)
def test_an_outcome_has_its_status(kernel: str, status: Status) -> None:
    verdict, _ = judge(kernel)
    assert verdict.status is status
    assert verdict.score is None


def test_a_fault_is_told_with_its_place() -> None:
    verdict, _ = judge("traps")
    assert verdict.fault is not None and verdict.fault.allocation == "x"
    for part in ("out_of_bounds", "block (1, 0, 0)", "thread (5, 0, 0)", "global", "x at offset 64"):
        assert part in verdict.feedback


def test_the_reason_of_a_kill_is_said() -> None:
    assert "1 GiB of memory" in judge("killed")[0].feedback


def test_where_a_killed_run_stood_is_not_known_its_kernel_and_the_case_that_is_killed_again_are_told() -> None:
    verdict = judge("killed")[0]
    assert verdict.fault is not None and len(verdict.fault.cases) == 1 and verdict.fault.source.line == 0
    first, kernel = verdict.feedback.split("\n")
    assert first.startswith("case rows=") and "1 GiB of memory" in first and kernel.strip() == "in killed"


def test_the_first_failure_ends_it_after_a_small_batch() -> None:
    _, device = judge("zeros", "search")
    assert len(device.batches) == 1 and device.batches[0] < 10


def test_a_compile_error_carries_its_diagnostics() -> None:
    evaluator = KernelEvaluator(PROBLEM, FunctionCompiler(()), FunctionDevice(KERNELS), mode="search")
    verdict = evaluator.evaluate(candidate("refuse"), BUDGET)
    assert verdict.status is Status.BUILD_ERROR
    assert "softmax.cu:3:7: error: identifier is undefined" in verdict.feedback
    assert verdict.diagnostics[0].line == 3


def test_seeds_are_drawn_after_the_build_and_differ_each_time() -> None:
    compiler, order = FunctionCompiler((POINTER, POINTER, INTEGER, INTEGER)), []

    def generator() -> np.random.Generator:
        order.append(len(compiler.requests))
        return np.random.default_rng(len(order))

    device = FunctionDevice(KERNELS)
    evaluator = KernelEvaluator(PROBLEM, compiler, device, mode="search", generator=generator)
    evaluator.evaluate(candidate("zeros"), BUDGET)
    first = [bytes(job.buffers[0].data) for job in device.jobs]
    evaluator.evaluate(candidate("zeros"), BUDGET)
    second = [bytes(job.buffers[0].data) for job in device.jobs[len(first) :]]
    assert order == [1, 2]
    assert first != second


def test_no_seed_is_drawn_for_a_text_that_does_not_build() -> None:
    drawn = []
    evaluator = KernelEvaluator(
        PROBLEM, FunctionCompiler(()), FunctionDevice(KERNELS), mode="search", generator=lambda: drawn.append(1)
    )
    evaluator.evaluate(candidate("refuse"), BUDGET)
    assert drawn == []


def test_two_evaluations_without_a_given_generator_differ() -> None:
    inputs = [bytes(judge("zeros")[1].jobs[-1].buffers[0].data) for _ in range(2)]
    assert inputs[0] != inputs[1]


def test_a_given_seed_repeats_the_inputs() -> None:
    inputs = [bytes(judge("zeros", generator=seeded_generator(seed))[1].jobs[-1].buffers[0].data) for seed in (1, 1, 2)]
    assert inputs[0] == inputs[1] != inputs[2]


def test_the_seed_that_a_verdict_records_draws_the_same_inputs_again() -> None:
    first = judge("right")[0].provenance
    assert first is not None and first.mode == "final"
    again, other = (judge("right", generator=seeded_generator(int(first.seed, 16) + more))[0] for more in (0, 1))
    assert again.provenance == first
    assert other.provenance.trials[0].inputs != first.trials[0].inputs


def test_a_verdict_records_every_trial_with_hashes_of_what_went_in_and_came_out() -> None:
    verdict, device = judge("right")
    trials = verdict.provenance.trials
    assert [trial.case for trial in trials if trial.timed] == [case.name for case in PROBLEM.benchmarks]
    assert {trial.case for trial in trials} == {case.name for case in (*PROBLEM.tests, *PROBLEM.benchmarks)}
    given = {hashlib.sha256(job.buffers[0].data).hexdigest() for job in device.jobs}
    assert {trial.inputs["x"] for trial in trials} < given
    assert len(given - {trial.inputs["x"] for trial in trials}) == 3, "sizes of no list are no trials"
    assert all(set(trial.outputs) == {"y"} and 0 <= trial.error_ratio <= 1 for trial in trials)


def test_a_verdict_on_what_failed_records_its_seed_and_one_of_a_search_no_hashes() -> None:
    assert judge("zeros")[0].provenance.seed and judge("zeros")[0].provenance.trials == ()
    assert judge("right", "search")[0].provenance.trials == ()
    assert judge("refuse")[0].provenance is None


def test_a_verdict_holds_the_hashes_of_what_was_compiled() -> None:
    image = judge("right")[0].image
    assert all(len(image[name]) == 64 for name in ("ptx_sha256", "cubin_sha256"))


def test_expected_values_are_in_no_job() -> None:
    verdict, device = judge("right")
    assert verdict.status is Status.PASSED
    assert len(device.jobs) > 20
    for job in device.jobs:
        x, y = job.buffers
        assert y.data is None
        rows, cols = (step.value for step in job.steps[0].arguments[2:])
        source = np.frombuffer(x.data, np.float32).reshape(rows, cols)
        wanted = reference(source.astype(np.float64))
        everything = bytes(x.data) + repr(job.steps).encode()
        if cols > 1:
            assert wanted[0].astype(np.float32).tobytes() not in everything
            assert wanted[0].tobytes() not in everything


def test_every_test_runs_twice_under_two_poisons_and_is_tracked() -> None:
    _, device = judge("right", "search")
    tests = [job for job in device.jobs if not job.profile]
    assert all(job.track_uninitialised for job in tests)
    assert len({job.poison for job in tests}) == 2
    assert [job.poison for job in tests[::2]] == [tests[0].poison] * len(PROBLEM.tests)


def test_the_second_run_of_a_test_has_its_threads_in_another_order() -> None:
    orders = [[job.order for job in judge("right", "search")[1].jobs if not job.profile] for _ in range(2)]
    for of_run in orders:
        assert set(of_run[::2]) == {0}
        assert len(set(of_run[1::2])) == 1 and of_run[1] != 0
    assert orders[0][1] != orders[1][1]


def test_a_benchmark_runs_once_in_search_and_in_final_twice_and_on_every_other_distribution() -> None:
    others = distributions(PROBLEM) - 1
    assert others > 0
    for mode, runs in (("search", 1), ("final", 2 + others)):
        verdict, device = judge("right", mode)
        assert (
            sum(job.steps[0].arguments[2].value == 64 and job.steps[0].arguments[3].value == 128 for job in device.jobs)
            == runs
        )
        assert sum(job.profile for job in device.jobs) == 1
        said = next(check.detail for check in verdict.checks if check.name == "uninitialised memory")
        assert ("search" in said) == (mode == "search")


def test_with_one_distribution_a_final_benchmark_still_runs_twice() -> None:
    arguments = [Input("x", "f32[rows, cols]"), Output("y", "f32[rows, cols]")]
    single = Problem(arguments, reference, ["rows=64, cols=128"], inputs={"x": [uniform(-1, 1)]})
    timed = [trial for trial in plan_trials(single, "final", np.random.default_rng(1)) if trial.timed]
    assert [trial.repeat for trial in timed] == [True]


def test_every_distribution_is_met_at_the_size_of_some_benchmark() -> None:
    several = PROBLEM.with_cases(["rows=64, cols=128", "rows=63, cols=127"])
    starts = set()
    for seed in range(10):
        trials = plan_trials(several, "final", np.random.default_rng(seed))
        untimed = [trial for trial in trials if trial.case in several.benchmarks and not trial.timed]
        assert sorted(trial.index for trial in untimed) == list(range(1, distributions(several)))
        assert {trial.case.name for trial in untimed} == {case.name for case in several.benchmarks}
        starts.add(untimed[0].case.name)
    assert len(starts) == 2


def test_tensors_without_promised_alignment_are_offset_in_some_tests() -> None:
    _, device = judge("right", "search")
    assert {buffer.skew for job in device.jobs for buffer in job.buffers} == {0, 4}
    assert all(buffer.skew == 0 for job in device.jobs if job.profile for buffer in job.buffers)


def test_all_distributions_are_met() -> None:
    verdict, _ = judge("right", "search")
    said = next(check.detail for check in verdict.checks if check.name == "outputs")
    assert f"{len(PROBLEM.distributions['x'])} distributions" in said


def test_a_run_that_leaves_no_time_is_a_timeout() -> None:
    compiler = FunctionCompiler((POINTER, POINTER, INTEGER, INTEGER))
    evaluator = KernelEvaluator(PROBLEM, compiler, FunctionDevice(KERNELS), mode="search")
    verdict = evaluator.evaluate(candidate("right"), Budget(1e-9, 1 << 30, 10**6))
    assert verdict.status is Status.TIMEOUT


def test_a_fault_quotes_its_line_of_the_candidates_text() -> None:
    fault = Fault("out_of_bounds", "too far", "scale", source=SourceLine("scale.cu", 2))
    assert quote(fault, "first\nsecond\nthird", "scale.cu").text == "second"
    assert quote(fault, "first", "scale.cu").text == ""
    assert quote(fault, "first\nsecond", "cuda_fp16.h").text == ""
