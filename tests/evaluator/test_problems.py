"""Problems of other kinds: in-out tensors, integers, half types, several outputs and steps, tolerances, oracles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from evaluator.emulation import BUDGET, INTEGER, POINTER, FunctionCompiler, FunctionDevice, Kernel, Trap, candidate

from kernelevo.errors import BadInput, Infrastructure
from kernelevo.evaluators.kernels import KernelEvaluator
from kernelevo.kernel import dtypes
from kernelevo.kernel.arguments import InOut, Input, Output, Scalar
from kernelevo.kernel.problem import Problem, Tolerance
from kernelevo.types import Candidate, Parameter, Status, Verdict

F32 = np.float32
BF16 = dtypes.named("bf16", "test")
FLOAT = Parameter("f32", 0, 4)


def judge(problem: Problem, kernels: dict[str, Kernel], asked: Candidate, *parameters: Parameter) -> Verdict:
    device = FunctionDevice(kernels)
    return KernelEvaluator(problem, FunctionCompiler(parameters), device, mode="final").evaluate(asked, BUDGET)


@pytest.mark.parametrize(("shift", "status"), [(0.0, Status.PASSED), (1e-3, Status.WRONG)])
def test_an_inout_tensor_starts_with_its_data_and_is_compared(shift: float, status: Status) -> None:
    problem = Problem(
        [InOut("y", "f32[n]"), Input("x", "f32[n]"), Scalar("alpha", "f32", 0.5)],
        lambda y, x, alpha: y + alpha * x,
        ["n=1000"],
    )

    def axpy(y, x, alpha, n):
        y.view(F32)[:n] += F32(alpha) * x.view(F32) + F32(shift)

    verdict = judge(
        problem, {"axpy": axpy}, candidate("axpy", "y, x, alpha, n", "<<<1, 32>>>"), POINTER, POINTER, FLOAT, INTEGER
    )
    assert verdict.status is status, verdict.feedback


@pytest.mark.parametrize(("last", "status"), [(0, Status.PASSED), (1, Status.WRONG)])
def test_integers_are_compared_exactly(last: int, status: Status) -> None:
    problem = Problem([Input("x", "i32[n]"), Output("y", "i64[n]")], lambda x: x * 2**40, ["n=1000"])

    def scale(x, y, n):
        y.view(np.int64)[:] = x.view(np.int32).astype(np.int64) * 2**40
        y.view(np.int64)[-1] += last

    verdict = judge(problem, {"scale": scale}, candidate("scale", "x, y, n", "<<<1, 32>>>"), POINTER, POINTER, INTEGER)
    assert verdict.status is status, verdict.feedback


@pytest.mark.parametrize(("factor", "status"), [(1.0, Status.PASSED), (1.02, Status.WRONG)])
def test_bf16_is_compared_as_numbers(factor: float, status: Status) -> None:
    problem = Problem([Input("x", "bf16[n]"), Output("y", "bf16[n]")], lambda x: x * 3, ["n=1000"])

    def triple(x, y, n):
        numbers = dtypes.from_storage(x.view(np.uint16), BF16)
        y.view(np.uint16)[:] = dtypes.to_storage(numbers * 3 * factor, BF16)

    verdict = judge(
        problem, {"triple": triple}, candidate("triple", "x, y, n", "<<<1, 32>>>"), POINTER, POINTER, INTEGER
    )
    assert verdict.status is status, verdict.feedback


def test_unwritten_bf16_elements_are_recognised() -> None:
    problem = Problem([Input("x", "bf16[n]"), Output("y", "bf16[n]")], lambda x: x * 3, ["n=1000"])
    verdict = judge(
        problem, {"none": lambda *each: None}, candidate("none", "x, y, n", "<<<1, 32>>>"), POINTER, POINTER, INTEGER
    )
    assert "of them were never written" in verdict.feedback


@pytest.mark.parametrize("wrong", ["", "low", "high"])
def test_every_output_is_compared(wrong: str) -> None:
    arguments = [Input("x", "f32[r, c]"), Output("low", "f32[r]"), Output("high", "f32[r]")]
    problem = Problem(arguments, lambda x: (x.min(axis=1), x.max(axis=1)), ["r=64, c=64"])

    def limits(x, low, high, r, c):
        table = x.view(F32).reshape(r, c)
        low.view(F32)[:], high.view(F32)[:] = table.min(axis=1), table.max(axis=1)
        if wrong:
            {"low": low, "high": high}[wrong].view(F32)[0] += F32(1)

    asked = candidate("limits", "x, low, high, r, c", "<<<r, 32>>>")
    verdict = judge(problem, {"limits": limits}, asked, POINTER, POINTER, POINTER, INTEGER, INTEGER)
    assert verdict.status is (Status.WRONG if wrong else Status.PASSED)
    assert f"{wrong}: " in verdict.feedback


TWO_STEPS = """\
#pragma kernelevo temp float partial[8]
#pragma kernelevo zero {zeroed}
#pragma kernelevo launch first<<<1, 32>>>(x, partial, n)
#pragma kernelevo launch second<<<1, 32>>>(partial, y, 8)
"""


@pytest.mark.parametrize(("zeroed", "status"), [("partial", Status.PASSED), ("y", Status.WRONG)])
def test_temps_are_poisoned_unless_the_plan_clears_them(zeroed: str, status: Status) -> None:
    problem = Problem([Input("x", "f32[n]"), Output("y", "f32[1]")], lambda x: x.sum()[None], ["n=1000"])

    def first(x, partial, n):
        for lane in range(8):
            partial.view(F32)[lane] += x.view(F32)[lane::8].sum(dtype=F32)

    def second(partial, y, count):
        y.view(F32)[0] = partial.view(F32)[:count].sum()

    asked = Candidate(TWO_STEPS.format(zeroed=zeroed))
    verdict = judge(problem, {"first": first, "second": second}, asked, POINTER, POINTER, INTEGER)
    assert verdict.status is status, verdict.feedback
    if status is Status.PASSED:
        assert verdict.score is not None and verdict.score.value == pytest.approx(15.0)


def test_a_declared_tolerance_is_used_and_its_reason_reported() -> None:
    reason = "the original kernel uses f16 tensor cores"
    problem = Problem(
        [Input("x", "f32[n]"), Output("y", "f32[n]")], lambda x: x, ["n=64"], tolerance=Tolerance(0.1, 0.1, reason)
    )

    def coarse(x, y, n):
        y.view(F32)[:] = x.view(F32) * F32(1.05)

    verdict = judge(
        problem, {"coarse": coarse}, candidate("coarse", "x, y, n", "<<<1, 32>>>"), POINTER, POINTER, INTEGER
    )
    assert verdict.status is Status.PASSED
    assert any(reason in check.detail for check in verdict.checks)


def test_the_score_is_the_weighted_geometric_mean() -> None:
    problem = Problem([Input("x", "f32[n]"), Output("y", "f32[n]")], lambda x: x, [("n=64", 3.0), ("n=128", 1.0)])

    def copy(x, y, n):
        y[...] = x

    class Scaled(FunctionDevice):
        def _run_one(self, job):
            self.microseconds = {64: 2.0, 128: 32.0}.get(job.buffers[0].bytes // 4, 1.0)
            return super()._run_one(job)

    evaluator = KernelEvaluator(
        problem, FunctionCompiler((POINTER, POINTER, INTEGER)), Scaled({"copy": copy}), mode="search"
    )
    verdict = evaluator.evaluate(candidate("copy", "x, y, n", "<<<1, 32>>>"), BUDGET)
    assert verdict.score is not None and verdict.score.value == pytest.approx(2.0**0.75 * 32.0**0.25)


def test_a_device_without_times_is_our_fault() -> None:
    problem = Problem([Input("x", "f32[n]"), Output("y", "f32[n]")], lambda x: x, ["n=64"])
    evaluator = KernelEvaluator(
        problem, FunctionCompiler((POINTER, POINTER, INTEGER)), FunctionDevice({"copy": copy_bytes}, 0.0), mode="search"
    )
    with pytest.raises(Infrastructure, match="not a positive time in us"):
        evaluator.evaluate(candidate("copy", "x, y, n", "<<<1, 32>>>"), BUDGET)


def copy_bytes(x, y, n):
    y[...] = x


def test_a_reference_that_fails_is_the_users_input() -> None:
    def reference(x):
        raise ZeroDivisionError("oops")

    problem = Problem([Input("x", "f32[n]"), Output("y", "f32[n]")], reference, ["n=64"])
    with pytest.raises(BadInput, match="oops"):
        judge(problem, {"copy": copy_bytes}, candidate("copy", "x, y, n", "<<<1, 32>>>"), POINTER, POINTER, INTEGER)


ORACLE = "#pragma kernelevo launch original<<<1, 32>>>(x, y, n)\n__global__ void original() {}\n"


def oracle_problem(folder: Path, text: str = ORACLE) -> Problem:
    (folder / "original.cu").write_text(text)
    arguments = [Input("x", "f32[n]"), Output("y", "f32[n]")]
    return Problem(arguments, None, ["n=64"], oracle="original.cu").located(folder / "thing.problem.py")


def triple(x, y, n):
    y.view(F32)[:] = x.view(F32) * F32(3)


def almost(x, y, n):
    y.view(F32)[:] = x.view(F32) * F32(3.01)


@pytest.mark.parametrize(("kernel", "status"), [("triple", Status.PASSED), ("almost", Status.WRONG)])
def test_an_oracle_takes_the_place_of_the_reference_in_jobs_of_its_own(
    tmp_path: Path, kernel: str, status: Status
) -> None:
    device = FunctionDevice({"triple": triple, "almost": almost, "original": triple})
    compiler = FunctionCompiler((POINTER, POINTER, INTEGER))
    evaluator = KernelEvaluator(oracle_problem(tmp_path), compiler, device, mode="search")
    verdict = evaluator.evaluate(candidate(kernel, "x, y, n", "<<<1, 32>>>"), BUDGET)
    assert verdict.status is status, verdict.feedback
    assert any(check.name == "oracle" and "original.cu" in check.detail for check in verdict.checks) == (
        status is Status.PASSED
    )
    launched = [{step.kernel for step in job.steps} for job in device.jobs]
    assert {"original"} in launched and {kernel} in launched and all(len(kernels) == 1 for kernels in launched)
    assert "oracle" in evaluator.self_test().sentence


def trapping(x, y, n):
    raise Trap("out_of_bounds")


@pytest.mark.parametrize(
    ("text", "said"),
    [(ORACLE, "fails itself"), (ORACLE + "refuse", "does not compile"), (ORACLE.replace("x,", "q,"), "q")],
)
def test_an_oracle_that_does_not_work_is_the_users_input(tmp_path: Path, text: str, said: str) -> None:
    device = FunctionDevice({"triple": triple, "original": trapping})
    compiler = FunctionCompiler((POINTER, POINTER, INTEGER))
    evaluator = KernelEvaluator(oracle_problem(tmp_path, text), compiler, device, mode="search")
    with pytest.raises(BadInput, match=said):
        evaluator.evaluate(candidate("triple", "x, y, n", "<<<1, 32>>>"), BUDGET)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Candidate("__global__ void k() {}"), "no launch line"),
        (Candidate("#pragma kernelevo launch k<<<1, 32>>>(x"), "thing.cu:1:"),
        (Candidate(" " * (256 << 10) + "x"), "262145 bytes"),
        (Candidate("\0"), "NUL"),
        (Candidate(ORACLE, {"BLOCK": 3}), "macro BLOCK is set but not tuned"),
        (candidate("triple", "x, y, n", "<<<1, 2048>>>"), "block.x of triple is 2048"),
        (candidate("triple", "x, y", "<<<1, 32>>>"), "passes 2 arguments but triple declares 3"),
    ],
)
def test_a_broken_rule_is_a_verdict_in_words(tmp_path: Path, asked: Candidate, said: str) -> None:
    device = FunctionDevice({"triple": triple, "original": triple})
    compiler = FunctionCompiler((POINTER, POINTER, INTEGER))
    verdict = KernelEvaluator(oracle_problem(tmp_path), compiler, device, mode="search").evaluate(asked, BUDGET)
    assert verdict.status is Status.RULE_BROKEN and said in verdict.feedback
    assert device.jobs == []
