"""Triton launches on one case: which specialisation is asked for, what is passed, and what the compiler wants besides.

The rules are those of Triton's JIT; tests/compilers/test_triton.py compares with Triton itself.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kernelevo.devices.null import PROPERTIES
from kernelevo.evaluators.jobs import build_job
from kernelevo.evaluators.parameters import check_launches
from kernelevo.evaluators.rejection import Rejected
from kernelevo.evaluators.schedule import LaunchStep, Schedule, schedule
from kernelevo.evaluators.trials import Drawn, Trial
from kernelevo.kernel.arguments import Input, Output, Scalar
from kernelevo.kernel.problem import Problem
from kernelevo.kernel.triton_plan import read_triton_plan
from kernelevo.types import Buffer, BufferArgument, Image, KernelImage, Launch, Parameter, ScalarArgument

PROBLEM = Problem(
    arguments=[
        Input("x", "f16[rows, cols]", aligned=16),
        Input("loose", "u8[rows]"),
        Output("y", "bf16[rows]", aligned=32),
        Scalar("epsilon", "f32", 0.5),
        Scalar("wide", "f64", 0.25),
    ],
    reference=lambda x, loose: x.sum(axis=1),
    benchmarks=["rows=32, cols=17"],
)
HEAD = """
@triton.jit
def k(x, loose, y, rows, cols, e, w, B: tl.constexpr, MODE: tl.constexpr = None): pass
"""
LAUNCH = "# kernelevo: launch k[rows](x, loose, y, rows, cols, epsilon, wide, B=pow2ceil(cols))"


def made(launch: str = LAUNCH, case: str = "rows=32, cols=17", **tuned: int) -> Schedule:
    plan = read_triton_plan(launch + HEAD, "k.triton.py", tuned)
    return schedule(plan, PROBLEM, PROBLEM.case(case), PROPERTIES)


def step(*words: str, **tuned: int) -> LaunchStep:
    (only,) = made(*words, **tuned).steps
    assert isinstance(only, LaunchStep)
    return only


def test_types_alignment_and_divisibility_are_what_is_declared_and_known() -> None:
    assert step().kernel == (
        "k(x: *fp16 % 16, loose: *u8, y: *bf16 % 16, rows: i32 % 16, cols: i32, e: fp32, w: fp64, B = 32,"
        " MODE = default) num_warps=4 num_stages=3"
    )


def test_everything_that_has_no_value_of_its_own_is_passed() -> None:
    assert step().arguments == (
        *(BufferArgument(name) for name in ("x", "loose", "y")),
        *(ScalarArgument(value) for value in (32, 17, 0.5, 0.25)),
    )
    assert (step().grid, step().block, step().shared_bytes) == ((32, 1, 1), (128, 1, 1), 0)


def test_an_integer_that_is_one_becomes_a_constant_and_is_not_passed() -> None:
    one = step(LAUNCH, "rows=1, cols=17")
    assert "rows = 1, cols: i32," in one.kernel
    assert [argument.value for argument in one.arguments if isinstance(argument, ScalarArgument)] == [17, 0.5, 0.25]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("0", "rows: i32 % 16"),
        ("-16", "rows: i32 % 16"),
        ("2147483647", "rows: i32,"),
        ("2147483648", "rows: i64 % 16"),
        ("-2147483649", "rows: i64,"),
    ],
)
def test_an_integer_has_the_width_that_it_needs(value: str, said: str) -> None:
    assert said in step(LAUNCH.replace("y, rows,", f"y, {value},")).kernel


def test_a_guard_and_a_grid_may_name_the_launchs_own_keywords() -> None:
    launch = LAUNCH.replace("[rows]", "[ceildiv(rows, B), num_warps]").replace("B=pow2ceil(cols)", "B=8, num_warps=2")
    guarded = f"{launch} when(B == 9)\n{launch} when(B == 8 && num_stages == 3)"
    assert (step(guarded).grid, step(guarded).line) == ((4, 2, 1), 2)


def test_scratch_of_the_plan_is_aligned_and_truth_is_a_number() -> None:
    launch = LAUNCH.replace("loose,", "scratch,").replace("B=pow2ceil(cols)", "B=True, MODE=False")
    assert "loose: *i32 % 16" in step(f"# kernelevo: temp int scratch[rows]\n{launch}").kernel
    assert "B = 1, MODE = 0" in step(f"# kernelevo: temp int scratch[rows]\n{launch}").kernel


def test_tuned_names_reach_constants_and_options() -> None:
    launch = f"# kernelevo: tune num_warps 2 8\n# kernelevo: tune N 1 2\n{LAUNCH.replace('pow2ceil(cols)', '16 * N')}"
    tuned = step(launch, num_warps=8, N=2)
    assert tuned.kernel.endswith("B = 32, MODE = default) num_warps=8 num_stages=3")
    assert tuned.block == (256, 1, 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (", num_warps=3", "line 1, case rows=32,cols=17: k has 3 warps and 3 stages"),
        (", num_warps=64", "block.x"),
        (", num_stages=0", "k has 4 warps and 0 stages"),
        (", num_stages=99", "stages from 1 to 16"),
        (", MODE=unknown", "MODE of k: `unknown` has no value"),
    ],
)
def test_a_launch_that_no_gpu_could_run_breaks_a_rule(change: str, said: str) -> None:
    with pytest.raises(Rejected) as caught:
        step(LAUNCH.replace("pow2ceil(cols))", f"pow2ceil(cols){change})"))
    assert said in caught.value.feedback


def image(only: LaunchStep, *scratch: int, shared: int = 0) -> Image:
    types = ["u64", "u64", "u64", "u32", "u32", "f32", "f64"] + ["u64"] * len(scratch)
    parameters = tuple(Parameter(each, 0, int(each[1:]) // 8) for each in types)
    kernel = KernelImage("k__0", only.kernel, parameters, 32, 0, 0, 0, 1024, shared, scratch)
    return Image("key", "sm_80", "", b"", (kernel,), "triton")


def launched(scratch: tuple[int, ...], shared: int) -> tuple[Launch, tuple[Buffer, ...]]:
    drawn = Drawn(Trial(PROBLEM.case("rows=32, cols=17"), 0, False, False, False), PROBLEM.draw(
        np.random.default_rng(0), {"rows": 32, "cols": 17}
    ))  # fmt: skip
    job = build_job(PROBLEM, drawn, made(), image(step(), *scratch, shared=shared), 0, False)
    (only,) = job.steps
    assert isinstance(only, Launch)
    return only, job.buffers[3:]


def test_scratch_that_the_compiler_wants_is_allocated_for_each_block_and_what_it_does_not_want_is_null() -> None:
    launch, (buffer,) = launched((12, 0), shared=2048)
    assert buffer.bytes == 12 * 32
    assert buffer.data is None
    assert launch.arguments[-2:] == (BufferArgument(buffer.name), ScalarArgument(0))
    assert launch.shared_bytes == 2048
    assert launched((0, 0), shared=0)[1] == ()


def check(built: Image) -> None:
    plan = read_triton_plan(LAUNCH + HEAD, "k.triton.py")
    check_launches(plan, made(), built, "rows=32,cols=17", PROPERTIES)


def test_what_the_compiler_added_is_no_parameter_of_the_launch() -> None:
    check(image(step(), 0, 0))
    whole = image(step(), 0, 0)
    without = dataclasses.replace(whole, kernels=(dataclasses.replace(whole.kernels[0], scratch_bytes=()),))
    with pytest.raises(Rejected, match=r"7 arguments but .* declares 9 parameters"):
        check(without)


@pytest.mark.parametrize(
    ("scratch", "shared", "said"), [((1 << 30, 0), 0, "bytes of scratch"), ((0, 0), 1 << 20, "bytes of shared memory")]
)
def test_wishes_beyond_the_device_break_a_rule(scratch: tuple[int, int], shared: int, said: str) -> None:
    with pytest.raises(Rejected) as caught:
        check(image(step(), *scratch, shared=shared))
    assert said in caught.value.feedback
