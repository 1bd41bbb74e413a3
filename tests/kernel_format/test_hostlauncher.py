"""A kernel file with a host launcher: what becomes a plan, and what is refused with its line."""

from __future__ import annotations

import pytest

from kernelevo import InOut, Input, Output, Problem, Scalar
from kernelevo.errors import BadInput
from kernelevo.kernel.hostlauncher import derive_plan, has_plan, strip_host_code
from kernelevo.kernel.plan import LaunchLine, ZeroLine
from kernelevo.kernel.pragmas import read_plan

KERNEL = """\
#include <cuda_runtime.h>
#include <cfloat>
#include <iostream>
__global__ void scale(const float* x, float* y, int rows, int cols) { y[0] = x[0]; }
"""


def launcher(body: str, parameters: str = "const float* x, float* y, int rows, int cols") -> str:
    return f"{KERNEL}void run({parameters})\n{{\n{body}\n}}\n"


def launches(text: str, problem: Problem | None = None) -> list[str]:
    """The launch and zero lines of the derived plan, as text."""
    derived, _ = derive_plan(text, "k.cu", problem)
    assert read_plan(derived, "k.cu").steps
    return [
        line.removeprefix("#pragma kernelevo ") for line in derived.split("\n") if line.startswith("#pragma kernelevo")
    ]


@pytest.mark.parametrize(
    ("body", "plan"),
    [
        ("scale<<<rows, 256>>>(x, y, rows, cols);", "launch scale<<<rows, 256>>>(x, y, rows, cols)"),
        (
            "dim3 block(16,16); dim3 grid((cols+15)/16, (rows+15)/16);\n"
            "scale<<<grid, block, 0, stream>>>(x,y,rows,cols);",
            "launch scale<<<dim3((cols + 15) / 16, (rows + 15) / 16), dim3(16, 16)>>>(x, y, rows, cols)",
        ),
        (
            "const int threads = 4 * 32; const int blocks = (rows + threads - 1) / threads;\n"
            "scale<<<blocks, threads, threads * sizeof(float)>>>(x, y, rows, cols);\ncudaDeviceSynchronize();",
            "launch scale<<<(rows + 128 - 1) / 128, 128, 512>>>(x, y, rows, cols)",
        ),
        (
            "auto block = dim3{32, 4}; dim3 grid = dim3(cols);\n"
            "scale<<<grid, block, block.x * block.y>>>(x, y, rows, cols);",
            "launch scale<<<cols, dim3(32, 4), 128>>>(x, y, rows, cols)",
        ),
        (
            "int n = rows; n = n * cols;\nscale<<<min(n, 1024), std::max(32, n)>>>(x, y, n, static_cast<int>(cols));",
            "launch scale<<<min(rows * cols, 1024), max(32, rows * cols)>>>(x, y, rows * cols, cols)",
        ),
        (
            "scale<<<1, 1>>>((const float*)x, reinterpret_cast<float*>(y), (int)rows, -1);\n"
            "CHECK(cudaGetLastError()); return;",
            "launch scale<<<1, 1>>>(x, y, rows, -1)",
        ),
        (
            "const int B = 64;\nscale<B, B / 2><<<1, B>>>(x, y, rows, cols);",
            "launch scale<64, 64 / 2><<<1, 64>>>(x, y, rows, cols)",
        ),
        ("// a comment\nscale<<<1, rows > 4 ? 32 : 64>>>(x, y, 1, 2); /* more */ ;", "(rows > 4 ? 32 : 64)"),
    ],
)
def test_a_straight_line_launcher_becomes_a_plan(body: str, plan: str) -> None:
    assert plan in launches(launcher(body))[0]


def test_helpers_macros_and_constants_are_put_in_place() -> None:
    head = "#define CEIL_DIV(M, N) (((M) + (N) - 1) / (N))\n#define TILE 16\n"
    head += "constexpr int WARPS = 4, THREADS = WARPS * 32;\n"
    helper = "static inline int up(int a, int b) { return (a + b - 1) / b; }\n"
    body = "scale<<<dim3(CEIL_DIV(cols + 1, TILE), up(rows, THREADS)), THREADS>>>(x, y, rows, cols);"
    assert launches(head + helper + launcher(body)) == [
        "launch scale<<<dim3((cols + 1 + TILE - 1) / TILE, (rows + 128 - 1) / 128), 128>>>(x, y, rows, cols)"
    ]


def test_several_launches_and_a_cleared_tensor_keep_their_order() -> None:
    body = "cudaMemset(y, 0, rows * sizeof(float));\nscale<<<1, 1>>>(x, y, 1, 2);\nscale<<<2, 1>>>(y, y, 1, 2);"
    derived, note = derive_plan(launcher(body), "k.cu")
    steps = read_plan(derived, "k.cu").steps
    assert [step.grid[0].text if isinstance(step, LaunchLine) else step.buffer for step in steps] == ["y", "1", "2"]
    assert isinstance(steps[0], ZeroLine)
    assert "plan of 3 steps derived from run (lines 5-10)" in note


