"""Ablation on a device that runs Python functions: what is left out, in which order, and what counts as a difference.

Whole plans on the virtual GPU are in test_cheats.py.
"""

from __future__ import annotations

import numpy as np
import pytest
from evaluator.emulation import BUDGET, INTEGER, POINTER, FunctionCompiler, FunctionDevice, Stopped, Trap
from evaluator.test_kernels import PROBLEM, right, typed, zeros

from kernelevo.defences import ALL
from kernelevo.evaluators.kernels import KernelEvaluator, seeded_generator
from kernelevo.types import Candidate, Check, Status, Verdict

NOISE = np.random.default_rng(1)


def halves(x, y, rows, cols):
    """Needs what `right` wrote."""
    target = typed(x, y, rows, cols)[1]
    if not np.isfinite(target).all() or target.max() > 1.5:
        raise Trap("out_of_bounds")
    target[...] = target


def waits(x, y, rows, cols):
    target = typed(x, y, rows, cols)[1]
    if not np.isfinite(target).all() or target.max() > 1.5:
        raise Stopped("killed", "time")


def noisy(x, y, rows, cols):
    """As atomics in another order: right within the tolerance, and never twice the same."""
    right(x, y, rows, cols)
    target = typed(x, y, rows, cols)[1]
    moved = target * (1 + NOISE.choice([-1, 1], target.shape) * 2.0**-23).astype(np.float32)
    # What is 1 (alone in its row, or beside much smaller numbers) is so in every honest implementation.
    target[...] = np.where(target == 1, target, moved)


def only_wide_rows(x, y, rows, cols):
    """Matters where there are more than 1024 columns only."""
    if cols > 1024:
        right(x, y, rows, cols)


def all_but_wide_rows(x, y, rows, cols):
    if cols <= 1024:
        right(x, y, rows, cols)


KERNELS = {
    each.__name__: each
    for each in (right, zeros, halves, waits, noisy, only_wide_rows, all_but_wide_rows)
}  # fmt: skip


def judge(*kernels: str, how: str = "modelled", mode: str = "final", **settings) -> tuple[Verdict, FunctionDevice]:
    device = FunctionDevice(KERNELS)
    device.how = how
    lines = [f"#pragma kernelevo launch {kernel}<<<1, 32>>>(x, y, rows, cols)" for kernel in kernels]
    text = "\n".join([*lines, *(f"__global__ void {kernel}() {{}}" for kernel in dict.fromkeys(kernels))])
    compiler = FunctionCompiler((POINTER, POINTER, INTEGER, INTEGER))
    evaluator = KernelEvaluator(PROBLEM, compiler, device, mode=mode, **settings)
    return evaluator.evaluate(Candidate(text), BUDGET), device


def ablation(verdict: Verdict) -> Check:
    return next(check for check in verdict.checks if check.name == "ablation")


def test_one_launch_is_explained_and_costs_no_run() -> None:
    same = {"generator": seeded_generator(1)}
    verdict, device = judge("right", **same)
    assert verdict.status is Status.PASSED
    assert "alone in a case" in ablation(verdict).detail
    without, other = judge("right", defences=ALL.without("ablation"), **same)
    assert len(device.jobs) == len(other.jobs)
    assert not any(check.name == "ablation" for check in without.checks)


@pytest.mark.parametrize("second", ["halves", "waits"])
def test_a_fault_or_a_hang_without_the_launch_is_a_difference(second: str) -> None:
    # What comes second changes nothing itself, so it is a decoy: the first is needed, though only the fault shows it.
    verdict, _ = judge("right", second)
    assert verdict.status is Status.DECOY and f"line 2: the launch of {second}" in verdict.feedback


def test_the_smallest_case_comes_first_and_is_enough() -> None:
    verdict, device = judge("zeros", "right")
    assert verdict.status is Status.DECOY and "line 1: the launch of zeros" in verdict.feedback
    honest, device = judge("all_but_wide_rows", "only_wide_rows")
    assert honest.status is Status.PASSED, honest.feedback
    assert "2 launches were left out one at a time, and each changed an output" in ablation(honest).detail
    left_out = [job for job in device.jobs if len(job.steps) == 1]
    sizes = [job.buffers[0].bytes for job in left_out]
    # The first was seen to matter on the smallest case, the second only on a row of 4099.
    assert sizes[0] == 4 and sizes[1:] == sorted(sizes[1:]) and sizes[-1] == 4099 * 4 and len(sizes) > 10


def test_a_search_leaves_nothing_out() -> None:
    verdict, device = judge("zeros", "right", mode="search")
    assert verdict.status is Status.PASSED
    assert all(len(job.steps) == 2 for job in device.jobs)


def test_where_runs_differ_by_rounding_only_what_is_wrong_is_a_difference() -> None:
    verdict, _ = judge("zeros", "noisy", how="measured")
    assert verdict.status is Status.DECOY and "zeros" in verdict.feedback
    needed, _ = judge("all_but_wide_rows", "only_wide_rows", how="measured")
    assert needed.status is Status.PASSED, needed.feedback


def test_a_launch_that_no_case_takes_is_named() -> None:
    device = FunctionDevice(KERNELS)
    text = """
#pragma kernelevo launch zeros<<<1, 32>>>(x, y, rows, cols) when(rows == 99999)
#pragma kernelevo launch right<<<1, 32>>>(x, y, rows, cols)
"""
    compiler = FunctionCompiler((POINTER, POINTER, INTEGER, INTEGER))
    verdict = KernelEvaluator(PROBLEM, compiler, device, mode="final").evaluate(Candidate(text), BUDGET)
    assert verdict.status is Status.PASSED
    assert "line 2 (zeros) is taken in no case" in ablation(verdict).detail
