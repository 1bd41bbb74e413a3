"""Reading a plan: the whole grammar, positions of mistakes, and hostile text."""

from __future__ import annotations

import pickle
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelevo.errors import BadInput
from kernelevo.kernel.plan import LaunchLine, ZeroLine
from kernelevo.kernel.pragmas import PlanError, read_plan

WHOLE = """\
#ifndef BLOCK
#define BLOCK 128  /* threads */
#endif
#define WARPS (BLOCK / 32)
#pragma kernelevo plan 1
#pragma kernelevo tune BLOCK 64 128 256   // sizes to try
#pragma kernelevo temp unsigned int partial[rows * WARPS]
#pragma kernelevo zero out
#pragma kernelevo launch first<BLOCK, float><<<dim3(ceildiv(cols, 16), rows), dim3(16, 16), \\
    WARPS * sizeof(float)>>>(x, partial, rows, cols / 4) when(cols % 4 == 0) cooperative
#pragma kernelevo launch space::second<<<sms * 2, BLOCK>>>(x, out) cluster(2)
extern "C" __global__ void second(const float* x, float* out) {}
"""

LAUNCH = "#pragma kernelevo launch k<<<1, 32>>>(x)\n"


def test_every_line_of_the_grammar_is_read() -> None:
    plan = read_plan(WHOLE, "k.cu")
    zero, first, second = plan.steps
    assert zero == ZeroLine("out", 8)
    assert isinstance(first, LaunchLine)
    assert isinstance(second, LaunchLine)
    assert first.kernel == "first<BLOCK, float>"
    assert [str(size) for size in (*first.grid, *first.block)] == ["ceildiv(cols, 16)", "rows", "1", "16", "16", "1"]
    assert first.shared.evaluate(plan.macros) == 16
    assert [str(argument) for argument in first.arguments] == ["x", "partial", "rows", "cols / 4"]
    assert str(first.guard) == "cols % 4 == 0"
    assert (first.cooperative, first.cluster, first.line) == (True, None, 9)
    assert second.kernel == "space::second"
    assert (second.guard, second.cooperative, second.line) == (None, False, 11)
    assert second.cluster is not None
    assert [size.evaluate({}) for size in second.cluster] == [2, 1, 1]
    assert [(temp.name, temp.dtype, str(temp.elements)) for temp in plan.temps] == [("partial", "u32", "rows * WARPS")]
    assert [(tune.macro, tune.values) for tune in plan.tunes] == [("BLOCK", (64, 128, 256))]
    assert plan.macros == {"BLOCK": 128, "WARPS": 4}


def test_given_macros_override_guarded_defaults_and_what_is_made_of_them() -> None:
    assert read_plan(WHOLE, "k.cu", {"BLOCK": 256}).macros == {"BLOCK": 256, "WARPS": 8}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("#pragma kernelevo @luanch k<<<1, 1>>>()", "'luanch' is no line of a plan"),
        ("#pragma kernelevo@", "expected one of plan, launch"),
        ("#pragma kernelevo @tensormap t", "reserved"),
        ("#pragma kernelevo plan @2", "not plan 2"),
        ("#pragma kernelevo launch k<<<1@>>>()", "expected ',' but found '>>>'"),
        ("#pragma kernelevo launch k<<<1, 2, 3@, s>>>()", "no stream"),
        ("#pragma kernelevo launch k<<<dim3@(1,2,3,4), 2>>>()", "at most three"),
        ("#pragma kernelevo launch k<<<1, 2>>>(x@", "expected '\\)' but found the end"),
        ("#pragma kernelevo launch k<<<1, 2>>>(x) @wehn(1)", "expected when"),
        ("#pragma kernelevo launch k<<<1, 2>>>(x) when(1) @when(2)", "twice"),
        ("#pragma kernelevo launch k(x)@", "expected '<<<'"),
        ("#pragma kernelevo launch k@;<<<1, 2>>>(x)", "no integer, name or operator"),
        ("#pragma kernelevo launch k<<<1, @2.5>>>(x)", "'2.5' is no integer"),
        ("#pragma kernelevo temp @banana b[3]", "no element type"),
        ("#pragma kernelevo temp float@[3]", "name of the scratch"),
        ("#pragma kernelevo temp float p[3]@[4]", "did not expect"),
        ("#pragma kernelevo zero a@, b", "did not expect ','"),
        ("  #  pragma   kernelevo zero @7", "expected the name of a buffer"),
        ("#pragma kernelevo tune @B", "names no value"),
        ("#pragma kernelevo tune B 1 @1", "twice"),
        ("#pragma kernelevo tune B 1 @x", "expected an integer"),
    ],
)
def test_a_mistake_is_named_where_it_stands(line: str, why: str) -> None:
    column = line.index("@") + 1
    with pytest.raises(PlanError, match=why) as caught:
        read_plan(f"{LAUNCH}\n{line.replace('@', '')}\n", "k.cu")
    assert (caught.value.line, caught.value.column) == (3, column)
    assert str(caught.value).startswith(f"k.cu:3:{column}: ")
    assert isinstance(caught.value, BadInput)


