"""A plan on a case: which launches happen, and every way in which a plan can ask for what the device does not have."""

from __future__ import annotations

import pytest

from kernelevo.devices.null import PROPERTIES
from kernelevo.evaluators.parameters import check_launches
from kernelevo.evaluators.rejection import Rejected
from kernelevo.evaluators.schedule import LaunchStep, Schedule, schedule
from kernelevo.kernel.arguments import InOut, Input, Output, Scalar
from kernelevo.kernel.pragmas import read_plan
from kernelevo.kernel.problem import Problem
from kernelevo.types import BufferArgument, Clear, Image, KernelImage, Parameter, ScalarArgument, Status

PROBLEM = Problem(
    [
        Input("x", "f32[rows, cols]"),
        Output("y", "f32[rows, cols]"),
        InOut("z", "f32[rows]"),
        Scalar("alpha", "f32", 0.5),
    ],
    lambda x, z: (x, z),
    ["rows=64, cols=128"],
)
CASE = PROBLEM.benchmarks[0]
PROPERTY = {**PROPERTIES, "sms": 100}


def steps(*lines: str) -> Schedule:
    text = "\n".join(f"#pragma kernelevo {line}" for line in lines)
    return schedule(read_plan(f"#define BLOCK 256\n{text}\n", "k.cu"), PROBLEM, CASE, PROPERTY)


def names(made: Schedule) -> list[str]:
    return [step.kernel if isinstance(step, LaunchStep) else f"zero {step.buffer}" for step in made.steps]


def test_sizes_and_arguments_are_resolved() -> None:
    made = steps(
        "temp double part[rows * 2]",
        "launch k<<<dim3(ceildiv(cols, BLOCK), rows), BLOCK, 4 * warp>>>(x, part, alpha, cols, rows * 2 + sms)",
    )
    step = made.steps[0]
    assert (step.grid, step.block, step.shared_bytes) == ((1, 64, 1), (256, 1, 1), 128)
    assert step.arguments == (
        BufferArgument("x"), BufferArgument("part"), ScalarArgument(0.5), ScalarArgument(128), ScalarArgument(228),
    )  # fmt: skip
    assert [(temp.name, temp.bytes) for temp in made.temps] == [("part", 1024)]


def test_steps_keep_their_order_and_zero_is_a_step() -> None:
    made = steps("launch a<<<1, 32>>>(x)", "zero y", "launch b<<<1, 32>>>(y)")
    assert names(made) == ["a", "zero y", "b"] and made.steps[1] == Clear("y")


@pytest.mark.parametrize(
    ("lines", "taken"),
    [
        (("launch a<<<1, 32>>>(x) when(cols % 4 == 0)", "launch b<<<1, 32>>>(x)"), ["a"]),
        (("launch a<<<1, 32>>>(x) when(cols % 3 == 0)", "launch b<<<1, 32>>>(x)"), ["b"]),
        (
            ("launch a<<<1, 32>>>(x) when(0)", "launch b<<<1, 32>>>(x) when(1)", "launch c<<<1, 32>>>(x) when(1)"),
            ["b"],
        ),
        (("launch a<<<1, 32>>>(x)", "launch b<<<1, 32>>>(x)"), ["a", "b"]),
        (
            ("launch a<<<1, 32>>>(x) when(1)", "launch b<<<1, 32>>>(x)", "launch c<<<1, 32>>>(x) when(1)"),
            ["a", "c"],
        ),
        (("launch a<<<1, 32>>>(x) when(1)", "zero y", "launch c<<<1, 32>>>(x)"), ["a", "zero y", "c"]),
    ],
)
def test_the_first_launch_of_a_group_whose_guard_holds_is_taken(lines: tuple[str, ...], taken: list[str]) -> None:
    assert names(steps(*lines)) == taken


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("launch a<<<1, 32>>>(x) when(cols == 1)", "no guard"),
        ("launch a<<<0, 32>>>(x)", "grid.x of a is 0"),
        ("launch a<<<rows - 65, 32>>>(x)", "grid.x of a is -1"),
        ("launch a<<<dim3(1, 65536), 32>>>(x)", "from 1 to 65535"),
        ("launch a<<<1, dim3(32, 64)>>>(x)", "2048 threads per block, and must have from 1 to 1024"),
        ("launch a<<<1, dim3(1, 1, 65)>>>(x)", "block.z of a is 65"),
        ("launch a<<<1, 32, 49153>>>(x)", "49153 dynamic shared bytes"),
        ("launch a<<<1, 32, -1>>>(x)", "-1 dynamic shared bytes"),
        ("launch a<<<1, 32>>>(q)", "q"),
        ("launch a<<<rows / 0, 32>>>(x)", "grid of a"),
        ("launch a<<<3, 32>>>(x) cluster(2)", "divides the grid"),
        ("launch a<<<16, 32>>>(x) cluster(16)", "at most 8 blocks"),
        ("zero x", "zero x: it is an input"),
        ("zero q", "there is no such buffer"),
        ("temp float x[4]", "name of temp x is taken"),
        ("temp float rows[4]", "name of temp rows is taken"),
        ("temp float t[0]", "temp t has 0 elements"),
        ("temp float t[1 << 40]", "temps together take at most"),
    ],
)
def test_a_plan_beyond_the_rules_is_refused_in_words(line: str, said: str) -> None:
    with pytest.raises(Rejected, match=r"line \d") as caught:
        steps(line, "zero y", "launch last<<<1, 1>>>(x)")
    assert caught.value.status is Status.RULE_BROKEN
    assert said in caught.value.feedback


