"""Loading problem files: what a correct one says, and one sentence for each mistake."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kernelevo import InOut, Input, Output, Problem, Scalar, Tolerance, normal
from kernelevo.errors import BadInput
from kernelevo.kernel.cases import MAX_TEST_ELEMENTS
from kernelevo.kernel.problem import load_problem, problem_path

GOOD = """\
from kernelevo import *

def reference(x, scale=None, rows=None):
    return x.sum(axis=1) * scale + rows

problem = Problem(
    arguments=[Input("x", "f32[rows, 2 * cols]"), Output("y", "f16[rows]", aligned=16), Scalar("scale", "f32", 0.1)],
    reference=reference,
    benchmarks=["rows=512, cols=64", ("rows=100, cols=3", 2.5)],
)
"""


def write(folder: Path, text: str, name: str = "thing.problem.py") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def problem(**changes) -> Problem:
    given = {
        "arguments": [Input("x", "f32[rows, cols]"), Output("y", "f32[rows]")],
        "reference": lambda x: x.sum(axis=1),
        "benchmarks": ["rows=8, cols=8"],
    }
    return Problem(**(given | changes))


def test_a_problem_file_says_what_it_declares(tmp_path: Path) -> None:
    loaded = load_problem(write(tmp_path, GOOD))
    assert (loaded.name, loaded.path, loaded.dims) == ("thing", tmp_path / "thing.problem.py", ("rows", "cols"))
    assert [(tensor.name, tensor.role, tensor.aligned) for tensor in loaded.tensors] == [
        ("x", "in", 4),
        ("y", "out", 16),
    ]
    assert [(case.name, case.weight) for case in loaded.benchmarks] == [
        ("rows=512,cols=64", 1),
        ("rows=100,cols=3", 2.5),
    ]
    assert loaded.tensors[0].sizes({"rows": 3, "cols": 5}) == (3, 10)
    assert loaded.least_bytes({"rows": 3, "cols": 5}) == 3 * 10 * 4 + 3 * 2
    assert loaded.flops is None
    assert loaded.oracle is None
    assert loaded.compute_dtype.name == "f32"
    assert loaded.scalars[0].value == np.float32(0.1)


def test_the_reference_gets_scalars_and_dimensions_that_it_names(tmp_path: Path) -> None:
    loaded = load_problem(write(tmp_path, GOOD))
    expected = loaded.expected({"x": np.ones((3, 4))}, {"rows": 3, "cols": 2})
    assert expected["y"].tolist() == [4 * float(np.float32(0.1)) + 3] * 3


def test_what_is_in_and_out_is_read_and_compared_and_counts_twice() -> None:
    def reference(x, y):
        return y + x

    axpy = problem(arguments=[Input("x", "f32[n]"), InOut("y", "f32[n]")], reference=reference, benchmarks=["n=4"])
    assert [tensor.name for tensor in axpy.inputs] == ["x", "y"]
    assert [tensor.name for tensor in axpy.outputs] == ["y"]
    assert axpy.least_bytes({"n": 10}) == 10 * 4 * 3


def test_default_tests_hold_the_edges_and_stay_small() -> None:
    cases = problem().tests
    sizes = [tuple(case.dims.values()) for case in cases]
    assert (1, 1) in sizes
    assert any(rows == 1 and cols > 1000 for rows, cols in sizes)
    assert any(rows > 1000 and cols < 10 for rows, cols in sizes)
    assert any(cols % 32 for _, cols in sizes)
    assert any(cols % 32 == 0 for _, cols in sizes)
    assert all(rows * cols <= MAX_TEST_ELEMENTS for rows, cols in sizes)


@pytest.mark.parametrize(
    "constraint", ["cols % 64 == 0", "rows % 4 == 0 && cols % 4 == 0", "cols <= 64", "cols > 5000"]
)
def test_default_tests_keep_the_constraints(constraint: str) -> None:
    limited = problem(
        constraints=[constraint], benchmarks=["rows=8, cols=64" if "5" not in constraint else "rows=8, cols=8192"]
    )
    assert len(limited.tests) >= 3
    assert all(limited.constraints[0].evaluate(case.dims) for case in limited.tests)
    assert all(case.dims["rows"] * case.dims["cols"] <= MAX_TEST_ELEMENTS for case in limited.tests)


def test_a_case_of_ones_own_takes_the_place_of_the_benchmarks() -> None:
    original = problem()
    changed = original.with_cases(["cols=1000, rows=4096"])
    assert [case.name for case in changed.benchmarks] == ["rows=4096,cols=1000"]
    assert [case.name for case in original.benchmarks] == ["rows=8,cols=8"]
    assert changed.tests == original.tests


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("rows=1", "cols has no size"),
        ("rows=1, cols=2, depth=3", "there is no dimension depth; the dimensions are rows, cols"),
        ("rows=1, rows=2, cols=3", "rows is given twice"),
        ("rows=0, cols=3", "not between 1 and"),
        ("rows=-1, cols=3", "'rows=-1' is no size"),
        ("rows=1.5, cols=3", "'rows=1.5' is no size"),
        ("rows 1", "is no size"),
        ("", "rows, cols have no size"),
        ("rows=1000000000, cols=1000000000", "needs .* bytes"),
        ("rows=1000000000000, cols=1000000000000", "needs .* bytes"),
    ],
)
def test_a_case_that_cannot_be_used_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        problem().case(text)


def test_a_case_outside_the_constraints_is_refused() -> None:
    with pytest.raises(BadInput, match="breaks the problem's constraint `cols % 4 == 0`"):
        problem(constraints=["cols % 4 == 0"]).with_cases(["rows=1, cols=6"])


def test_draws_follow_declared_distributions() -> None:
    drawn = problem(inputs={"x": [normal(100, 1), normal(-100, 1)]})
    rng = np.random.default_rng(0)
    dims = {"rows": 4, "cols": 4}
    assert [np.sign(drawn.draw(rng, dims, index)["x"].mean()) for index in range(3)] == [1, -1, 1]


X, Y = Input("x", "f32[n]"), Output("y", "f32[n]")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"arguments": [X, X, Y]}, "two arguments are named x"),
        ({"arguments": [X]}, "nothing to compare"),
        ({"arguments": Y}, "must be a list"),
        ({"arguments": ["f32[n]"]}, "must be a list"),
        ({"arguments": [Input("n", "f32[n]"), Y]}, "both an argument and a dimension"),
        ({"arguments": [Input("x", "f32[sms]"), Y]}, "the name sms has a meaning"),
        ({"arguments": [Input("min", "f32[n]"), Y]}, "the name min has a meaning"),
        ({"arguments": [Output("y", "f32[8]")]}, "no shape names a dimension"),
        ({"arguments": [X, Y], "benchmarks": []}, r'add benchmarks=\["n=1024"\]'),
        ({"arguments": [X, Y], "benchmarks": "n=3"}, "must be a list of cases"),
        ({"benchmarks": ["rows=1, cols=1", "cols=1, rows=1"]}, "two benchmark cases have the same sizes"),
        ({"benchmarks": [("rows=1, cols=1", 0.0)]}, "weight 0.0 is not a positive number"),
        ({"benchmarks": [("rows=1, cols=1", float("nan"))]}, "weight nan is not a positive number"),
        ({"benchmarks": ["rows=1"]}, "cols has no size"),
        ({"tests": "rows=1, cols=1"}, "tests= must be a list"),
        ({"tests": ["rows=x, cols=1"]}, "is no size"),
        ({"reference": None}, "either reference=FUNCTION or oracle="),
        ({"oracle": "x.cu"}, "either reference=FUNCTION or oracle="),
        ({"reference": 3}, "cannot be called"),
        ({"reference": lambda: 0}, "takes 0 arguments, but the inputs are x"),
        ({"inputs": {"z": [normal()]}}, "names z, but the inputs are x"),
        ({"inputs": {"x": normal()}}, "must be a list of distributions"),
        ({"inputs": {"x": []}}, "must be a list of distributions"),
        ({"tolerance": 1e-3}, "tolerance= must be Tolerance"),
        ({"constraints": ["depth > 1"]}, "names depth, but the dimensions are rows, cols"),
        ({"constraints": ["rows >"]}, "no integer expression"),
        ({"constraints": ["rows > 100000000"], "benchmarks": ["rows=100000001, cols=1"]}, "give it test cases"),
        ({"bytes": "4 * n"}, r"bytes `4 \* n` names n"),
        ({"flops": "2.5 * rows"}, "no integer expression"),
        ({"flops": "cols - 4 * rows"}, r"flops `cols - 4 \* rows` is -.* at least zero"),
        ({"bytes": "0 - rows"}, r"bytes `0 - rows` is -.* at least zero"),
        ({"compute_dtype": "f99"}, "no element type"),
    ],
)
def test_a_declaration_that_cannot_be_used_is_refused(changes: dict, why: str) -> None:
    if "arguments" in changes:
        changes = {"benchmarks": ["n=8"], **changes}
    with pytest.raises(BadInput, match=why):
        problem(**changes)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: Input("x y", "f32[n]"), "cannot name an argument"),
        (lambda: Input("x", "f32"), "is no type with a shape"),
        (lambda: Input("x", "f32[]"), "the shape of argument x cannot be read"),
        (lambda: Input("x", "f32[n,]"), "the shape of argument x cannot be read"),
        (lambda: Input("x", "f32[n m]"), "did not expect 'm'"),
        (lambda: Input("x", "g32[n]"), "'g32' is no element type"),
        (lambda: Input("x", "f32[n]", aligned=3), "aligned=3 is not a power of two"),
        (lambda: Input("x", "f64[n]", aligned=4), "from the element's 8 to 256"),
        (lambda: Scalar("s", "i32", 1.5), "not a whole number"),
        (lambda: Scalar("s", "f32", "1"), "is no number"),
        (lambda: Tolerance(-1, 0, "why"), "not negative"),
        (lambda: Tolerance(1e-3, 0, " "), "needs a reason"),
    ],
)
def test_an_argument_that_cannot_be_declared_is_refused(make, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        make()


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("problem = Problem", "other = Problem", "it sets no `problem`"),
        ("* scale + rows", "* scale + rows)", r"line 4: it cannot be imported: SyntaxError"),
        ("from kernelevo import *", "import nothing_like_this", "line 1: .*ModuleNotFoundError"),
        ("reference=reference", "reference=referenze", "line 8: .*NameError.*referenze"),
        (".sum(axis=1)", ".sum(axis=0)", r"failed: ValueError|returns shape \(\d+,\) for output y, .* f16\[rows\]"),
        (".sum(axis=1)", "", r"returns shape .* for output y, which is declared as f16\[rows\], \(\d+,\) at rows=\d+"),
        ("return x", "return x, x", "returns 2 arrays, but the outputs are y"),
        ("x.sum(", "x.smu(", "the reference of thing failed: AttributeError"),
        ("reference=reference", 'oracle="gone.cu"', "its oracle .*gone.cu does not exist"),
        ('"f16[rows]"', '"f16[rows, 0 * cols]"', "edge sizes|every size must be at least 1"),
    ],
)
def test_a_mistake_in_the_file_is_one_sentence_that_names_it(tmp_path: Path, old: str, new: str, why: str) -> None:
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(BadInput, match=why) as caught:
        load_problem(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_only_problem_files_are_imported(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"must end in \.problem\.py"):
        load_problem(write(tmp_path, GOOD, "thing.py"))
    with pytest.raises(BadInput, match="there is no problem file"):
        load_problem(tmp_path / "gone.problem.py")
    assert problem_path(Path("a/softmax.cu")) == Path("a/softmax.problem.py")


def test_nothing_beside_the_problem_is_imported_or_written(tmp_path: Path) -> None:
    write(tmp_path, "raise SystemExit('imported')", "beside.py")
    before = sorted(sys.modules)
    with pytest.raises(BadInput, match="ModuleNotFoundError"):
        load_problem(write(tmp_path, "import beside\n" + GOOD))
    load_problem(write(tmp_path, GOOD))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["beside.py", "thing.problem.py"]
    assert not [name for name in set(sys.modules) - set(before) if "problem" in name]


def test_a_dataclass_may_stand_in_a_problem_file(tmp_path: Path) -> None:
    head = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    text = head + GOOD.replace("def reference", "@dataclass\nclass Sizes:\n    rows: int\n\ndef reference")
    assert load_problem(write(tmp_path, text)).name == "thing"


def test_importing_the_package_does_not_import_numpy() -> None:
    code = "import sys, kernelevo; assert 'numpy' not in sys.modules; kernelevo.Problem; assert 'numpy' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_public_name_can_be_imported() -> None:
    import kernelevo

    for name in kernelevo.__all__:
        assert getattr(kernelevo, name).__doc__, name
    with pytest.raises(AttributeError, match="no attribute 'Problme'"):
        kernelevo.Problme  # noqa: B018