def test_a_mistake_after_a_continuation_is_on_its_own_line() -> None:
    with pytest.raises(PlanError) as caught:
        read_plan("#pragma kernelevo launch k<<<1, \\\n   32>>>(x) oops\n", "k.cu")
    assert (caught.value.line, caught.value.column) == (2, 13)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("__global__ void k() {}\n", "no launch line"),
        (LAUNCH + "#pragma kernelevo temp float p[1]\n#pragma kernelevo temp float p[1]\n", "'p' is declared twice"),
        (LAUNCH + "#pragma kernelevo temp float sms[1]\n", "has a meaning"),
        (LAUNCH + "#pragma kernelevo tune B 1 2\n", "needs a default"),
        ("#define B 1\n" + LAUNCH + "#pragma kernelevo tune B 1 2\n", "can be overridden"),
        ("#define B 1\n#define B 2\n" + LAUNCH.replace("32", "B"), "defined more than once"),
        ("#define B 4 * 8\n" + LAUNCH.replace("32", "B + 1"), "no parentheses around it"),
        ("#define B(n) (n)\n" + LAUNCH.replace("32", "B"), "parameters"),
        ("#define B 1.5f\n" + LAUNCH.replace("32", "B"), "no integer constant"),
        ("#define B 1\n#undef B\n" + LAUNCH.replace("32", "B"), "undefined again"),
        ("#if __CUDA_ARCH__ >= 800\n" + LAUNCH + "#endif\n", "only the compiler can decide"),
        ("#if __CUDA_ARCH__ >= 800\n#define B 2\n#endif\n" + LAUNCH.replace("32", "B"), "only the compiler can decide"),
        ("#ifdef __CUDA_ARCH__\n#else\n" + LAUNCH + "#endif\n", "only the compiler can decide"),
        ("#if __X\n#elif 1\n" + LAUNCH + "#endif\n", "only the compiler can decide"),
        ("#ifdef A\n" + LAUNCH, "has no #endif"),
        (LAUNCH + "#endif\n", "without an #if"),
        ("#if 1\n" * 65 + LAUNCH, "nested more than"),
        (LAUNCH * 300, "at most 200 lines"),
    ],
)
def test_what_no_single_line_shows_is_refused(text: str, why: str) -> None:
    with pytest.raises(PlanError, match=why):
        read_plan(text, "k.cu")