def test_a_message_names_line_case_value_and_limit() -> None:
    with pytest.raises(Rejected) as caught:
        steps("launch a<<<1, 1025>>>(x)")
    for part in ("line 2", "rows=64,cols=128", "1025", "1024"):
        assert part in caught.value.feedback


def test_a_plan_has_a_limit_on_steps() -> None:
    with pytest.raises(Rejected, match="65 steps"):
        steps(*["launch a<<<1, 32>>>(x)"] * 65)


def check(line: str, *parameters: Parameter, **details: int) -> None:
    text = f"#pragma kernelevo {line}\n"
    plan = read_plan(text, "k.cu")
    kernel = {"registers": 32, "spill_bytes": 0, "static_shared_bytes": 0, "local_bytes": 0, "max_threads": 1024}
    image = Image("k", "sm_80", "", b"", (KernelImage("_Za", "a", parameters, **{**kernel, **details}),), "c")
    check_launches(plan, schedule(plan, PROBLEM, CASE, PROPERTY), image, CASE.name, PROPERTY)


POINTER, U32, U64, FLOAT = (
    Parameter("u64", 0, 8),
    Parameter("u32", 0, 4),
    Parameter("u64", 0, 8),
    Parameter("f32", 0, 4),
)


def test_a_launch_that_fits_its_kernel_is_accepted() -> None:
    line = "launch a<<<1, 32>>>(x, cols, rows * cols, alpha, rows)"
    check(line, POINTER, U32, U64, FLOAT, FLOAT)


@pytest.mark.parametrize(
    ("line", "parameters", "said"),
    [
        ("launch a<<<1, 32>>>(x)", (POINTER, U32), "passes 1 argument but a declares 2"),
        ("launch a<<<1, 32>>>(x, y)", (POINTER, U32), "argument 2 of a (`y`) is a buffer"),
        ("launch a<<<1, 32>>>(x)", (Parameter("f64", 0, 8),), "not a pointer"),
        ("launch a<<<1, 32>>>(alpha)", (U32,), "argument 1 of a (`alpha`) is 0.5, but the parameter is an integer"),
        ("launch a<<<1, 32>>>(1 << 32)", (U32,), "does not fit in the parameter's 32 bits"),
        ("launch a<<<1, 32>>>(cols)", (Parameter("b8", 0, 16),), "struct of 16 bytes"),
    ],
)
def test_an_argument_that_does_not_fit_is_named(line: str, parameters: tuple[Parameter, ...], said: str) -> None:
    with pytest.raises(Rejected) as caught:
        check(line, *parameters)
    assert caught.value.status is Status.RULE_BROKEN and said in caught.value.feedback


@pytest.mark.parametrize(
    ("line", "details", "said"),
    [
        ("launch a<<<1, 32, 40000>>>(x)", {"static_shared_bytes": 10000}, "50000 bytes of shared memory"),
        ("launch a<<<1, 1024>>>(x)", {"registers": 96}, "98304 registers per block"),
        # 23 warps of 2,816 are 64,768, but a quarter of the SM holds 5 of them: CUDA reckons with 24.
        ("launch a<<<1, 736>>>(x)", {"registers": 88}, "67584 registers per block"),
        ("launch a<<<1, 512>>>(x)", {"max_threads": 256}, "512 threads per block, and at most 256"),
        ("launch a<<<1, 1>>>(x)", {"local_bytes": 560_000}, "560000 bytes of local memory per thread"),
    ],
)
def test_a_kernel_that_does_not_fit_the_device_is_refused(line: str, details: dict[str, int], said: str) -> None:
    with pytest.raises(Rejected) as caught:
        check(line, POINTER, **details)
    assert said in caught.value.feedback
    check(line, POINTER)
