"""New problems: from nothing, and from a kernel that becomes its own oracle."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernelevo.errors import BadInput
from kernelevo.kernel.arguments import Scalar
from kernelevo.kernel.pragmas import read_plan
from kernelevo.kernel.problem import Problem, load_problem
from kernelevo.kernel.scaffold import new_from_kernel, new_problem

KERNELS = Path(__file__).parents[2] / "kernels"


def test_a_new_problem_loads_at_once(tmp_path: Path) -> None:
    made = new_problem(tmp_path / "new", "mine")
    assert [path.name for path in made.files] == ["mine.cu", "mine.problem.py"]
    assert load_problem(made.files[1]).dims == ("n",)
    assert read_plan(made.files[0].read_text(), "mine.cu").steps[0].kernel == "mine"


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.problem.py").write_text("precious")
    with pytest.raises(BadInput, match=r"mine\.problem\.py is there already"):
        new_problem(tmp_path, "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.problem.py"]
    assert (tmp_path / "mine.problem.py").read_text() == "precious"


@pytest.mark.parametrize("name", ["", "a b", "../up", "1st", "a-b"])
def test_a_name_that_no_kernel_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="cannot name a kernel"):
        new_problem(tmp_path, name)


def shapes(problem: Problem) -> dict[str, str]:
    return {tensor.name: f"{tensor.role} {tensor.declaration}" for tensor in problem.tensors}


@pytest.mark.parametrize("name", [path.stem for path in sorted(KERNELS.glob("*.cu"))])
def test_a_shipped_kernel_alone_shows_the_arguments_its_problem_declares(tmp_path: Path, name: str) -> None:
    made = new_from_kernel(tmp_path, "again", KERNELS / f"{name}.cu")
    problem, shipped = load_problem(made.files[2]), load_problem(KERNELS / f"{name}.problem.py")
    assert shapes(problem) == shapes(shipped)
    assert {scalar.name for scalar in problem.scalars} == {scalar.name for scalar in shipped.scalars}
    assert problem.oracle == tmp_path / "again.oracle.cu"
    assert problem.oracle.read_text() == (KERNELS / f"{name}.cu").read_text() == made.files[0].read_text()
    assert any("is the oracle" in note for note in made.notes)


def write(folder: Path, text: str) -> Path:
    path = folder / "given.cu"
    path.write_text(text)
    return path


def test_a_host_launcher_gives_the_names_and_the_plan(tmp_path: Path) -> None:
    text = """\
__global__ void k(const half* p, half* q, int R, int C, float f)
{
    int r = blockIdx.x;
    const half* row = p + r * C;
    for (int c = threadIdx.x; c < C; c += blockDim.x) { q[r * C + c] += row[c]; }
}
void run(const half* in, half* out, int rows, int cols, float factor) { k<<<rows, 128>>>(in, out, rows, cols, factor); }
"""
    made = new_from_kernel(tmp_path, "mine", write(tmp_path, text))
    problem = load_problem(made.files[2])
    assert shapes(problem) == {"in": "in f16[rows, cols]", "out": "inout f16[rows, cols]"}
    assert problem.scalars == (Scalar("factor", "f32", 1.0),)
    assert any("out: taken as InOut" in note for note in made.notes)
    assert any("factor: its value 1.0 is assumed" in note for note in made.notes)
    assert any("host code left out" in note for note in made.notes)


def test_vector_elements_make_a_longer_last_axis(tmp_path: Path) -> None:
    text = """\
#pragma kernelevo launch k<<<ceildiv(n4, 256), 256>>>(x, y, n4)
__global__ void k(const float4* x, float4* y, int n4)
{
    int i = blockIdx.x * 256 + threadIdx.x;
    if (i < n4) y[i] = x[i];
}
"""
    problem = load_problem(new_from_kernel(tmp_path, "mine", write(tmp_path, text)).files[2])
    assert shapes(problem) == {"x": "in f32[4 * n4]", "y": "out f32[4 * n4]"}


def test_scratch_is_no_argument_and_a_cleared_sum_is_an_output(tmp_path: Path) -> None:
    text = """\
#pragma kernelevo temp float scratch[n]
#pragma kernelevo zero total
#pragma kernelevo launch first<<<ceildiv(n, 256), 256>>>(x, scratch, n)
#pragma kernelevo launch second<<<ceildiv(n, 256), 256>>>(scratch, total, n)
__global__ void first(const float* x, float* s, int n) {
    int i = blockIdx.x * 256 + threadIdx.x; if (i < n) s[i] = x[i]; }