@pytest.mark.parametrize(
    ("text", "kernels"),
    [
        ("#if 0\n#pragma kernelevo launch a<<<1, 1>>>()\n#else\n#pragma kernelevo launch b<<<1, 1>>>()\n#endif\n", "b"),
        ("#define N 3\n#if N > 2 && defined(N)\n#pragma kernelevo launch a<<<1, 1>>>()\n#endif\n" + LAUNCH, "a k"),
        (
            "#if N\n#pragma kernelevo launch a<<<1, 1>>>()\n#elif 1\n#pragma kernelevo launch b<<<1, 1>>>()\n#endif\n",
            "b",
        ),
        ("#ifdef __CUDACC__\n#include <x>\n#endif\n" + LAUNCH, "k"),
        ("/* \n#pragma kernelevo launch a<<<1, 1>>>()\n*/" + LAUNCH, "k"),
        ("// \\\n#pragma kernelevo launch a<<<1, 1>>>()\n" + LAUNCH, "k"),
        ('auto s = R"(\n#pragma kernelevo launch a<<<1, 1>>>()\n)";\n' + LAUNCH, "k"),
        ('auto s = "/*";\n' + LAUNCH + 'auto t = "*/";\n', "k"),
        ("int n = 1'000'000; char c = '\"';\n" + LAUNCH, "k"),
        ("#pragma unroll 4\n#pragma once\n" + LAUNCH.replace("\n", "\r\n"), "k"),
    ],
)
def test_only_the_lines_in_force_count(text: str, kernels: str) -> None:
    steps = read_plan(text, "k.cu").steps
    assert [step.kernel for step in steps if isinstance(step, LaunchLine)] == kernels.split()


@given(st.text(max_size=200))
def test_any_text_is_a_plan_or_a_refusal(text: str) -> None:
    _plan_or_refusal(text)
    _plan_or_refusal(f"#pragma kernelevo {text}\n{LAUNCH}")


PIECES = [
    "#pragma kernelevo ",
    "launch ",
    "temp ",
    "zero ",
    "tune ",
    "k",
    "<<<",
    ">>>",
    "(",
    ")",
    ",",
    "[",
    "]",
    "1",
    "x",
]
PIECES += [
    "when(",
    "cluster(",
    "cooperative",
    "dim3(",
    "\\\n",
    "\n",
    "#if ",
    "#ifndef ",
    "#define ",
    "#else\n",
    "#endif\n",
]
PIECES += ["#elif ", "defined(", "/*", "*/", "//", '"', "'", 'R"(', "<", ">", "::", "-", "float ", " ", "#undef ", "B"]


@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
def test_any_heap_of_pieces_is_a_plan_or_a_refusal(text: str) -> None:
    _plan_or_refusal(text)
    _plan_or_refusal(LAUNCH + text)


def _plan_or_refusal(text: str) -> None:
    try:
        read_plan(text, "k.cu", {"B": 3})
    except PlanError as error:
        assert error.line >= 1
        assert error.column >= 1


@pytest.mark.parametrize(
    "text",
    [
        "/*" * 50_000,
        'R"(' * 30_000,
        "//\\\n" * 30_000,
        "\\\n" * 50_000,
        "#define A" + "A" * 100_000,
        "#if 1\n#endif\n" * 10_000,
        "".join(f"#define A{n} (A{n + 1} + A{n + 1})\n" for n in range(60)) + "#if A0\n#endif\n",
        "'" * 100_000,
    ],
    ids=[
        "comments",
        "raw strings",
        "line comments",
        "continuations",
        "name",
        "conditionals",
        "doubling macros",
        "quotes",
    ],
)
def test_hostile_text_is_read_in_bounded_time(text: str) -> None:
    start = time.perf_counter()
    _plan_or_refusal(text + "\n" + LAUNCH)
    assert time.perf_counter() - start < 5.0


def test_a_refusal_and_a_plan_survive_the_way_between_processes() -> None:
    with pytest.raises(PlanError) as caught:
        read_plan("", "k.cu")
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.line, again.column) == (str(caught.value), 1, 1)
    plan = read_plan(WHOLE, "k.cu")
    assert pickle.loads(pickle.dumps(plan)) == plan


def test_macros_that_name_each_other_twice_take_no_exponential_time() -> None:
    bomb = "#define M0 1\n" + "".join(f"#define M{i} (M{i - 1} + M{i - 1})\n" for i in range(1, 60))
    plan = read_plan(bomb + "#if M59\n#endif\n#pragma kernelevo launch k<<<1, 32>>>()\n", "bomb.cu")
    assert len(plan.steps) == 1