def test_device_code_keeps_its_lines_and_host_code_is_gone() -> None:
    text = launcher("  scale<<<1, 1>>>(x, y, 1, 2);") + "__device__ int after() { return 1; }\n"
    derived, _ = derive_plan(text, "k.cu")
    assert derived.split("\n")[3] == KERNEL.split("\n")[3]
    assert derived.split("\n")[6].startswith("#pragma kernelevo launch scale")
    assert derived.split("\n")[8] == "__device__ int after() { return 1; }"
    assert not any(word in derived for word in ("void run", "iostream", "cuda_runtime"))
    assert "#include <cfloat>" in derived


def test_launches_of_one_line_get_a_line_each() -> None:
    text = f"{KERNEL}void run(float* y) {{ scale<<<1,1>>>(y,y,1,2); scale<<<2,1>>>(y,y,1,2); }}\n__device__ int z;\n"
    derived, _ = derive_plan(text, "k.cu")
    assert [step.grid[0].text for step in read_plan(derived, "k.cu").steps if isinstance(step, LaunchLine)] == [
        "1",
        "2",
    ]
    assert "__device__ int z;" in derived


def test_host_helpers_prototypes_and_templates_are_stripped_and_constexpr_ones_kept() -> None:
    text = (
        "void run(float* y, int n);\nusing namespace std;\nvoid reference(float* y) { for (;;) y[0] = 1; }\n"
        "constexpr int twice(int n) { return 2 * n; }\n"
        "template <int B> __global__ void k(float* y, int n) { y[0] = twice(n); }\n"
        'extern "C" void run(float* y, int n) { k<8><<<twice(n), 8>>>(y, n); }\n'
    )
    derived, _ = derive_plan(text, "k.cu")
    assert "launch k<8><<<2 * n, 8>>>(y, n)" in derived
    assert "constexpr int twice" in derived
    assert "template <int B> __global__" in derived
    assert not any(word in derived for word in ("void run", "reference", "using", "extern"))


PROBLEM = Problem(
    arguments=[Input("a", "f32[m, n]"), InOut("c", "f32[m, n]"), Scalar("alpha", "f32", 2.0)],
    reference=lambda a, c: a + c,
    benchmarks=["m=8, n=8"],
)


def test_parameters_take_the_problems_names() -> None:
    parameters = "const float* input, float* c, int height, int n, float factor, cudaStream_t stream"
    text = launcher("scale<<<(height + 31) / 32, 32, 0, stream>>>(input, c, height, n, factor);", parameters)
    assert launches(text, PROBLEM) == ["launch scale<<<(m + 31) / 32, 32>>>(a, c, m, n, alpha)"]
    _, note = derive_plan(text, "k.cu", PROBLEM)
    assert "it takes input as a, height as m, factor as alpha" in note


def test_parameters_that_do_not_fit_the_problem_are_refused() -> None:
    text = launcher("scale<<<1, 1>>>(p, q, r, 1);", "float* p, float* q, float* r")
    with pytest.raises(BadInput, match=r"k.cu:5: run has tensors p, q, r, and the problem has a, c"):
        derive_plan(text, "k.cu", PROBLEM)