__global__ void second(const float* s, float* t, int n) {
    int i = blockIdx.x * 256 + threadIdx.x; if (i < n) atomicAdd(t, s[i]); }
"""
    problem = load_problem(new_from_kernel(tmp_path, "mine", write(tmp_path, text)).files[2])
    assert shapes(problem) == {"x": "in f32[n]", "total": "out f32[1]"}


def test_a_shape_that_the_indices_do_not_show_is_said_to_be_a_guess(tmp_path: Path) -> None:
    text = """\
#pragma kernelevo launch k<<<n, 32>>>(x, index, y, n)
__global__ void k(const float* x, const int* index, float* y, int n)
{
    if (threadIdx.x == 0) y[blockIdx.x] = x[index[blockIdx.x]];
}
"""
    made = new_from_kernel(tmp_path, "mine", write(tmp_path, text))
    assert shapes(load_problem(made.files[2])) == {"x": "in f32[n]", "index": "in i32[n]", "y": "out f32[n]"}
    assert [note.partition(":")[0] for note in made.notes if "is a guess" in note] == ["x"]
    assert "is a guess" in made.files[2].read_text()


def test_rows_that_are_padded_are_no_shape_of_the_loop_bounds(tmp_path: Path) -> None:
    text = """\
#pragma kernelevo launch k<<<rows, 32>>>(x, y, rows, cols, stride)
__global__ void k(const float* x, float* y, int rows, int cols, int stride)
{
    for (int i = threadIdx.x; i < cols; i += 32) y[blockIdx.x * cols + i] = x[blockIdx.x * stride + i];
}
"""
    made = new_from_kernel(tmp_path, "mine", write(tmp_path, text))
    assert shapes(load_problem(made.files[2]))["y"] == "out f32[rows, cols]"
    assert [note.partition(":")[0] for note in made.notes if "is a guess" in note] == ["x"]


def test_an_element_zero_beside_other_indices_does_not_make_an_array_of_one(tmp_path: Path) -> None:
    text = """\
#pragma kernelevo launch k<<<ceildiv(n, 32), 32>>>(x, index, y, n)
__global__ void k(const float* x, const int* index, float* y, int n)
{
    int i = blockIdx.x * 32 + threadIdx.x;
    if (i < n) y[i] = x[index[i]] - x[0];
}
"""
    made = new_from_kernel(tmp_path, "mine", write(tmp_path, text))
    assert shapes(load_problem(made.files[2]))["x"] == "in f32[n]"
    assert any(note.startswith("x: its shape [n] is a guess") for note in made.notes)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("__global__ void k(float* y) { }\n", "neither a launch plan nor a function"),
        (
            "#pragma kernelevo launch j<<<1, 1>>>(y)\n__global__ void k(float* y) { }\n",
            "there is no kernel j; there are k",
        ),
        (
            "#pragma kernelevo launch k<<<1, 1>>>(y, n)\n__global__ void k(float* y) { }\n",
            "has 1 parameter, but the launch",
        ),
        (
            "#pragma kernelevo launch k<<<1, 1>>>(y, n)\n__global__ void k(Thing* y, int n) { }\n",
            "'Thing' is no element type",
        ),
        ("#pragma kernelevo launch k<<<1, 1>>>(n)\n__global__ void k(int n) { }\n", "no launch passes a pointer"),
        (
            "#pragma kernelevo launch k<<<1, 1>>>(y)\n__global__ void k(float* y) { y[0] = 1; }\n",
            "no dimension could be",
        ),
        ("#pragma kernelevo launch k<<<1,>>>(y)\n", r"given\.cu:1:32: expected a number"),
    ],
)
def test_a_kernel_that_shows_too_little_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        new_from_kernel(tmp_path, "mine", write(tmp_path, text))
    assert [path.name for path in tmp_path.iterdir()] == ["given.cu"]


def test_a_kernel_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no kernel file"):
        new_from_kernel(tmp_path, "mine", tmp_path / "gone.cu")
    path = tmp_path / "binary.cu"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadInput, match=r"binary\.cu is no text in UTF-8"):
        new_from_kernel(tmp_path, "mine", path)
