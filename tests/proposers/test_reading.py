"""How kernels are read: names, index expressions as polynomials, reductions, launch lines."""

from __future__ import annotations

import pytest

from kernelevo.kernel.pragmas import read_plan
from kernelevo.proposers.rules.kernels import Kernel, find_kernels
from kernelevo.proposers.rules.launches import LaunchText, covered_items
from kernelevo.proposers.rules.polynomials import Forms, Polynomial
from kernelevo.proposers.rules.reductions import reduction
from kernelevo.proposers.rules.syntax import Edits, fresh_name, of_type, parse, reindented, text_of


def kernel_of(body: str) -> Kernel:
    text = f'extern "C" __global__ void k(const float *x, float *y, int n, int m) {{\n{body}\n}}\n'
    kernels = find_kernels(parse(text))
    assert list(kernels) == ["k"], text
    return kernels["k"]


def form_of(body: str, expression: str) -> Polynomial:
    """The polynomial of the right side of `int result = expression;` at the end of the body."""
    kernel = kernel_of(f"{body}\nint result = {expression};")
    value = kernel.names.declarations[-1].value
    assert value is not None
    return Forms(kernel.names, {"blockDim.x": Polynomial.constant(64)}, frozenset()).of(value)


@pytest.mark.parametrize(
    ("body", "left", "right"),
    [
        ("int r = blockIdx.x * blockDim.x + threadIdx.x;", "r * n + m", "m + n * (threadIdx.x + 64 * blockIdx.x)"),
        ("const int a = n + 1, b = a * a;", "b - 1", "n * (n + 2)"),
        ("", "(size_t)n * m", "m * (int)n"),
        ("", "n << 3", "8 * n"),
        ("", "n & 31", "n % 32"),
        ("", "n >> 5", "n / 32"),
        ("", "-n + m", "m - n"),
        ("", "static_cast<int>(n) + 0x10", "16 + n"),
    ],
)
def test_expressions_that_are_equal_have_equal_forms(body: str, left: str, right: str) -> None:
    assert form_of(body, left) == form_of(body, right)


@pytest.mark.parametrize(
    ("body", "left", "right"),
    [
        ("int a = n; a = m;", "a", "n"),
        ("int a = n; a++;", "a", "n"),
        ("", "n / 32 * 32", "n"),
        ("float a = n;", "a", "n"),
        ("int a[2] = {n, m};", "a[0]", "a[1]"),
        ("", "n % 32", "n % 16"),
    ],
)
def test_expressions_that_may_differ_have_different_forms(body: str, left: str, right: str) -> None:
    assert form_of(body, left) != form_of(body, right)


def test_a_coefficient_is_known_only_where_the_form_is_linear() -> None:
    form = form_of("", "threadIdx.x * n + m")
    assert form.coefficient("threadIdx.x") == Polynomial.atom("n")
    assert form_of("", "threadIdx.x * threadIdx.x").coefficient("threadIdx.x") is None
    assert form_of("", "threadIdx.x / 32 + m").coefficient("threadIdx.x") is None
    assert form_of("", "m").coefficient("threadIdx.x") == Polynomial({})


@pytest.mark.parametrize(
    ("update", "operator"),
    [
        ("v += x[j];", "sum"),
        ("v -= x[j];", "sum"),
        ("v = v + x[j] + 1.0f;", "sum"),
        ("v = x[j] * x[j] + v;", "sum"),
        ("v = fmaf(x[j], 2.0f, v);", "sum"),
        ("v *= x[j];", "product"),
        ("v = fmaxf(x[j], v);", "max"),
        ("v = min(v, x[j]);", "min"),
        ("v = x[j] > v ? x[j] : v;", "max"),
        ("v = v < x[j] ? x[j] : v;", "max"),
        ("v = x[j] > v ? v : x[j];", "min"),
        ("v = v <= x[j] ? v : x[j];", "min"),
        ("if (x[j] > v) v = x[j];", "max"),
        ("if (v > x[j]) { v = x[j]; }", "min"),
        ("if (x[j] > 0.0f) v += x[j];", "sum"),
    ],
)
def test_updates_are_recognised_as_reductions(update: str, operator: str) -> None:
    kernel = kernel_of(f"float v = x[0];\nfor (int j = 0; j < n; ++j) {{ {update} }}\n*y = v;")
    loop = next(of_type(kernel.body, "for_statement"))
    found = reduction(kernel, next(one for one in kernel.names.declarations if one.name == "v"), loop)
    assert found is not None
    assert found.operator.name == operator