LAUNCH = "scale<<<1, 1>>>(x, y, rows, cols);"


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("float* d; cudaMalloc(&d, rows * 4);", "a local of type float|has no value|cudaMalloc"),
        ("cudaMalloc((void**)&y, rows * 4);", "`cudaMalloc` has no place in a plan"),
        ("cudaMemcpy(y, x, rows * 4, cudaMemcpyHostToDevice);", "`cudaMemcpy` has no place"),
        ("cudaMemset(y, 1, rows * 4);", "only cudaMemset\\(tensor, 0, bytes\\)"),
        ("for (int i = 0; i < 3; i++) { " + LAUNCH + " }", "not straight-line \\(for statement\\)"),
        ("while (rows) { }", "not straight-line \\(while statement\\)"),
        ("if (rows > 3) { " + LAUNCH + " }", "not straight-line \\(if statement\\)"),
        ("switch (rows) { default: ; }", "not straight-line \\(switch statement\\)"),
        ("#ifdef FAST\n#endif", "not straight-line \\(preproc"),
        ("{ " + LAUNCH + " }", "not straight-line \\(compound statement\\)"),
        ("cublasCreate(&rows);", "`cublasCreate` has no place"),
        ('printf("%d", rows);', "`printf` has no place"),
        ("CHECK(cudaMalloc(&x, 4));", "`CHECK` has no place"),
        ("rows += 1;", "has no place in a plan"),
        ("rows++;", "has no place in a plan"),
        ("int n;", "has no value where it is declared"),
        ("float f = 2.0f;", "a local of type float has no place"),
        ("cudaStream_t s;", "a local of type cudaStream_t has no place"),
        ("int n = ceil(rows / 256.0);", "`256.0` |`ceil"),
        ("int n = (int)(float)rows;", "is no integer arithmetic"),
        ("int n = other(rows);", "calls a function"),
        ("dim3 g(1, 2, 3, 4);", "one to three sizes, not 4"),
        ("dim3 g(1); int n = g;", "g is a dim3 where an integer is needed"),
        ("int n = grid.x;", "no component of a dim3"),
        ("scale<<<1>>>(x, y, rows, cols);", "needs a grid and a block"),
        ("scale<<<1, 1>>>(x + 4, y, rows, 1.5f);", "1.5f"),
        ("return rows;", "returns nothing here"),
    ],
)
def test_what_a_plan_cannot_say_is_refused_with_its_line(statement: str, why: str) -> None:
    with pytest.raises(BadInput, match=why) as caught:
        derive_plan(launcher(f"{LAUNCH}\n{statement}"), "k.cu")
    assert str(caught.value).startswith("k.cu:8: ")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (KERNEL + "int main() { scale<<<1, 1>>>(0, 0, 1, 1); }\n", "k.cu:5: a main cannot be turned"),
        (launcher(LAUNCH) + "int main() { return 0; }\n", "k.cu:9: a main cannot be turned"),
        (KERNEL, "neither a launch plan nor a function that launches"),
        ("", "neither a launch plan nor a function that launches"),
        (
            launcher(LAUNCH) + launcher(LAUNCH).replace(KERNEL, "").replace("run", "again"),
            "run \\(line 5\\), again \\(line 9\\)",
        ),
        (launcher(LAUNCH, "std::vector<float> x, float* y, int rows, int cols"), "x has type"),
    ],
)
def test_a_file_without_one_clear_launcher_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        derive_plan(text, "k.cu")


def test_locals_that_double_each_other_are_refused_rather_than_written_out() -> None:
    doubling = "".join(f"int n{i + 1} = n{i} + n{i};\n" for i in range(40))
    with pytest.raises(BadInput, match="operators in one expression"):
        derive_plan(launcher(f"int n0 = rows;\n{doubling}scale<<<n40, 1>>>(x, y, 1, 1);"), "k.cu")


def test_a_file_with_a_plan_is_known_from_one_without() -> None:
    assert has_plan("  #pragma kernelevo launch k<<<1, 1>>>()")
    assert not has_plan(launcher(LAUNCH))
    assert Output("y", "f32[n]").role == "out"


def test_in_a_file_with_a_plan_host_code_is_left_out_whatever_is_in_it() -> None:
    plan = "#pragma kernelevo launch scale<<<rows, 32>>>(x, y, rows, cols)\n"
    text = plan + launcher("for (;;) " + LAUNCH) + "int main() { std::vector<int> v; }\n__device__ int kept;\n"
    stripped, note = strip_host_code(text)
    assert note == "host code left out: run (line 6), main (line 10); its own plan is used"
    assert read_plan(stripped, "k.cu") == read_plan(text, "k.cu")
    assert stripped.split("\n")[10] == "__device__ int kept;"
    assert not any(word in stripped for word in ("void run", "main", "<<<1"))


def test_a_file_without_host_code_stays_as_it_is() -> None:
    text = (
        "#include <vector>\n#pragma kernelevo launch k<<<1, 1>>>()\nint plain() { return 1; }\n__global__ void k() {}\n"
    )
    assert strip_host_code(text) == (text, "")


def test_a_dim3_made_of_variables_is_no_function() -> None:
    body = "int t = 64; dim3 block(t, rows); dim3 grid((n + 63) / t); scale<<<grid, block>>>(x, y, n);"
    text = 'extern "C" __global__ void scale(const float* x, float* y, int n) {}\n'
    text += f"void go(float* x, float* y, int n, int rows) {{ {body} }}\n"
    launch = read_plan(derive_plan(text, "a.cu")[0], "a.cu").steps[0]
    assert [size.evaluate({"n": 128, "rows": 4}) for size in launch.block] == [64, 4, 1]
    assert [size.evaluate({"n": 128, "rows": 4}) for size in launch.grid] == [2, 1, 1]


def test_a_function_declared_inside_a_launcher_is_refused() -> None:
    text = 'extern "C" __global__ void scale(float* x, int n) {}\n'
    with pytest.raises(BadInput, match="no size of a dim3"):
        derive_plan(text + "void go(float* x, int n) { dim3 block(int a); scale<<<1, block>>>(x, n); }\n", "a.cu")