@pytest.mark.parametrize(
    "update",
    [
        "v = x[j];",
        "v = x[j] - v;",
        "v += v * x[j];",
        "v += x[j]; v *= 2.0f;",
        "v += x[j]; y[j] = v;",
        "v = fmaxf(v * 0.5f, x[j]);",
        "if (x[j] > v) v = x[j] * 2.0f;",
        "if (v > 1.0f) v += x[j];",
        "v = fmaf(v, x[j], v);",
        "v = x[j] > v ? x[j] : 0.0f;",
        "v /= x[j];",
        "y[j] = v += x[j];",
    ],
)
def test_updates_whose_order_matters_are_no_reductions(update: str) -> None:
    kernel = kernel_of(f"float v = x[0];\nfor (int j = 0; j < n; ++j) {{ {update} }}\n*y = v;")
    loop = next(of_type(kernel.body, "for_statement"))
    assert reduction(kernel, next(one for one in kernel.names.declarations if one.name == "v"), loop) is None


def test_an_inner_declaration_hides_an_outer_one() -> None:
    kernel = kernel_of("int a = 1;\n{ int a = 2; y[a] = 0.0f; }\ny[a] = 1.0f;")
    outer, inner = (one for one in kernel.names.declarations if one.name == "a")
    assert [len(kernel.names.uses(one)) for one in (outer, inner)] == [1, 1]
    assert kernel.names.uses(inner)[0].start_byte < kernel.names.uses(outer)[0].start_byte


@pytest.mark.parametrize(
    "body", ["float &r = y[0]; r = 1.0f;", "auto f = [&]() { return 1; };", "again: goto again;", 'asm("exit;");']
)
def test_what_names_may_hide_behind_is_not_read(body: str) -> None:
    text = f"__global__ void k(float *y) {{ {body} }}"
    assert find_kernels(parse(text)) == {}


@pytest.mark.parametrize(
    ("count", "items"),
    [("ceildiv(rows, 64)", "rows"), ("(rows * cols + 64 - 1) / 64", "rows * cols"), ("ceildiv(f(a, b), 64)", "f(a, b)"),
     ("rows / 64", None), ("ceildiv(rows, 32)", None), ("ceildiv(rows, 64) * ceildiv(cols, 64)", None)],
)  # fmt: skip
def test_the_items_that_a_grid_covers(count: str, items: str | None) -> None:
    assert covered_items(count, "64") == items


@pytest.mark.parametrize(
    "line",
    [
        "#pragma kernelevo launch k<<<ceildiv(n, 64), 64>>>(x, n)",
        "#pragma kernelevo launch k<<<dim3(n, m), dim3(8, 8, 2), 4 * n>>>(x) when(n > 4 || m > 2) cooperative",
        "#pragma kernelevo launch k<<<8, 64>>>(x) cluster(2, 1, 1)",
    ],
)
def test_a_launch_line_is_written_as_it_was_read(line: str) -> None:
    (step,) = read_plan(f"{line}\n", "kernel.cu").steps
    assert str(LaunchText.of(step)) == line


def test_a_second_condition_holds_beside_the_first() -> None:
    (step,) = read_plan("#pragma kernelevo launch k<<<1, 32>>>(x) when(n > 4 || m > 2)\n", "kernel.cu").steps
    assert LaunchText.of(step).guarded("n % 4 == 0").guard == "(n > 4 || m > 2) && (n % 4 == 0)"


def test_edits_that_overlap_are_a_fault() -> None:
    edits = Edits(b"abcdef")
    edits.span(1, 4, "x")
    edits.span(3, 5, "y")
    with pytest.raises(ValueError, match="overlap"):
        edits.text()


def test_edits_keep_bytes_that_are_no_ascii() -> None:
    root = parse("/* größer */ int a;")
    identifier = next(of_type(root, "identifier"))
    edits = Edits(text_of(root).encode())
    edits.replace(identifier, "b")
    assert edits.text() == "/* größer */ int b;"


def test_fresh_names_avoid_macros_and_identifiers() -> None:
    root = parse("#define lane 3\nint lane2, lane3;")
    assert fresh_name("lane", root) == "lane4"
    assert fresh_name("warp", root) == "warp"


def test_a_block_of_text_is_moved_as_a_whole() -> None:
    assert reindented("  a;\n    b;\n\n  c;", "    ") == "    a;\n      b;\n\n    c;"


def test_a_name_is_explained_once_however_often_it_is_used() -> None:
    lines = ["int v0 = n;", *(f"int v{number + 1} = v{number} - v{number} + v{number};" for number in range(60))]
    assert form_of("\n".join(lines), "v60") == Polynomial.atom("n")
